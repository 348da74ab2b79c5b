"""A Source in memory that answers a request for images with given octets of a multipart message."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field

from pydicom import Dataset
from tests.fakes.dicom_files import STUDY_UID, made_up_image
from tests.fakes.dicom_objects import encoded
from tests.fakes.manifests import made_up_ins, made_up_series

from drimbox.flows.consumer.series_from_source import MAX_OCTETS, SeriesFromSource
from drimbox.flows.image_streams import of_patient
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header
from drimbox.standards.dicomweb.received_instances import received_instances

BOUNDARY = "b0undary"
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
SERIES = TargetResource(StudyInstanceUid(STUDY_UID), SeriesInstanceUid(f"{STUDY_UID}.2"))


Script = Callable[[TargetResource], Iterable[bytes]]
"""From what is asked for to the octets of the answer."""


def image_with_ins(number: int) -> Dataset:
    """Return an image of the series as a Source sends it (SO.39)."""
    image = made_up_image(number)
    image.file_meta.TransferSyntaxUID = EXPLICIT
    qualifier, item = Dataset(), Dataset()
    qualifier.UniversalEntityID = made_up_ins().authority.oid
    qualifier.UniversalEntityIDType = "ISO"
    item.PatientID, item.TypeOfPatientID = made_up_ins().value, "TEXT"
    item.IssuerOfPatientIDQualifiersSequence = [qualifier]
    image.OtherPatientIDsSequence = [item]
    return image


def part(number: int, *, headers: dict[str, str] | None = None) -> bytes:
    """Return one image as a part of the message."""
    image = image_with_ins(number)
    head = part_header(BOUNDARY, {"Content-Type": "application/dicom", **(headers or {})})
    meta = encode_file_meta(CT, SopInstanceUid(image.SOPInstanceUID), EXPLICIT)
    return head + meta + encoded(image) + PART_END


def message(*numbers: int) -> bytes:
    return b"".join(part(number) for number in numbers) + closing(BOUNDARY)


@dataclass
class ScriptedSource:
    """Answers the n-th request with the n-th script, the last one again and again."""

    scripts: list[Script]
    asked: list[TargetResource] = field(default_factory=list)

    async def ask(self, target: TargetResource) -> AsyncGenerator[InstanceStream, None]:
        self.asked.append(target)
        script = self.scripts[min(len(self.asked), len(self.scripts)) - 1]
        instances = received_instances(_chunks(script(target)), BOUNDARY, "Source box")
        async with aclosing(instances):
            async for instance in instances:
                yield instance

    def series(self, *, max_octets: int = MAX_OCTETS) -> AsyncIterator[InstanceStream]:
        """Retrieve the series of three images, as the Consommatrice does."""
        source = SeriesFromSource(
            self.ask, SERIES.study_instance_uid, made_up_series(2, 3), _no_pause, max_octets
        )
        return of_patient(source.instances(), made_up_ins(), SERIES)


async def _chunks(script: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in script:
        yield chunk


async def _no_pause(seconds: float) -> None:
    assert 0 < seconds < 5
