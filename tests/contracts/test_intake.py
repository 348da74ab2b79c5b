"""What ports.study_register.Intake promises."""

from datetime import datetime, timedelta

import anyio
import pytest
from tests.fakes.fake_intake import FakeIntake
from tests.fakes.publications import NOON

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.errors import Conflict, NotFound
from drimbox.model.publication import IntakeState, ReceivedMessage
from drimbox.ports.study_register import Intake

LEASE = 120.0


@pytest.fixture
def intake(database_or_fake: Database | None, sealing: Sealing) -> Intake:
    return FakeIntake() if database_or_fake is None else SqlIntake(database_or_fake, sealing)


@pytest.fixture
def sql_intake(database: Database, sealing: Sealing) -> SqlIntake:
    return SqlIntake(database, sealing)


@pytest.mark.anyio
async def test_a_kept_message_is_claimed_whole(intake: Intake) -> None:
    content = bytes(range(256)) * 5000
    assert await intake.keep("RIS^SITE^1^ab\x00\ud800", content, NOON)
    message = await intake.claim(NOON, LEASE)
    assert message is not None
    assert message.content == content
    assert (message.state, message.attempts) == (IntakeState.PROCESSING, 1)
    assert message.received_at == NOON


@pytest.mark.anyio
async def test_a_message_sent_again_is_kept_once(intake: Intake) -> None:
    assert await intake.keep("key", b"content", NOON)
    assert not await intake.keep("key", b"content", NOON)
    assert await intake.claim(NOON, LEASE) is not None
    assert await intake.claim(NOON, LEASE) is None


@pytest.mark.anyio
async def test_messages_are_claimed_in_the_order_they_came(intake: Intake) -> None:
    for number in range(5):
        await intake.keep(f"key {number}", b"%d" % number, NOON)
    claimed = [await intake.claim(NOON, LEASE) for _ in range(5)]
    assert [m.content for m in claimed if m] == [b"0", b"1", b"2", b"3", b"4"]


@pytest.mark.anyio
async def test_a_lease_that_ends_gives_the_message_back(intake: Intake) -> None:
    await intake.keep("key", b"content", NOON)
    await intake.claim(NOON, LEASE)
    assert await intake.claim(NOON + timedelta(seconds=LEASE - 1), LEASE) is None
    again = await intake.claim(NOON + timedelta(seconds=LEASE), LEASE)
    assert again is not None
    assert again.attempts == 2


@pytest.mark.anyio
async def test_a_postponed_message_waits_for_its_time_and_lets_others_pass(
    intake: Intake,
) -> None:
    await intake.keep("first", b"first", NOON)
    await intake.keep("second", b"second", NOON)
    first = await _claim(intake)
    await intake.postpone(first.message_id, NOON + timedelta(seconds=30), "PACS does not answer")
    assert (await _claim(intake)).content == b"second"
    assert await intake.claim(NOON + timedelta(seconds=29), LEASE) is None
    again = await intake.claim(NOON + timedelta(seconds=30), LEASE)
    assert again is not None
    assert (again.content, again.last_error) == (b"first", "PACS does not answer")


async def _claim_at(intake: Intake, now: datetime) -> str | None:
    message = await intake.claim(now, LEASE)
    return None if message is None else message.key


@pytest.mark.anyio
async def test_a_clock_set_back_an_hour_does_not_hold_messages(sql_intake: SqlIntake) -> None:
    await sql_intake.keep("kept before", b"", NOON)
    await sql_intake.keep("claimed before", b"", NOON)
    await sql_intake.keep("postponed before", b"", NOON)
    await _claim(sql_intake)
    postponed = await _claim(sql_intake)
    due_at = NOON + timedelta(minutes=15)
    await sql_intake.postpone(postponed.message_id, due_at, "PACS does not answer")
    assert {await _claim_at(sql_intake, NOON - timedelta(hours=1)) for _ in range(4)} == {
        "kept before",
        "claimed before",
        "postponed before",
        None,
    }


@pytest.mark.anyio
async def test_one_of_a_hundred_racing_claims_wins(
    storage_url: str, database: Database, sealing: Sealing
) -> None:
    hosts = [SqlIntake(database, sealing), SqlIntake(Database(storage_url), sealing)]
    await hosts[0].keep("key", b"content", NOON)
    winners: list[ReceivedMessage] = []

    async def race(number: int) -> None:
        message = await hosts[number % 2].claim(NOON, LEASE)
        if message is not None:
            winners.append(message)

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(race, number)
    await hosts[1]._database.close()
    assert len(winners) == 1


@pytest.mark.anyio
async def test_keeping_tells_the_worker_once(database: Database, sealing: Sealing) -> None:
    woken: list[str] = []
    intake = SqlIntake(database, sealing, on_kept=lambda: woken.append("kept"))
    await intake.keep("key", b"content", NOON)
    await intake.keep("key", b"content", NOON)
    assert woken == ["kept"]


@pytest.mark.anyio
async def test_only_a_stopped_or_waiting_message_can_be_tried_again(sql_intake: SqlIntake) -> None:
    await sql_intake.keep("key", b"content", NOON)
    message = await _claim(sql_intake)
    with pytest.raises(Conflict):
        await sql_intake.retry_message(message.message_id, NOON)
    await sql_intake.postpone(message.message_id, NOON + timedelta(days=1), "PACS does not answer")
    await sql_intake.retry_message(message.message_id, NOON)
    assert (await _claim(sql_intake)).message_id == message.message_id
    with pytest.raises(NotFound):
        await sql_intake.retry_message(message.message_id + 1, NOON)


async def _claim(intake: Intake) -> ReceivedMessage:
    message = await intake.claim(NOON, LEASE)
    assert message is not None
    return message
