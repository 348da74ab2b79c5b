"""Each message is published, tried again, or stopped with an alert; none is lost."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from tests.fakes.fake_clock import FakeClock
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.entrypoints.worker.claim_loop import Wake
from drimbox.entrypoints.worker.intake_worker import IntakeWorker
from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.errors import Conflict, MalformedMessage, Unavailable
from drimbox.model.publication import AlertKind, ReceivedMessage
from drimbox.settings.partners import PublicationSettings

SETTINGS = PublicationSettings(retrieve_url_host="db1.test")


class Box:
    """An intake, its worker, and a publish_report that does what the test says."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self.clock = FakeClock()
        self.wake = Wake()
        self.intake = SqlIntake(database, sealing, on_kept=self.wake.set)
        self.register = SqlStudyRegister(database, sealing)
        self.alerts = SqlAlerts(database, self.clock)
        self.attempts: list[bytes] = []
        self.faults: list[Exception] = []

    async def publish_report(self, message: ReceivedMessage) -> None:
        self.attempts.append(message.content)
        if self.faults:
            raise self.faults.pop(0)
        await self.register.conclude(message.message_id, (), (), self.clock.now())

    async def receive(self, *contents: bytes) -> None:
        for content in contents:
            await self.intake.keep(f"key {content!r}", content, self.clock.now())

    async def run_until(self, is_over: Callable[[], bool]) -> None:
        worker = IntakeWorker(
            intake=self.intake,
            register=self.register,
            alerts=self.alerts,
            publish_report=self.publish_report,
            clock=self.clock,
            settings=SETTINGS,
            delay=RetryDelay(SETTINGS, lambda: 1.0),
            wake=self.wake,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            with anyio.fail_after(30):
                while not is_over():  # noqa: ASYNC110 - what it waits for has no event
                    await anyio.sleep(0.01)
            await anyio.sleep(0.05)
            group.cancel_scope.cancel()

    async def open_alerts(self) -> list[AlertKind]:
        return [alert.kind for alert in await self.alerts.find_open()]


@pytest.fixture
async def box(tmp_path: Path, sealing: Sealing) -> AsyncIterator[Box]:
    async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing) as database:
        yield Box(database, sealing)


@pytest.mark.anyio
async def test_messages_are_published_in_the_order_they_came(box: Box) -> None:
    await box.receive(b"1", b"2", b"3")
    await box.run_until(lambda: len(box.attempts) == 3)
    assert box.attempts == [b"1", b"2", b"3"]
    assert await box.intake.claim(box.clock.now() + timedelta(days=1), 60) is None


@pytest.mark.anyio
async def test_a_pacs_that_is_away_is_asked_again_later_while_others_pass(box: Box) -> None:
    box.faults = [Unavailable("PACS")]
    await box.receive(b"1", b"2")
    await box.run_until(lambda: len(box.attempts) == 2)
    assert box.attempts == [b"1", b"2"]
    assert await box.open_alerts() == []
    box.clock.advance(SETTINGS.first_retry_seconds)
    await box.run_until(lambda: len(box.attempts) == 3)
    assert box.attempts == [b"1", b"2", b"1"]


@pytest.mark.anyio
async def test_a_pacs_that_stays_away_raises_one_alarm(box: Box) -> None:
    await box.receive(b"1", b"2", b"3")
    box.clock.advance(SETTINGS.alarm_after_seconds)
    box.faults = [Unavailable("PACS")] * 3
    await box.run_until(lambda: len(box.attempts) == 3)
    assert await box.open_alerts() == [AlertKind.PACS_UNAVAILABLE]


@pytest.mark.anyio
async def test_a_study_that_changed_meanwhile_is_read_again_at_once(box: Box) -> None:
    box.faults = [Conflict("the study has another current KOS")]
    await box.receive(b"1")
    await box.run_until(lambda: len(box.attempts) == 1)
    box.clock.advance(1)
    await box.run_until(lambda: len(box.attempts) == 2)
    assert await box.open_alerts() == []


@pytest.mark.anyio
@pytest.mark.requirement("SO.21")
async def test_a_message_that_cannot_be_published_stops_with_an_alert(box: Box) -> None:
    box.faults = [MalformedMessage("no CDA", where="OBX-5")]
    await box.receive(b"1")
    await box.run_until(lambda: len(box.attempts) == 1)
    assert await box.open_alerts() == [AlertKind.EVENT_NOT_HANDLED]
    assert await box.intake.claim(box.clock.now() + timedelta(days=1), 60) is None


@pytest.mark.anyio
async def test_a_defect_keeps_the_message_tells_and_lets_others_pass(box: Box) -> None:
    box.faults = [ZeroDivisionError("DUPONT Jean, a patient")]
    await box.receive(b"1", b"2")
    await box.run_until(lambda: len(box.attempts) == 2)
    (alert,) = await box.alerts.find_open()
    assert "DUPONT" not in alert.text
    box.clock.advance(SETTINGS.first_retry_seconds)
    await box.run_until(lambda: len(box.attempts) == 3)
    assert box.attempts[-1] == b"1"
