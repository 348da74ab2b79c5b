"""R4: a PACS that hangs, at each step of each DIMSE service: given up in time, and told as such.

A PACS that hangs after its last answer, when the association is to be released, costs nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Literal

import pytest
from tests.fakes.dicom_objects import encoded, made_up_object
from tests.fakes.scripted_pacs import Peer, scripted_pacs

from drimbox.adapters.pacs_dimse.find_scu import FindScu
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.adapters.pacs_dimse.search import SeriesOutline, StudyOutline
from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.errors import TimedOut
from drimbox.model.retrieval import InstanceStream, QueryLevel, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.settings.partners import DicomListenerSettings, ExportDestination, PacsSettings
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.query_keys import encode_identifier
from drimbox.standards.dimse.messages import STUDY_ROOT_FIND, Command, CommandField, SubOperations

pytestmark = pytest.mark.anyio
IDLE_SECONDS = 0.5
# Some associations one after the other, and a machine that does other things as well.
PATIENCE_SECONDS = 20
CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
STUDY, SERIES = StudyInstanceUid("1.2.3"), SeriesInstanceUid("1.2.3.1")
Ask = Callable[[int], Awaitable[object]]
Script = Callable[[Peer], Awaitable[None]]


class KnownStudy(DimsePacs):
    """Spares the scripts the queries before a retrieval."""

    async def _outline(self, study: StudyInstanceUid) -> StudyOutline:
        del study
        return StudyOutline((SeriesOutline(SERIES, 2),), (CT,))


def settings_of(port: int, mode: Literal["c-get", "c-move"] = "c-get") -> PacsSettings:
    return PacsSettings(
        host="127.0.0.1",
        port=port,
        ae_title="PACS",
        retrieve_mode=mode,
        idle_timeout_seconds=IDLE_SECONDS,
        associations=1,
    )


async def echo(port: int) -> None:
    await DimsePacs(settings_of(port), None).echo()


async def find(port: int) -> object:
    async with FindScu(settings_of(port)).session() as session:
        identifier = encode_identifier(QueryLevel.STUDY, {tags.STUDY_INSTANCE_UID: ""})
        return await session.find(identifier)


def retrieve_by(mode: Literal["c-get", "c-move"]) -> Ask:
    async def retrieve(port: int) -> None:
        pacs = KnownStudy(settings_of(port, mode), DicomListenerSettings(port=0))
        await pacs.start()
        try:
            async for instance in pacs.retrieve(TargetResource(STUDY)):
                async for _ in instance.chunks:
                    pass
        finally:
            await pacs.close()

    return retrieve


async def store(port: int) -> None:
    destination = ExportDestination(name="Console", host="127.0.0.1", port=port, ae_title="DEST")
    storage = DimseStorage(destination, idle_seconds=IDLE_SECONDS)
    await storage.store(_two_instances(), on_stored=lambda _: None)


async def _two_instances() -> AsyncIterator[InstanceStream]:
    for number in (1, 2):
        made = made_up_object(number)

        async def chunks(octets: bytes = encoded(made)) -> AsyncIterator[bytes]:
            yield octets

        yield InstanceStream(
            SopClassUid(made.SOPClassUID),
            SopInstanceUid(made.SOPInstanceUID),
            TransferSyntaxUid(made.file_meta.TransferSyntaxUID),
            chunks(),
        )


async def hang() -> None:
    await asyncio.Event().wait()


async def at_the_connection(peer: Peer) -> None:
    del peer
    await hang()


async def once_associated(peer: Peer) -> None:
    await peer.accept()
    await hang()


async def before_the_answer(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    await hang()


async def between_two_matches(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    _match(peer, context, request)
    await hang()


async def inside_an_instance(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    peer.store(CT, "1.2.3.1.1", bytes(100_000))
    await peer.message()
    _begin_to_store(peer)
    await hang()


async def after_counting(peer: Peer) -> None:
    """Say that two are on their way, and send neither."""
    await peer.accept()
    context, request, _ = await peer.message()
    peer.answer(context, request, 0xFF00, SubOperations(2, 0, 0, 0))
    await hang()


async def after_the_first_of_two(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.answer(context, request, 0)
    await hang()


def _match(peer: Peer, context: int, request: Command) -> None:
    response = Command(
        CommandField.C_FIND_RSP,
        request.message_id,
        sop_class_uid=STUDY_ROOT_FIND,
        status=0xFF00,
        has_data_set=True,
    )
    peer.send(context, response, encode_data_set({tags.STUDY_INSTANCE_UID: ("UI", b"1.2.3\0")}))


def _begin_to_store(peer: Peer) -> None:
    """Send what announces an instance, and nothing of it."""
    assert peer.request is not None
    context = next(c.context_id for c in peer.request.contexts if c.abstract_syntax == CT)
    uid = "1.2.3.1.2"
    command = Command(
        CommandField.C_STORE_RQ, 2, sop_class_uid=CT, sop_instance_uid=uid, has_data_set=True
    )
    peer.send(context, command)


EVERYWHERE = (at_the_connection, once_associated, before_the_answer)
HANGS: dict[str, tuple[Ask, tuple[Script, ...]]] = {
    "C-ECHO": (echo, EVERYWHERE),
    "C-FIND": (find, (*EVERYWHERE, between_two_matches)),
    "C-GET": (retrieve_by("c-get"), (*EVERYWHERE, after_counting, inside_an_instance)),
    "C-MOVE": (retrieve_by("c-move"), (*EVERYWHERE, after_counting)),
    "C-STORE": (store, (*EVERYWHERE, after_the_first_of_two)),
}


@pytest.mark.parametrize(
    ("ask", "script"),
    [
        pytest.param(ask, script, id=f"{service} {script.__name__.replace('_', ' ')}")
        for service, (ask, scripts) in HANGS.items()
        for script in scripts
    ],
)
async def test_a_pacs_that_hangs_is_given_up_in_time(ask: Ask, script: Script) -> None:
    async with scripted_pacs(script) as port:
        since = time.monotonic()
        with pytest.raises(TimedOut):
            await asyncio.wait_for(ask(port), PATIENCE_SECONDS)
        assert time.monotonic() - since >= IDLE_SECONDS


async def test_a_pacs_that_hangs_at_the_release_costs_no_answer() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        _match(peer, context, request)
        peer.answer(context, request, 0)
        with suppress(EOFError):
            await peer.event()
        await hang()

    async with scripted_pacs(script) as port:
        found = await asyncio.wait_for(find(port), PATIENCE_SECONDS)
    assert isinstance(found, list)
    assert len(found) == 1
