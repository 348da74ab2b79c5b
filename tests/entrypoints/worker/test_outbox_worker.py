"""Each lot reaches the DMP once, whatever the DMP does meanwhile, or ends in an alert."""

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from tests.fakes.conditions import until
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_dmp_feeding import FakeDmpFeeding, make_entry
from tests.fakes.publications import kos_number, made_up_publication
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.outbox import SqlOutbox
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.entrypoints.worker.claim_loop import Wake
from drimbox.entrypoints.worker.outbox_worker import OutboxWorker
from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.errors import RejectedByPartner, TimedOut, Unavailable
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.publication import AlertKind, JobState
from drimbox.ports.study_register import NewPublication
from drimbox.settings.partners import PublicationSettings

SETTINGS = PublicationSettings(retrieve_url_host="db1.test")
AWAY = Unavailable("DMP")
FINISHED = {JobState.DONE, JobState.DEAD}


class Box:
    """An outbox, its worker and a DMP, on a clock that the test moves."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self.clock = FakeClock()
        self.wake = Wake()
        self.random: Callable[[], float] = lambda: 1.0
        self.dmp = FakeDmpFeeding()
        self.audit = FakeAuditRepository()
        self.intake = SqlIntake(database, sealing)
        self.register = SqlStudyRegister(database, sealing, on_queued=self.wake.set)
        self.outbox = SqlOutbox(database, sealing)
        self.alerts = SqlAlerts(database, self.clock)

    async def queue(self, *publications: NewPublication) -> None:
        for new in publications:
            await self.intake.keep(new.publication.kos_sop_instance_uid, b"", self.clock.now())
            message = await self.intake.claim(self.clock.now(), 60)
            assert message is not None
            await self.register.conclude(message.message_id, [new], (), self.clock.now())

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        worker = OutboxWorker(
            outbox=self.outbox,
            dmp=self.dmp,
            alerts=self.alerts,
            audit=self.audit,
            clock=self.clock,
            settings=SETTINGS,
            delay=RetryDelay(SETTINGS, self.random),
            dmp_name="https://dmp.test/repository",
            wake=self.wake,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            yield
            group.cancel_scope.cancel()

    async def run(self, seconds: float = 0, *, step: float = 60) -> None:
        """Let the worker do all it can now, then for so long of the clock."""
        async with self.working():
            await self._settle()
            while seconds > 0:
                self.clock.advance(step)
                seconds -= step
                self.wake.set()
                await self._settle()

    async def _settle(self, patience_seconds: float = 30) -> None:
        """Wait until nothing is due nor under way."""
        with anyio.fail_after(patience_seconds):
            while True:
                await anyio.sleep(0.01)
                jobs = await self.outbox.find_jobs(limit=10_000)
                # The first unfinished job of each study; the others wait for it.
                heads = {j.study_instance_uid: j for j in jobs if j.state not in FINISHED}
                if not any(
                    job.state is JobState.SENDING or job.next_attempt_at <= self.clock.now()
                    for job in heads.values()
                ):
                    return

    async def states(self) -> list[JobState]:
        return [job.state for job in reversed(await self.outbox.find_jobs())]

    async def open_alerts(self) -> list[AlertKind]:
        return [alert.kind for alert in await self.alerts.find_open()]

    @property
    def outcomes(self) -> list[AuditOutcome]:
        assert {event.action for event in self.audit.events} <= {AuditAction.KOS_PUBLISHED}
        return [event.outcome for event in self.audit.events]


@pytest.fixture
async def box(tmp_path: Path, sealing: Sealing) -> AsyncIterator[Box]:
    async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing) as database:
        yield Box(database, sealing)


@pytest.mark.anyio
@pytest.mark.requirement("SO.44")
async def test_a_lot_is_sent_marked_and_audited(box: Box) -> None:
    new = made_up_publication()
    await box.queue(new)
    await box.run()
    assert box.dmp.approved == [new.publication.kos_sop_instance_uid]
    assert await box.states() == [JobState.DONE]
    (event,) = box.audit.events
    assert event.outcome is AuditOutcome.SUCCESS
    assert event.study_instance_uid == new.publication.study_instance_uid
    assert event.document_unique_id == new.publication.kos_sop_instance_uid
    assert event.patient_id == new.publication.patient_id


@pytest.mark.anyio
async def test_a_success_whose_answer_was_lost_is_found_and_not_sent_again(box: Box) -> None:
    box.dmp.faults, box.dmp.loses_answer = deque([TimedOut("DMP", 60)]), True
    await box.queue(made_up_publication())
    await box.run(60)
    assert box.dmp.calls == [kos_number(1, 1)]
    assert await box.states() == [JobState.DONE]
    assert box.outcomes == [AuditOutcome.MINOR_FAILURE, AuditOutcome.SUCCESS]


@pytest.mark.anyio
async def test_a_replacement_whose_answer_was_lost_is_not_refused(box: Box) -> None:
    await box.queue(made_up_publication(kos=1))
    await box.run()
    box.dmp.faults, box.dmp.loses_answer = deque([AWAY]), True
    await box.queue(made_up_publication(kos=2, replaces=1))
    await box.run(60)
    assert box.dmp.approved == [kos_number(1, 2)]
    assert await box.states() == [JobState.DONE, JobState.DONE]
    assert await box.open_alerts() == []


@pytest.mark.anyio
async def test_a_duplicate_that_is_our_own_document_counts_as_published(box: Box) -> None:
    new = made_up_publication()
    assert new.submission is not None
    entry = make_entry(new.submission)
    box.dmp.documents[entry.unique_id] = replace(entry, hash_hex="0A" * 20)
    await box.queue(new)
    await box.run()
    assert await box.states() == [JobState.DONE]


@pytest.mark.anyio
async def test_a_duplicate_with_other_octets_is_dead_with_an_alert(box: Box) -> None:
    new = made_up_publication()
    assert new.submission is not None
    entry = make_entry(new.submission)
    box.dmp.documents[entry.unique_id] = replace(entry, hash_hex="ff" * 20)
    await box.queue(new)
    await box.run()
    assert await box.states() == [JobState.DEAD]
    assert await box.open_alerts() == [AlertKind.DMP_REFUSED]


@pytest.mark.anyio
async def test_the_entry_to_replace_is_looked_up_when_it_is_sent(box: Box) -> None:
    await box.queue(
        made_up_publication(kos=1),
        made_up_publication(kos=2, replaces=1),
        made_up_publication(kos=3, replaces=2),
    )
    await box.run()
    assert box.dmp.calls == [kos_number(1, 1), kos_number(1, 2), kos_number(1, 3)]
    assert box.dmp.approved == [kos_number(1, 3)]


@pytest.mark.anyio
@pytest.mark.requirement("SO.21")
@pytest.mark.requirement("SO.45")
async def test_a_refusal_is_dead_with_an_alert_and_its_code_in_the_trail(box: Box) -> None:
    box.dmp.faults = deque([RejectedByPartner("DMP", "XDSPatientIdDoesNotMatch")])
    await box.queue(made_up_publication(study=1), made_up_publication(study=2))
    await box.run(3600)
    assert await box.states() == [JobState.DEAD, JobState.DONE]
    (alert,) = await box.alerts.find_open()
    assert alert.kind is AlertKind.DMP_REFUSED
    assert alert.study_instance_uid == "1.2.250.1.999.7.1"
    failure = next(e for e in box.audit.events if e.outcome is not AuditOutcome.SUCCESS)
    assert failure.outcome is AuditOutcome.SERIOUS_FAILURE
    assert "XDSPatientIdDoesNotMatch" in failure.description


@pytest.mark.anyio
async def test_six_hours_without_the_dmp_lose_nothing_and_keep_the_order(box: Box) -> None:
    box.dmp.faults = deque([AWAY] * 10_000)
    await box.queue(
        *(made_up_publication(study=study) for study in range(1, 9)),
        made_up_publication(study=1, kos=2, replaces=1),
    )
    await box.run(14 * 60)
    assert await box.open_alerts() == []  # a quarter of an hour before the alarm
    await box.run(6 * 3600, step=300)
    assert await box.open_alerts() == [AlertKind.DMP_UNAVAILABLE]
    attempts = len(box.dmp.calls)
    assert attempts < 8 * 40, "no more than the curve allows"
    assert len(box.audit.events) == 8, "the outage is told once for each lot, not at each attempt"
    box.dmp.faults.clear()
    await box.run(900, step=300)
    assert set(await box.states()) == {JobState.DONE}
    assert sorted(box.dmp.approved) == sorted(
        [kos_number(1, 2), *(kos_number(study, 1) for study in range(2, 9))]
    )


@pytest.mark.anyio
async def test_a_lot_that_alone_is_not_answered_keeps_its_own_curve(box: Box) -> None:
    """Answers to the others are no end of an outage (R2): they do not bring it forward."""
    async with box.working():
        await box.queue(made_up_publication(study=1))
        await box._settle()
        box.dmp.faults = deque([AWAY])
        for study in range(2, 12):
            await box.queue(made_up_publication(study=study))
            await box._settle()
    assert box.dmp.calls.count(kos_number(2, 1)) == 1
    assert (await box.states()).count(JobState.RETRY) == 1


@pytest.mark.anyio
async def test_what_waits_since_before_a_start_goes_once_the_dmp_has_answered(box: Box) -> None:
    box.dmp.faults = deque([AWAY] * 3)
    await box.queue(*(made_up_publication(study=study) for study in (1, 2, 3)))
    await box.run()
    assert set(await box.states()) == {JobState.RETRY}
    await box.queue(made_up_publication(study=4))
    await box.run()
    assert set(await box.states()) == {JobState.DONE}


@pytest.mark.anyio
async def test_after_seven_days_a_lot_is_given_up_until_an_operator_retries(box: Box) -> None:
    box.dmp.faults = deque([AWAY] * 10_000)
    await box.queue(made_up_publication())
    await box.run(7 * 24 * 3600 - 3600, step=1800)
    assert await box.states() == [JobState.RETRY]
    await box.run(2 * 3600, step=1800)
    assert await box.states() == [JobState.DEAD]
    kinds = [(a.kind, a.study_instance_uid) for a in await box.alerts.find_open()]
    assert (AlertKind.DMP_UNAVAILABLE, "1.2.250.1.999.7.1") in kinds
    box.dmp.faults.clear()
    (job,) = await box.outbox.find_jobs()
    await box.outbox.retry(job.job_id, box.clock.now())
    await box.run()
    assert await box.states() == [JobState.DONE]


@pytest.mark.anyio
async def test_a_lot_of_a_clock_that_was_ahead_is_sent_when_its_time_has_come(box: Box) -> None:
    """R7: set back an hour after it was made, a lot says a submissionTime that no DMP takes yet."""
    await box.queue(made_up_publication())
    box.clock.set_back(3600)
    await box.run(3600 - 120)
    assert box.dmp.calls == []
    assert await box.states() == [JobState.RETRY]
    (alert,) = await box.alerts.find_open()
    assert alert.kind is AlertKind.DMP_UNAVAILABLE
    assert "clock that was ahead" in alert.text
    await box.run(120)
    assert box.dmp.calls == [kos_number(1, 1)]
    assert await box.states() == [JobState.DONE]


@pytest.mark.anyio
async def test_what_cannot_be_audited_is_not_marked_done(box: Box) -> None:
    box.audit.is_away = True
    await box.queue(made_up_publication())
    async with box.working():
        await until(lambda: bool(box.dmp.calls))
        await anyio.sleep(0.3)
    assert await box.states() == [JobState.SENDING]  # until its lease is over
    box.audit.is_away = False
    box.clock.advance(SETTINGS.lease_seconds)
    await box.run()
    assert await box.states() == [JobState.DONE]
    assert box.outcomes == [AuditOutcome.SUCCESS]
    assert box.dmp.calls == [kos_number(1, 1)]


@pytest.mark.anyio
async def test_a_defect_does_not_stop_the_other_lots(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    provide = box.dmp.provide

    async def fail_for_study_1(submission: object, **rest: object) -> None:
        if ".8.1." in submission.document_unique_id:  # type: ignore[attr-defined]
            raise ZeroDivisionError
        await provide(submission, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(box.dmp, "provide", fail_for_study_1)
    await box.queue(made_up_publication(study=1), made_up_publication(study=2))
    await box.run()
    assert await box.states() == [JobState.RETRY, JobState.DONE]
