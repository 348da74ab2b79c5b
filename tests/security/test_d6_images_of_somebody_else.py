"""D6: what a Source sends for this patient's exam and is not of it is never shown (CO.68)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydicom import Dataset
from tests.fakes.dicom_files import OTHER_STUDY_UID, STUDY_UID, made_up_image
from tests.fakes.dicom_objects import encoded
from tests.fakes.manifests import made_up_ins

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import Mismatch
from drimbox.flows.image_streams import of_patient
from drimbox.model.patient import Ins, ins_control_key
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import SeriesKey

pytestmark = pytest.mark.anyio
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
SERIES = SeriesInstanceUid(f"{STUDY_UID}.2")
TARGET = TargetResource(StudyInstanceUid(STUDY_UID), SERIES)
NUMBER = "2790304000001"
SOMEBODY_ELSE = Ins(f"{NUMBER}{ins_control_key(NUMBER)}", made_up_ins().authority)
Change = Callable[[Dataset], None]


def carries(image: Dataset, *inses: Ins, oid: str | None = None) -> None:
    """Write these INS into Other Patient IDs, as a Source does (SO.39)."""
    items = []
    for ins in inses:
        item, qualifier = Dataset(), Dataset()
        item.PatientID, item.TypeOfPatientID = ins.value, "TEXT"
        qualifier.UniversalEntityID = oid or ins.authority.oid
        qualifier.UniversalEntityIDType = "ISO"
        item.IssuerOfPatientIDQualifiersSequence = [qualifier]
        items.append(item)
    image.OtherPatientIDsSequence = items


def patient_id_of_somebody_else(image: Dataset) -> None:
    qualifier = Dataset()
    qualifier.UniversalEntityID = SOMEBODY_ELSE.authority.oid
    qualifier.UniversalEntityIDType = "ISO"
    image.PatientID = SOMEBODY_ELSE.value
    image.IssuerOfPatientIDQualifiersSequence = [qualifier]


def another_study(image: Dataset) -> None:
    image.StudyInstanceUID = OTHER_STUDY_UID


def another_series(image: Dataset) -> None:
    image.SeriesInstanceUID = f"{STUDY_UID}.3"


def another_instance(image: Dataset) -> None:
    image.SOPInstanceUID = f"{STUDY_UID}.2.77"


OURS = made_up_ins()
MISMATCHES = [
    pytest.param(lambda i: carries(i, SOMEBODY_ELSE), id="the INS of somebody else"),
    pytest.param(carries, id="no INS"),
    pytest.param(lambda i: carries(i, OURS, SOMEBODY_ELSE), id="two INS, one of them ours"),
    pytest.param(lambda i: carries(i, OURS, oid="1.2.3.4"), id="our number, not as an INS"),
    pytest.param(patient_id_of_somebody_else, id="Patient ID is the INS of somebody else"),
    pytest.param(another_study, id="another study"),
    pytest.param(another_series, id="another series"),
    pytest.param(another_instance, id="another instance than its file says"),
]


async def chunks(image: Dataset) -> AsyncIterator[bytes]:
    octets = encoded(image)
    for start in range(0, len(octets), 700):
        yield octets[start : start + 700]


@dataclass
class Arrival:
    """Images as a Source sends them: each under the UID that was asked for."""

    cache: DiskImageCache

    async def shown(self, *changes: Change) -> list[str]:
        """Return what could be shown of a series whose images were changed so."""

        async def sent() -> AsyncIterator[InstanceStream]:
            for number, change in enumerate(changes, 1):
                image = made_up_image(number)
                uid = SopInstanceUid(image.SOPInstanceUID)
                image.file_meta.TransferSyntaxUID = EXPLICIT
                carries(image, made_up_ins())
                change(image)
                yield InstanceStream(SopClassUid(image.SOPClassUID), uid, EXPLICIT, chunks(image))

        key = SeriesKey(TARGET.study_instance_uid, SERIES, made_up_ins())
        copy = self.cache.open_series(key, lambda: of_patient(sent(), made_up_ins(), TARGET))
        seen = []
        try:
            async for instance in copy.instances():
                seen.append(str(instance.sop_instance_uid))
        except Mismatch:
            return seen
        return [*seen, "whole"]


@pytest.fixture
async def arrival(tmp_path: Path) -> AsyncIterator[Arrival]:
    cache = DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60)
    yield Arrival(cache)
    await cache.stop()


def files_in(folder: Path) -> int:
    return len(list(folder.rglob("*.dcm")))


def unchanged(image: Dataset) -> None:
    del image


@pytest.mark.requirement("CO.68")
@pytest.mark.parametrize("change", MISMATCHES)
async def test_an_image_that_is_not_this_patients_is_never_shown(
    arrival: Arrival, change: Change, tmp_path: Path
) -> None:
    assert await arrival.shown(unchanged, change, unchanged) == [f"{STUDY_UID}.2.1"]
    await arrival.cache.settled()
    # What came before it stays a minute, unfinished, for whoever asks again.
    assert files_in(tmp_path) == 1


async def test_what_is_this_patients_is_shown(arrival: Arrival) -> None:
    assert (await arrival.shown(unchanged, unchanged))[-1] == "whole"


async def test_a_copy_is_found_for_its_own_patient_only(arrival: Arrival) -> None:
    """A KOS of somebody else that names this series must fetch, and be checked, on its own."""
    await arrival.shown(unchanged)
    key = SeriesKey(TARGET.study_instance_uid, SERIES, made_up_ins())
    assert arrival.cache.find_series(key) is not None
    for other in (SOMEBODY_ELSE, None):
        assert arrival.cache.find_series(replace(key, ins=other)) is None
