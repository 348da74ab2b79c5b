"""N4 at both DICOM listeners: who says nothing, or hardly anything, is let go; others are served.

The HTTP listeners are in tests/entrypoints/http/test_slow_peers.py, that of the RIS in
tests/entrypoints/mllp/test_server.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pynetdicom import AE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import
from tests.fakes.kept_here import KeptHere

from drimbox.adapters.pacs_dimse.association import associate_request
from drimbox.adapters.pacs_dimse.presentation_contexts import number_contexts
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.entrypoints.dimse.query_retrieve_scp import LocalQueryDoor, QueryRetrieveScp
from drimbox.ports.pacs import MoveDestination
from drimbox.settings.partners import (
    DicomListenerSettings,
    LocalQueryPeer,
    LocalQuerySettings,
    PacsSettings,
)
from drimbox.standards.dimse.messages import VERIFICATION
from drimbox.standards.dimse.pdu import AssociateRequest
from drimbox.standards.dimse.upper_layer import UpperLayer

pytestmark = pytest.mark.anyio
_IDLE_SECONDS = 2.0
_WAIT_SECONDS = 60.0
_CALLER, _CALLED = "CALLER", "CALLED"


def _request() -> bytes:
    """Return the octets of an A-ASSOCIATE-RQ that either listener accepts."""
    contexts = number_contexts([(VERIFICATION, ("1.2.840.10008.1.2",))])
    asked: AssociateRequest = associate_request(
        called_ae_title=_CALLED, calling_ae_title=_CALLER, contexts=contexts, maximum_pdu=16384
    )
    return UpperLayer().request(asked)


@asynccontextmanager
async def storage_listener(folder: Path) -> AsyncIterator[int]:
    del folder
    pacs = PacsSettings(
        host="127.0.0.1", port=1, ae_title=_CALLER, idle_timeout_seconds=_IDLE_SECONDS
    )
    scp = StoreScp([pacs], DicomListenerSettings(port=0, ae_title=_CALLED))
    await scp.start()
    yield scp.port
    await scp.close()


@asynccontextmanager
async def query_listener(folder: Path) -> AsyncIterator[int]:
    here = KeptHere(folder)
    peers = (LocalQueryPeer(ae_title=_CALLER, host="127.0.0.1", port=1),)
    settings = LocalQuerySettings(port=0, ae_title=_CALLED, peers=peers)
    door = LocalQueryDoor(settings, here.exams, _nowhere)
    scp = QueryRetrieveScp(door, idle_seconds=_IDLE_SECONDS)
    await scp.start()
    yield scp.port
    await scp.stop()
    await here.stop()


def _nowhere(title: str, asked_by: str, message_id: int) -> MoveDestination:
    raise AssertionError((title, asked_by, message_id))


@pytest.fixture(params=[storage_listener, query_listener], ids=["C-STORE", "Query/Retrieve"])
async def port(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[int]:
    async with request.param(tmp_path) as listening_on:
        yield listening_on


@asynccontextmanager
async def dripping(writer: asyncio.StreamWriter, octets: bytes) -> AsyncIterator[None]:
    """Send one octet after the other, each well before the listener would call it silence."""

    async def drip() -> None:
        with suppress(ConnectionError):
            for octet in octets:
                writer.write(bytes([octet]))
                await writer.drain()
                await asyncio.sleep(_IDLE_SECONDS / 4)

    task = asyncio.create_task(drip())
    yield
    task.cancel()
    writer.transport.abort()


async def wait_for_echo(port: int) -> None:
    """Wait until somebody else, by pynetdicom, is answered a C-ECHO."""

    def echo() -> bool:
        entity = AE(ae_title=_CALLER)
        entity.add_requested_context(Verification)
        association = entity.associate("127.0.0.1", port, ae_title=_CALLED)
        if not association.is_established:
            return False
        status = association.send_c_echo()
        association.release()
        return bool(status and status.Status == 0)

    async with asyncio.timeout(_WAIT_SECONDS):
        while not await asyncio.to_thread(echo):  # noqa: ASYNC110 - its end has no event
            await asyncio.sleep(0.1)


async def wait_until_let_go(reader: asyncio.StreamReader) -> None:
    async with asyncio.timeout(_WAIT_SECONDS):
        with suppress(ConnectionError):
            while await reader.read(1000):
                pass


@pytest.mark.parametrize(
    "octets", [b"", _request()], ids=["says nothing", "sends its request octet by octet"]
)
async def test_who_asks_for_no_association_in_time_is_let_go(port: int, octets: bytes) -> None:
    """At that pace the request would take longer than is waited for here (ARTIM)."""
    assert not octets or len(octets) * _IDLE_SECONDS / 4 > _WAIT_SECONDS
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with dripping(writer, octets):
        await wait_for_echo(port)
        await wait_until_let_go(reader)


async def test_who_is_silent_once_associated_is_let_go(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_request())
    await wait_for_echo(port)
    await wait_until_let_go(reader)
    writer.close()


async def test_who_sends_a_query_octet_by_octet_is_let_go(tmp_path: Path) -> None:
    async with query_listener(tmp_path) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_request())
        # P-DATA-TF of a thousand octets, of which no end is ever seen.
        async with dripping(writer, b"\x04\x00\x00\x00\x03\xe8" + bytes(994)):
            await wait_for_echo(port)
            await wait_until_let_go(reader)
