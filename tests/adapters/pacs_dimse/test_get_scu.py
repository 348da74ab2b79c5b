"""C-GET: what a PACS sends is passed on as it comes; what it breaks is named, never swallowed."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from tests.fakes.scripted_pacs import Peer, scripted_pacs

from drimbox.adapters.pacs_dimse.association import HIGH_WATER
from drimbox.adapters.pacs_dimse.get_scu import (
    GetAssociation,
    GetNotSupported,
    NotAllSent,
    NothingSent,
    RetrievalScope,
    get,
)
from drimbox.adapters.pacs_dimse.instance_funnel import InstanceFunnel
from drimbox.errors import (
    DrimboxError,
    NotAcceptable,
    NotFound,
    RejectedByPartner,
    TimedOut,
    Unavailable,
)
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SopClassUid, StudyInstanceUid, TransferSyntaxUid
from drimbox.settings.partners import PacsSettings
from drimbox.standards.dimse.messages import (
    STUDY_ROOT_GET,
    Command,
    CommandField,
    SubOperations,
)
from drimbox.standards.dimse.pdu import (
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    RoleSelection,
    UserInformation,
)

pytestmark = pytest.mark.anyio
CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")
JPEG_LS = TransferSyntaxUid("1.2.840.10008.1.2.4.80")
JPEG_XL = "1.2.840.10008.1.2.4.110"
SCOPE = RetrievalScope((CT,), ())
TARGET = TargetResource(StudyInstanceUid("1.2.3"))
PIXELS = bytes(range(256)) * 200


async def retrieve(port: int, *, idle_seconds: float = 5.0) -> list[bytes]:
    """Return the data sets that arrive; raises what the retrieval raises."""
    settings = PacsSettings(
        host="127.0.0.1", port=port, ae_title="PACS", idle_timeout_seconds=idle_seconds
    )
    funnel = InstanceFunnel()
    task = asyncio.create_task(get(settings, [TARGET], SCOPE, funnel))
    task.add_done_callback(funnel.follow)
    found: list[bytes] = []
    try:
        async for instance in funnel.instances():
            found.append(b"")
            async for chunk in instance.chunks:
                found[-1] += chunk
    finally:
        funnel.close()
        with contextlib.suppress(DrimboxError):
            await task
    return found


async def sends_two(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    for number in (1, 2):
        peer.store(CT, f"1.2.3.{number}", PIXELS)
        _, response, _ = await peer.message()
        assert response.field is CommandField.C_STORE_RSP
        assert (response.status, response.sop_instance_uid) == (0, f"1.2.3.{number}")
    peer.answer(context, request, 0, SubOperations(0, 2, 0, 0))
    await peer.finish()


async def test_passes_on_every_instance_and_answers_each() -> None:
    async with scripted_pacs(sends_two) as port:
        assert await retrieve(port) == [PIXELS, PIXELS]


async def sends_before_answers(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    peer.store(CT, "1.2.3.2", b"")
    peer.store(CT, "1.2.3.3", PIXELS)
    peer.answer(context, request, 0, SubOperations(0, 3, 0, 0))
    await peer.finish()


async def test_a_pacs_that_does_not_wait_for_answers_loses_nothing() -> None:
    async with scripted_pacs(sends_before_answers) as port:
        assert await retrieve(port) == [PIXELS, b"", PIXELS]


async def closes_after_one(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    await peer.message()


async def closes_inside_an_instance(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    start = Command(CommandField.C_STORE_RQ, 1, CT, "1.2.3.1", has_data_set=True)
    peer.send(3, start)
    peer.raw(peer.layer.send_data(3, PIXELS[:10], is_last=False))
    await peer.writer.drain()


async def aborts(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    peer.raw(peer.layer.abort())


async def sends_http(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    peer.raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await peer.finish()


async def falls_silent(peer: Peer) -> None:
    await peer.accept()
    await peer.finish()


async def never_accepts(peer: Peer) -> None:
    await peer.event()
    await peer.event()


async def sends_half(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    peer.answer(context, request, 0xB000, SubOperations(0, 1, 1, 0))
    await peer.finish()


async def says_success_with_failures(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    peer.answer(context, request, 0, SubOperations(0, 1, 1, 0))
    await peer.finish()


async def ends_before_its_last(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    peer.answer(context, request, 0, SubOperations(0, 2, 0, 0))
    peer.store(CT, "1.2.3.2", PIXELS)
    await peer.finish()


async def ends_without_a_status(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    peer.send(context, Command(CommandField.C_GET_RSP, request.message_id))
    await peer.finish()


async def sends_nothing_of_two(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.answer(context, request, 0xB000, SubOperations(0, 0, 2, 0))
    await peer.finish()


async def lets_us_take_nothing(peer: Peer) -> None:
    roles = (RoleSelection(CT, is_scu=True, is_scp=False),)
    await peer.accept(extended=UserInformation(16384, "1.2.3", roles=roles))
    await peer.finish()


async def accepts_a_syntax_that_was_not_proposed(peer: Peer) -> None:
    request = await peer.event()
    assert isinstance(request, AssociateRequest)
    peer.request = request
    get, *storage = request.contexts
    answers = (
        ContextAnswer(get.context_id, ContextResult.ACCEPTANCE, get.transfer_syntaxes[0]),
        *(ContextAnswer(c.context_id, ContextResult.ACCEPTANCE, JPEG_XL) for c in storage),
    )
    accept = AssociateAccept("PACS", "DRIMBOX", answers, UserInformation(16384, "1.2.3"))
    peer.raw(peer.layer.accept(accept))
    await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    await peer.finish()


async def sends_a_wrong_uid(peer: Peer) -> None:
    await peer.accept()
    await peer.message()
    peer.store(CT, "../../etc/passwd", PIXELS)
    await peer.finish()


async def is_full(peer: Peer) -> None:
    await peer.reject(AssociateReject(2, 3, 2))


def ends_with(status: int) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        peer.answer(context, request, status)
        await peer.finish()

    return script


async def does_not_know_us(peer: Peer) -> None:
    await peer.reject(AssociateReject(1, 1, 3))


async def has_no_get(peer: Peer) -> None:
    await peer.accept(refused={STUDY_ROOT_GET})
    await peer.finish()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(closes_after_one, Unavailable, id="it closes after one instance"),
        pytest.param(closes_inside_an_instance, Unavailable, id="it closes inside an instance"),
        pytest.param(aborts, Unavailable, id="it aborts"),
        pytest.param(sends_http, Unavailable, id="it speaks another protocol"),
        pytest.param(falls_silent, TimedOut, id="it falls silent"),
        pytest.param(never_accepts, TimedOut, id="it never answers the association"),
        pytest.param(sends_half, NotAllSent, id="it could not send everything"),
        pytest.param(says_success_with_failures, NotAllSent, id="it counts failures"),
        pytest.param(ends_before_its_last, NotAllSent, id="it counts more than it sent"),
        pytest.param(ends_without_a_status, Unavailable, id="it ends without a status"),
        pytest.param(sends_nothing_of_two, NothingSent, id="it could send nothing"),
        pytest.param(lets_us_take_nothing, GetNotSupported, id="it refuses our role"),
        pytest.param(
            accepts_a_syntax_that_was_not_proposed, Unavailable, id="it accepts another syntax"
        ),
        pytest.param(sends_a_wrong_uid, Unavailable, id="it sends a path for a UID"),
        pytest.param(is_full, Unavailable, id="it has no association free"),
        pytest.param(ends_with(0xA701), Unavailable, id="it is out of resources"),
        pytest.param(ends_with(0xA900), RejectedByPartner, id="it refuses the identifier"),
        pytest.param(ends_with(0xC123), RejectedByPartner, id="it cannot understand"),
        pytest.param(ends_with(0x0000), NotFound, id="it holds nothing of that"),
        pytest.param(ends_with(0x0122), GetNotSupported, id="it does not support C-GET"),
        pytest.param(does_not_know_us, RejectedByPartner, id="it does not know our AE title"),
        pytest.param(has_no_get, GetNotSupported, id="it refuses the context"),
    ],
)
async def test_names_what_went_wrong(
    script: Callable[[Peer], Awaitable[None]], error: type[DrimboxError]
) -> None:
    async with scripted_pacs(script) as port:
        with pytest.raises(error) as raised:
            await retrieve(port, idle_seconds=0.3)
    assert type(raised.value) is error


async def warns_of_one(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.store(CT, "1.2.3.1", PIXELS)
    peer.store(CT, "1.2.3.2", PIXELS)
    peer.answer(context, request, 0xB000, SubOperations(0, 1, 0, 1))
    await peer.finish()


async def test_a_warning_is_no_want() -> None:
    """PS3.4 table C.4-3: B000 also means that all came and some with a warning."""
    async with scripted_pacs(warns_of_one) as port:
        assert await retrieve(port) == [PIXELS, PIXELS]


async def test_silence_is_counted_from_the_last_octet() -> None:
    """Who sends a little now and then is waited for, however long that takes in all."""
    idle_seconds = 0.6

    async def dribbles_then_falls_silent(peer: Peer) -> None:
        await peer.accept()
        await peer.message()
        for octet in b"\4\0\0\0\0\x80\0\0\0":  # a P-DATA-TF begins
            peer.raw(bytes((octet,)))
            await asyncio.sleep(idle_seconds / 4)
        await asyncio.sleep(3600)

    loop = asyncio.get_running_loop()
    async with scripted_pacs(dribbles_then_falls_silent) as port:
        began = loop.time()
        with pytest.raises(TimedOut):
            await retrieve(port, idle_seconds=idle_seconds)
        assert loop.time() - began > 2.75 * idle_seconds


async def test_a_consumer_that_leaves_ends_the_association_at_once() -> None:
    ended = asyncio.Event()

    async def sends_for_ever(peer: Peer) -> None:
        await peer.accept()
        await peer.message()
        try:
            for number in range(10_000):
                peer.store(CT, f"1.2.3.{number}", PIXELS)
                await peer.writer.drain()
                await peer.message()
        finally:
            ended.set()

    async with scripted_pacs(sends_for_ever) as port:
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS")
        funnel = InstanceFunnel()
        task = asyncio.create_task(get(settings, [TARGET], SCOPE, funnel))
        async with contextlib.aclosing(funnel.instances()) as instances:
            await anext(instances)
        funnel.close()
        task.cancel()
        async with asyncio.timeout(30):
            await ended.wait()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_consumer_that_does_not_read_holds_the_pacs_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """64 MiB are offered; no more than the high-water mark and one buffer are taken in."""
    taken: list[int] = []
    deliver = GetAssociation.deliver

    def watch(self: GetAssociation, event: object) -> bytes:
        answer = deliver(self, event)  # type: ignore[arg-type]
        taken.append(self._queued)
        return answer

    monkeypatch.setattr(GetAssociation, "deliver", watch)

    async def sends_much(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        for number in range(64):
            peer.store(CT, f"1.2.3.{number}", bytes(1024 * 1024))
            await peer.writer.drain()
        peer.answer(context, request, 0)
        await peer.finish()

    async with scripted_pacs(sends_much) as port:
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS")
        funnel = InstanceFunnel()
        task = asyncio.create_task(get(settings, [TARGET], SCOPE, funnel))
        task.add_done_callback(funnel.follow)
        received = 0
        async for instance in funnel.instances():
            if not received:
                await asyncio.sleep(0.3)
            async for chunk in instance.chunks:
                received += len(chunk)
        await task
    assert received == 64 * 1024 * 1024
    assert max(taken) < HIGH_WATER + 2 * 1024 * 1024


async def refuses_storage(peer: Peer) -> None:
    await peer.accept(refused={CT})
    await peer.finish()


async def has_it_in_another_syntax(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.answer(context, request, 0xA702, SubOperations(0, 0, 3, 0))
    await peer.finish()


@pytest.mark.requirement("SO.85")
@pytest.mark.parametrize("script", [refuses_storage, has_it_in_another_syntax])
async def test_nothing_in_the_syntaxes_asked_for_is_not_acceptable(
    script: Callable[[Peer], Awaitable[None]],
) -> None:
    async with scripted_pacs(script) as port:
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS")
        with pytest.raises(NotAcceptable):
            await get(settings, [TARGET], RetrievalScope((CT,), (JPEG_LS,)), InstanceFunnel())
