"""C-FIND: what a PACS answers badly has a name, and a limit is told to it."""

from collections.abc import Awaitable, Callable

import pytest
from tests.fakes.scripted_pacs import Peer, scripted_pacs

from drimbox.adapters.pacs_dimse.find_scu import FindScu
from drimbox.errors import DrimboxError, RejectedByPartner, TimedOut, Unavailable
from drimbox.model.retrieval import QueryLevel
from drimbox.settings.partners import PacsSettings
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.query_keys import encode_identifier
from drimbox.standards.dimse.messages import STUDY_ROOT_FIND, VERIFICATION, Command, CommandField
from drimbox.standards.dimse.pdu import ExtendedNegotiation, UserInformation

pytestmark = pytest.mark.anyio
ANSWER = encode_data_set({tags.STUDY_INSTANCE_UID: ("UI", b"1.2.3\0")})


async def find(port: int, *, limit: int | None = None) -> list[DataSet]:
    settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS", idle_timeout_seconds=0.5)
    async with FindScu(settings).session() as session:
        identifier = encode_identifier(QueryLevel.STUDY, {tags.STUDY_INSTANCE_UID: ""})
        return await session.find(identifier, limit=limit)


def pending(peer: Peer, context: int, request: Command, octets: bytes = ANSWER) -> None:
    response = Command(
        CommandField.C_FIND_RSP,
        request.message_id,
        sop_class_uid=STUDY_ROOT_FIND,
        status=0xFF00,
        has_data_set=True,
    )
    peer.send(context, response, octets)


@pytest.mark.parametrize("accepts", [True, False])
async def test_relational_queries_are_used_where_granted(*, accepts: bool) -> None:
    async def script(peer: Peer) -> None:
        granted = ExtendedNegotiation(STUDY_ROOT_FIND, b"\1" if accepts else b"\0")
        await peer.accept(extended=UserInformation(16384, "1.2.3", extended=(granted,)))
        assert peer.request is not None
        assert peer.request.user_information.extended[0].information == b"\1"
        await peer.finish()

    async with scripted_pacs(script) as port:
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS")
        async with FindScu(settings).session() as session:
            assert session.is_relational is accepts


async def test_past_the_limit_the_pacs_is_told_to_stop() -> None:
    cancelled: list[int] = []

    async def sends_until_told(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        for _ in range(4):
            pending(peer, context, request)
        _, cancel, _ = await peer.message()
        assert cancel.field is CommandField.C_CANCEL_RQ
        cancelled.append(cancel.message_id)
        peer.answer(context, request, 0xFE00)
        await peer.finish()

    async with scripted_pacs(sends_until_told) as port:
        assert len(await find(port, limit=2)) == 2
    assert cancelled == [1]


def answers(status: int) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.accept()
        context, request, _ = await peer.message()
        pending(peer, context, request)
        peer.answer(context, request, status)
        await peer.finish()

    return script


async def refuses_the_model(peer: Peer) -> None:
    await peer.accept(refused={STUDY_ROOT_FIND, VERIFICATION})
    await peer.finish()


async def sends_garbage(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    pending(peer, context, request, b"no data set")
    await peer.finish()


async def sends_megabytes(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    pending(peer, context, request, bytes(5 * 1024 * 1024))
    await peer.finish()


async def answers_another_question(peer: Peer) -> None:
    await peer.accept()
    context, request, _ = await peer.message()
    peer.send(context, Command(CommandField.C_ECHO_RSP, request.message_id, status=0))
    await peer.finish()


async def accepts_an_accept(peer: Peer) -> None:
    await peer.event()
    peer.raw(b"\5\0\0\0\0\4\0\0\0\0")
    await peer.finish()


async def falls_silent(peer: Peer) -> None:
    await peer.accept()
    await peer.finish()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(answers(0xA700), Unavailable, id="out of resources"),
        pytest.param(answers(0xFE00), Unavailable, id="cancelled by nobody"),
        pytest.param(answers(0xA900), RejectedByPartner, id="identifier refused"),
        pytest.param(answers(0xC000), RejectedByPartner, id="cannot process"),
        pytest.param(refuses_the_model, RejectedByPartner, id="no Study Root"),
        pytest.param(sends_garbage, Unavailable, id="an unreadable answer"),
        pytest.param(sends_megabytes, Unavailable, id="an endless answer"),
        pytest.param(answers_another_question, Unavailable, id="another message"),
        pytest.param(accepts_an_accept, Unavailable, id="a release for an answer"),
        pytest.param(falls_silent, TimedOut, id="silence"),
    ],
)
async def test_names_what_went_wrong(
    script: Callable[[Peer], Awaitable[None]], error: type[DrimboxError]
) -> None:
    async with scripted_pacs(script) as port:
        with pytest.raises(error) as raised:
            await find(port)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "script",
    [pytest.param(refuses_the_model, id="no Verification"), pytest.param(answers(0x0122), id="no")],
)
async def test_an_echo_refused_is_told(script: Callable[[Peer], Awaitable[None]]) -> None:
    async with scripted_pacs(script) as port:
        settings = PacsSettings(host="127.0.0.1", port=port, ae_title="PACS")
        with pytest.raises((RejectedByPartner, Unavailable)):
            await FindScu(settings).echo()
