"""STOW-RS: instances reach the destination as they are, and its refusals have their code."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence

import pydicom
import pytest
from aiohttp import web
from pydicom.dataset import Dataset
from pydicom.uid import JPEGBaseline8Bit
from tests.fakes.dicom_objects import SC, SR, STUDY, encoded, made_up_object
from tests.fakes.dicomweb_service import DicomwebService

from drimbox.adapters.pacs_dicomweb.stow import REUSED_WITHIN_SECONDS, StowStorage
from drimbox.errors import RejectedByPartner, TooLarge, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.settings.partners import DicomwebServiceSettings

pytestmark = pytest.mark.anyio
FAILED = b'[{"00081198": {"vr": "SQ", "Value": [{"00081197": {"vr": "US", "Value": [43008]}}]}}]'


@pytest.fixture
def service() -> DicomwebService:
    return DicomwebService([])


def objects() -> list[Dataset]:
    return [
        made_up_object(1, side=300),
        made_up_object(2, sop_class=SC, syntax=JPEGBaseline8Bit),
        made_up_object(3, sop_class=SR),
    ]


async def streams(objects: Sequence[Dataset]) -> AsyncIterator[InstanceStream]:
    for ds in objects:
        yield InstanceStream(
            SopClassUid(ds.SOPClassUID),
            SopInstanceUid(ds.SOPInstanceUID),
            TransferSyntaxUid(ds.file_meta.TransferSyntaxUID),
            in_chunks(encoded(ds)),
        )


async def in_chunks(octets: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), 1000):
        yield octets[start : start + 1000]


async def broken_off(octets: bytes) -> AsyncIterator[bytes]:
    yield octets
    raise Unavailable("Source box", "stopped")


async def store(service: DicomwebService, instances: AsyncIterator[InstanceStream]) -> list[int]:
    counts: list[int] = []
    storage = StowStorage(DicomwebServiceSettings(url=service.url), "Archive")
    await storage.store(instances, on_stored=counts.append)
    return counts


@pytest.mark.requirement("CO.60")
async def test_instances_of_several_kinds_arrive_as_they_left(service: DicomwebService) -> None:
    async with service.running():
        assert await store(service, streams(objects())) == [1, 2, 3]
    for sent, octets in zip(objects(), service.stored, strict=True):
        assert octets.endswith(encoded(sent))
        ds = pydicom.dcmread(io.BytesIO(octets))
        assert ds.SOPInstanceUID == sent.SOPInstanceUID
        assert ds.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        assert ds.preamble == b"\0" * 128
    assert service.requests == ["/dicom-web/studies"] * 3


async def test_a_connection_that_was_idle_is_not_used_again(service: DicomwebService) -> None:
    """Orthanc closes it after half a second: an image on its way then would be lost with it."""

    async def from_a_slow_source() -> AsyncIterator[InstanceStream]:
        async for instance in streams(objects()):
            yield instance
            await asyncio.sleep(2 * REUSED_WITHIN_SECONDS)

    async with service.running():
        assert await store(service, from_a_slow_source()) == [1, 2, 3]
    assert len(set(service.stored_from)) == 3


async def test_a_refusal_has_its_code_and_stops_the_rest(service: DicomwebService) -> None:
    service.refuses[f"{STUDY}.1.2"] = 0x0122
    counts: list[int] = []
    async with service.running():
        storage = StowStorage(DicomwebServiceSettings(url=service.url), "Archive")
        with pytest.raises(RejectedByPartner) as refused:
            await storage.store(streams(objects()), on_stored=counts.append)
    assert (refused.value.code, counts) == ("0122", [1])


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (202, b"", None),
        (200, b"<stored/>", None),
        (200, b'{"00081199": {"vr": "SQ"}}', RejectedByPartner),
        (200, FAILED, RejectedByPartner),
        (400, b"what?", RejectedByPartner),
        (409, b"", RejectedByPartner),
        (302, b"", RejectedByPartner),
        (413, b"", TooLarge),
        (503, b"", Unavailable),
    ],
)
async def test_an_answer_has_its_meaning(
    service: DicomwebService, status: int, body: bytes, error: type[Exception] | None
) -> None:
    service.store_answer = web.Response(status=status, body=body)
    async with service.running():
        if error is None:
            assert await store(service, streams(objects()[:1])) == [1]
        else:
            with pytest.raises(error):
                await store(service, streams(objects()[:1]))


async def test_one_that_breaks_off_is_not_stored(service: DicomwebService) -> None:
    ds = made_up_object(1)

    async def one() -> AsyncIterator[InstanceStream]:
        yield InstanceStream(
            SopClassUid(ds.SOPClassUID),
            SopInstanceUid(ds.SOPInstanceUID),
            TransferSyntaxUid(ds.file_meta.TransferSyntaxUID),
            broken_off(encoded(ds)[:500]),
        )

    async with service.running():
        with pytest.raises(Unavailable):
            await store(service, one())
    assert not service.stored


async def test_a_destination_that_is_away_is_unavailable() -> None:
    storage = StowStorage(DicomwebServiceSettings(url="http://127.0.0.1:9/dicom-web"), "Archive")
    with pytest.raises(Unavailable):
        await storage.store(streams(objects()), on_stored=lambda _: None)
