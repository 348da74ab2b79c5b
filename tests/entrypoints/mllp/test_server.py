"""The MLLP door over real sockets: answers, limits (H1), who may call (H4), order, stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.conditions import until
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_intake import FakeIntake
from tests.fakes.fake_study_register import FakeAlerts
from tests.fakes.reports import REPORT, SENDING, message_of

from drimbox.entrypoints.mllp.server import MllpServer
from drimbox.errors import SettingsError, Unavailable
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.sandbox.ris.mllp_client import Answer, parse_answer, send
from drimbox.settings.partners import MllpSettings
from drimbox.standards.hl7v2.mllp import MllpReader, frame

HOST = "127.0.0.1"
READ = 65536


@dataclass
class SlowIntake(FakeIntake):
    """Stores only once it is let."""

    is_reached: asyncio.Event = field(default_factory=asyncio.Event)
    may_store: asyncio.Event = field(default_factory=asyncio.Event)

    async def keep(self, key: str, content: bytes, received_at: object) -> bool:
        self.is_reached.set()
        await self.may_store.wait()
        return await super().keep(key, content, received_at)  # type: ignore[arg-type]


def server_with(intake: FakeIntake, **settings: object) -> MllpServer:
    receive = ReceiveReport(
        intake=intake,
        alerts=FakeAlerts(),
        audit=FakeAuditRepository(),
        clock=FakeClock(),
        local_zone=ZoneInfo("Europe/Paris"),
        is_test=True,
    )
    return MllpServer(
        MllpSettings(host=HOST, port=0, **settings),  # type: ignore[arg-type]
        receive,
        FakeClock(),
    )


@asynccontextmanager
async def running(intake: FakeIntake, **settings: object) -> AsyncIterator[MllpServer]:
    server = server_with(intake, **settings)
    await server.start()
    try:
        yield server
    finally:
        await server.stop(grace_seconds=5)


async def read_answers(reader: asyncio.StreamReader) -> list[Answer]:
    """Read until the door closes."""
    frames, answers = MllpReader(READ), []
    async with asyncio.timeout(30):
        while octets := await reader.read(READ):
            answers += [parse_answer(message) for message in frames.receive(octets)]
    return answers


def numbered(number: int) -> bytes:
    return message_of(sending=replace(SENDING, control_id=f"MSG{number}"))


@pytest.mark.anyio
async def test_a_report_is_accepted_once_it_is_durable() -> None:
    intake = SlowIntake()
    async with running(intake) as server:
        sending = asyncio.create_task(send(HOST, server.port, message_of()))
        await intake.is_reached.wait()
        await asyncio.sleep(0.05)
        assert not sending.done()
        intake.may_store.set()
        assert await sending == Answer("AA", "MSG1")
    assert len(intake.messages) == 1


@pytest.mark.anyio
async def test_a_report_of_megabytes_is_accepted() -> None:
    intake = FakeIntake()
    report = replace(REPORT, sections=(("Résultats", "mot " * 1_000_000),))
    content = message_of(report)
    assert len(content) > 5_000_000
    async with running(intake) as server:
        assert (await send(HOST, server.port, content)).code == "AA"
    assert [message.content for message in intake.messages.values()] == [content]


@pytest.mark.anyio
async def test_messages_on_one_connection_are_answered_in_order() -> None:
    intake = FakeIntake()
    async with running(intake) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        wrong = numbered(2).replace(b"|2.6|", b"|2.3|")
        writer.write(frame(numbered(1)) + frame(wrong) + frame(b"noise") + frame(numbered(3)))
        writer.write_eof()
        answers = await read_answers(reader)
        writer.close()
    assert [(a.code, a.control_id, a.error_code) for a in answers] == [
        ("AA", "MSG1", ""),
        ("AE", "MSG2", "203"),
        ("AR", "", "100"),
        ("AA", "MSG3", ""),
    ]


@pytest.mark.anyio
async def test_connections_do_not_mix() -> None:
    intake = FakeIntake()
    async with running(intake) as server:
        pairs = [await asyncio.open_connection(HOST, server.port) for _ in range(5)]
        streams = [frame(numbered(number)) for number in range(5)]
        for start in range(0, max(map(len, streams)), 500):
            for (_, writer), stream in zip(pairs, streams, strict=True):
                writer.write(stream[start : start + 500])
                await writer.drain()
        for _, writer in pairs:
            writer.write_eof()
        answers = [await read_answers(reader) for reader, _ in pairs]
        for _, writer in pairs:
            writer.close()
    assert answers == [[Answer("AA", f"MSG{number}")] for number in range(5)]
    assert len(intake.messages) == 5


@pytest.mark.anyio
async def test_storage_away_is_answered_by_a_rejection_that_may_be_sent_again() -> None:
    intake = FakeIntake(is_away=True)
    async with running(intake) as server:
        answer = await send(HOST, server.port, message_of())
        assert (answer.code, answer.control_id, answer.error_code) == ("AR", "MSG1", "207")
        intake.is_away = False
        assert (await send(HOST, server.port, message_of())).code == "AA"


@pytest.mark.anyio
async def test_a_defect_still_gets_its_answer() -> None:
    class BrokenIntake(FakeIntake):
        async def keep(self, key: str, content: bytes, received_at: object) -> bool:
            raise ZeroDivisionError(key, received_at, len(content))

    async with running(BrokenIntake()) as server:
        answer = await send(HOST, server.port, message_of())
        assert (answer.code, answer.error_text) == ("AR", "internal error")


@pytest.mark.anyio
async def test_a_message_over_the_limit_is_refused_and_the_connection_closed() -> None:
    async with running(FakeIntake(), max_message_bytes=10_000) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"\x0b" + message_of() + b"x" * 100_000)
        (answer,) = await read_answers(reader)
        writer.close()
    assert (answer.code, answer.control_id, answer.error_code) == ("AE", "MSG1", "207")


@pytest.mark.anyio
@pytest.mark.parametrize("octets", [b"", b"\x0bMSH|", b"GET / HTTP/1.1\r\n\r\n"])
async def test_silence_ends_a_connection(octets: bytes) -> None:
    async with running(FakeIntake(), idle_timeout_seconds=0.1) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(octets)
        assert await read_answers(reader) == []
        writer.close()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Begin a message and never end it, an octet at a time, faster than silence."""
    writer.write(b"\x0bMSH|")
    while True:
        writer.write(b"x")
        await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_a_drip_of_octets_ends_too() -> None:
    async with running(FakeIntake(), idle_timeout_seconds=0.1) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        dripping = asyncio.create_task(drip(writer))
        # Closed while octets of ours were on their way, it may end as a reset.
        with contextlib.suppress(ConnectionError):
            assert await read_answers(reader) == []
        dripping.cancel()
        writer.close()


@pytest.mark.anyio
async def test_no_more_connections_than_allowed() -> None:
    async with running(FakeIntake(), max_connections=2) as server:
        # A listener takes them in the order in which they came.
        pairs = [await asyncio.open_connection(HOST, server.port) for _ in range(2)]
        with pytest.raises(Exception, match=r"closed|Error"):
            await send(HOST, server.port, message_of(), timeout_seconds=5)
        for _, writer in pairs:
            writer.close()
        await until(lambda: not server._connections)
        assert (await send(HOST, server.port, message_of())).code == "AA"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("allowed", "is_served"),
    [((), True), (("127.0.0.0/8",), True), ((HOST,), True), (("192.0.2.0/24", "::1"), False)],
)
async def test_only_allowed_addresses_are_served(allowed: tuple[str, ...], is_served: bool) -> None:
    intake = FakeIntake()
    async with running(intake, allowed_addresses=allowed) as server:
        if is_served:
            assert (await send(HOST, server.port, message_of())).code == "AA"
        else:
            with pytest.raises(Exception, match=r"closed|Error"):
                await send(HOST, server.port, message_of(), timeout_seconds=5)
    assert bool(intake.messages) == is_served


def test_an_address_that_is_none_is_a_fault_of_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"mllp\.allowed_addresses"):
        server_with(FakeIntake(), allowed_addresses=("ris.local",))


@pytest.mark.anyio
async def test_stopping_finishes_the_message_in_hand_and_ends_the_others() -> None:
    intake = SlowIntake()
    server = server_with(intake)
    await server.start()
    port = server.port
    idle_reader, idle_writer = await asyncio.open_connection(HOST, server.port)
    half_reader, half_writer = await asyncio.open_connection(HOST, server.port)
    half_writer.write(b"\x0b" + message_of()[:500])
    sending = asyncio.create_task(send(HOST, server.port, message_of()))
    await intake.is_reached.wait()
    stopping = asyncio.create_task(server.stop(grace_seconds=5))
    assert await read_answers(idle_reader) == []
    assert await read_answers(half_reader) == []
    assert not stopping.done()
    intake.may_store.set()
    assert await sending == Answer("AA", "MSG1")
    await stopping
    with pytest.raises(Unavailable):
        await send(HOST, port, message_of())
    for writer in (idle_writer, half_writer):
        writer.close()


@pytest.mark.anyio
async def test_a_message_that_never_ends_does_not_hold_up_the_stop() -> None:
    intake = SlowIntake()
    server = server_with(intake)
    await server.start()
    sending = asyncio.create_task(send(HOST, server.port, message_of()))
    await intake.is_reached.wait()
    async with asyncio.timeout(20):
        await server.stop(grace_seconds=0.1)
    with pytest.raises(Exception, match=r"closed|Error"):
        await sending
    assert intake.messages == {}
