"""An answer of a Source that breaks off or falls silent, read by whoever holds an instance."""

import asyncio

import aiohttp
import pytest
from tests.fakes.boxes import CONSUMER, ListedBoxes, box
from tests.fakes.dicom_objects import STUDY, MadeUpStudy
from tests.fakes.dicomweb_service import DicomwebService

from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection, Timeouts
from drimbox.errors import TimedOut, Unavailable

pytestmark = pytest.mark.anyio
ACCEPT = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"cut_after": 5000}, Unavailable, id="broken off"),
        pytest.param({"stall": asyncio.Event()}, TimedOut, id="silent"),
    ],
)
async def test_what_ends_an_answer_has_its_meaning(
    changes: dict[str, object], error: type[Unavailable]
) -> None:
    service = DicomwebService(MadeUpStudy().objects, **changes)  # type: ignore[arg-type]
    timeout = aiohttp.ClientTimeout(sock_read=0.3)
    connection = PeerConnection(box(CONSUMER).tls(), ListedBoxes(), timeouts=Timeouts(1, 0.3))
    async with service.running(), aiohttp.ClientSession(timeout=timeout) as session:
        answer = await session.get(f"{service.url}/studies/{STUDY}", headers=ACCEPT)
        with pytest.raises(error):
            assert [chunk async for chunk in connection.octets_of(answer)]
        answer.close()
