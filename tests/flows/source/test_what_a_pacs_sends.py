"""A Source passes on what it asked its PACS for, whatever that PACS sends."""

import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import pytest
from pydicom import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from tests.fakes.dicom_objects import CT, decoded, encoded, made_up_object

from drimbox.errors import Unavailable
from drimbox.flows.image_streams import outgoing
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.standards.dicom.outgoing import OutgoingIdentity

pytestmark = pytest.mark.anyio
STUDY, OTHER_STUDY = "1.2.250.1.999.50", "1.2.250.1.999.51"
ASKED_FOR = {
    "study": TargetResource(StudyInstanceUid(STUDY)),
    "series": TargetResource(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.1")),
    "instance": TargetResource(
        StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.1"), SopInstanceUid(f"{STUDY}.1.2")
    ),
}
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


@dataclass
class Sent:
    """An object as it comes; uid is what the message says of it, chunk_size how it is cut."""

    image: Dataset
    uid: str = ""
    chunk_size: int = 100_000


async def come(sent: Sequence[Sent]) -> AsyncIterator[InstanceStream]:
    for one in sent:
        yield InstanceStream(
            SopClassUid(CT),
            SopInstanceUid(one.uid or one.image.SOPInstanceUID),
            TransferSyntaxUid(one.image.file_meta.TransferSyntaxUID),
            chunks_of(one),
        )


async def chunks_of(one: Sent) -> AsyncIterator[bytes]:
    octets = encoded(one.image)
    if one.image.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        octets = deflater.compress(octets) + deflater.flush()
    for start in range(0, len(octets), one.chunk_size):
        yield octets[start : start + one.chunk_size]


async def passed_on(sent: Sequence[Sent], target: TargetResource) -> dict[str, Dataset]:
    found = {}
    async for instance in outgoing(come(sent), OutgoingIdentity(), target):
        octets = b"".join([chunk async for chunk in instance.chunks])
        found[str(instance.sop_instance_uid)] = decoded(octets)
    return found


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("chunk_size", [50, 100_000])
@pytest.mark.parametrize(
    ("asked_for", "expected"),
    [("study", {"1.1", "1.2", "2.1"}), ("series", {"1.1", "1.2"}), ("instance", {"1.2"})],
)
async def test_what_was_not_asked_for_is_passed_over(
    syntax: str, chunk_size: int, asked_for: str, expected: set[str]
) -> None:
    """The INS of the patient asked for would else be put into images of another."""
    images = [
        made_up_object(1, study=OTHER_STUDY, syntax=syntax),
        made_up_object(1, syntax=syntax),
        made_up_object(2, syntax=syntax),
        made_up_object(1, series=2, syntax=syntax),
    ]
    found = await passed_on([Sent(i, "", chunk_size) for i in images], ASKED_FOR[asked_for])
    assert set(found) == {f"{STUDY}.{end}" for end in expected}
    assert all(found[uid].SOPInstanceUID == uid for uid in found)


@pytest.mark.parametrize("padding", [0, 20_000])
@pytest.mark.parametrize(
    "sequence",
    ["RelatedSeriesSequence", "StudiesContainingOtherReferencedInstancesSequence"],
)
async def test_a_reference_to_the_series_asked_for_is_not_the_series(
    sequence: str, padding: int
) -> None:
    image = made_up_object(1, study=OTHER_STUDY)
    reference = Dataset()
    reference.StudyInstanceUID, reference.SeriesInstanceUID = STUDY, f"{STUDY}.1"
    setattr(image, sequence, [reference])
    image.add_new((0x0009, 0x0010), "LO", "TEST")
    image.add_new((0x0009, 0x1001), "OB", bytes(padding))
    with pytest.raises(Unavailable):
        await passed_on([Sent(image)], ASKED_FOR["series"])
    # Even where its message says that it is one of them.
    with pytest.raises(Unavailable):
        await passed_on([Sent(image, f"{STUDY}.1.1")], ASKED_FOR["series"])


@pytest.mark.parametrize("asked_for", ASKED_FOR)
async def test_one_under_the_name_of_another_ends_the_retrieval(asked_for: str) -> None:
    sent = [Sent(made_up_object(1), f"{STUDY}.1.2")]
    with pytest.raises(Unavailable):
        await passed_on(sent, ASKED_FOR[asked_for])


@pytest.mark.parametrize("asked_for", ASKED_FOR)
async def test_nothing_of_what_was_asked_for_is_a_failure_of_the_pacs(asked_for: str) -> None:
    with pytest.raises(Unavailable):
        await passed_on([Sent(made_up_object(1, study=OTHER_STUDY))], ASKED_FOR[asked_for])
