"""One exam of the manifest of tests/fakes/manifests.py, opened by a professional and kept here."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from tests.fakes.contexts import made_up_context
from tests.fakes.dicom_files import made_up_image, pixels
from tests.fakes.dicom_objects import encoded
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_kept_exams import FakeKeptExams
from tests.fakes.manifests import made_up_manifest

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.flows.consumer.serve_kept_exams import ServeKeptExams
from drimbox.model.kept_exam import KeptExam
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import Fidelity, SeriesKey


@dataclass
class KeptHere:
    """Its series 2 (three CT images) is in the cache, its series 9 (a report) is not."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)
    kept: FakeKeptExams = field(default_factory=FakeKeptExams)

    def __post_init__(self) -> None:
        self.cache = DiskImageCache(self.folder, max_bytes=10**9, max_age_seconds=3600)
        self.exams = ServeKeptExams(self.kept, self.cache, self.audit, self.clock)
        self.manifest = made_up_manifest()
        self.context = made_up_context()

    async def fill(self, fidelity: Fidelity = Fidelity.AS_STORED) -> None:
        exam = KeptExam(
            self.manifest,
            self.context.patient.ins,
            self.context.local_patient_id,
            self.clock.now() + timedelta(hours=1),
        )
        await self.kept.keep(exam)
        uid = self.manifest.series[0].series_instance_uid
        key = SeriesKey(self.manifest.study_instance_uid, uid, exam.ins, fidelity)
        copy = self.cache.open_series(key, self._images)
        assert len([instance async for instance in copy.instances()]) == 3

    async def stop(self) -> None:
        await self.cache.stop()

    async def _images(self) -> AsyncIterator[InstanceStream]:
        for number, instance in enumerate(self.manifest.series[0].instances, 1):
            image = made_up_image(number)
            image.SOPInstanceUID = instance.sop_instance_uid
            image.PixelData = pixels(number).tobytes()
            image["PixelData"].VR = "OW"
            image.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
            yield InstanceStream(
                SopClassUid(image.SOPClassUID),
                SopInstanceUid(image.SOPInstanceUID),
                TransferSyntaxUid("1.2.840.10008.1.2.1"),
                _whole(encoded(image)),
            )


async def _whole(octets: bytes) -> AsyncIterator[bytes]:
    yield octets
