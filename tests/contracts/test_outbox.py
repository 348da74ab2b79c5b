"""What ports.outbox.Outbox and OutboxAdministration promise."""

from datetime import timedelta

import anyio
import pytest
from tests.fakes.publications import NOON, kos_number, made_up_publication

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.outbox import SqlOutbox
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.errors import Conflict, NotFound
from drimbox.model.publication import JobState, PublicationJob, PublicationState
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.study_register import NewPublication

LEASE = 120.0
LATER = NOON + timedelta(hours=1)
LONGEST_WAIT = timedelta(minutes=15)


class Queue:
    """An outbox, and what fills it."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self.outbox = SqlOutbox(
            database, sealing, longest_wait_seconds=LONGEST_WAIT.total_seconds()
        )
        self.register = SqlStudyRegister(database, sealing)
        self._intake = SqlIntake(database, sealing)

    async def put(self, *publications: NewPublication) -> None:
        for new in publications:
            await self._intake.keep(new.publication.kos_sop_instance_uid, b"", NOON)
            message = await self._intake.claim(NOON, LEASE)
            assert message is not None
            await self.register.conclude(message.message_id, [new], (), NOON)

    async def claim(self) -> PublicationJob:
        job = await self.outbox.claim(NOON, LEASE)
        assert job is not None
        return job

    async def states(self) -> list[PublicationState]:
        """Tell the states of the KOS 1, 2, 3… of study 1."""
        states: list[PublicationState] = []
        while found := await self.register.find_by_kos(
            SopInstanceUid(kos_number(1, len(states) + 1))
        ):
            states.append(found.state)
        return states


@pytest.fixture
def queue(database: Database, sealing: Sealing) -> Queue:
    return Queue(database, sealing)


@pytest.mark.anyio
async def test_a_lot_is_claimed_octet_for_octet(queue: Queue) -> None:
    new = made_up_publication()
    await queue.put(new)
    job = await queue.claim()
    assert job.submission == new.submission
    assert job.study_instance_uid == new.publication.study_instance_uid
    assert (job.state, job.attempts, job.created_at) == (JobState.SENDING, 1, NOON)


@pytest.mark.anyio
async def test_one_of_a_hundred_racing_claims_wins(
    queue: Queue, storage_url: str, sealing: Sealing
) -> None:
    await queue.put(made_up_publication())
    other = Database(storage_url)
    hosts = [queue.outbox, SqlOutbox(other, sealing)]
    winners: list[PublicationJob] = []

    async def race(number: int) -> None:
        job = await hosts[number % 2].claim(NOON, LEASE)
        if job is not None:
            winners.append(job)

    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(race, number)
    await other.close()
    assert len(winners) == 1


@pytest.mark.anyio
async def test_a_clock_set_back_an_hour_does_not_hold_lots(queue: Queue) -> None:
    """R7: one being sent when the clock was set back, one to be tried again, one that waited."""
    await queue.put(*(made_up_publication(study=study) for study in (1, 2, 3)))
    sent, failed = await queue.claim(), await queue.claim()
    await queue.outbox.mark_retry(failed.job_id, NOON + LONGEST_WAIT, "DMP does not answer")
    earlier = NOON - timedelta(hours=1)
    found = [await queue.outbox.claim(earlier, LEASE) for _ in range(3)]
    assert [job.job_id for job in found if job] == [
        sent.job_id,
        failed.job_id,
        failed.job_id + 1,
    ]
    assert await queue.outbox.claim(earlier, LEASE) is None


@pytest.mark.anyio
async def test_a_clock_set_forward_an_hour_takes_up_what_has_a_lease_once(queue: Queue) -> None:
    await queue.put(made_up_publication())
    sent = await queue.claim()
    again = await queue.outbox.claim(LATER, LEASE)
    assert again is not None
    assert (again.job_id, again.attempts) == (sent.job_id, 2)
    assert await queue.outbox.claim(LATER, LEASE) is None


@pytest.mark.anyio
async def test_lots_of_one_study_go_one_after_the_other(queue: Queue) -> None:
    await queue.put(
        made_up_publication(study=1, kos=1),
        made_up_publication(study=1, kos=2, replaces=1),
        made_up_publication(study=2, kos=1),
    )
    first, other_study = await queue.claim(), await queue.claim()
    assert first.submission.document_unique_id == kos_number(1, 1)
    assert other_study.submission.document_unique_id == kos_number(2, 1)
    assert await queue.outbox.claim(NOON, LEASE) is None
    due_at = NOON + LONGEST_WAIT
    await queue.outbox.mark_retry(first.job_id, due_at, "DMP does not answer")
    assert await queue.outbox.claim(NOON, LEASE) is None
    again = await queue.outbox.claim(due_at, LEASE)
    assert again is not None
    assert (again.job_id, again.attempts, again.last_error) == (
        first.job_id,
        2,
        "DMP does not answer",
    )
    await queue.outbox.mark_done(first.job_id, LATER)
    assert (await queue.claim()).submission.document_unique_id == kos_number(1, 2)


@pytest.mark.anyio
async def test_a_lease_that_ends_gives_the_job_back(queue: Queue) -> None:
    await queue.put(made_up_publication())
    job = await queue.claim()
    assert await queue.outbox.claim(NOON + timedelta(seconds=LEASE - 1), LEASE) is None
    again = await queue.outbox.claim(NOON + timedelta(seconds=LEASE), LEASE)
    assert again is not None
    assert again.submission == job.submission


@pytest.mark.anyio
async def test_a_replaced_kos_is_marked_only_when_the_dmp_has_the_new_one(queue: Queue) -> None:
    await queue.put(made_up_publication(kos=1))
    await queue.outbox.mark_done((await queue.claim()).job_id, NOON)
    assert await queue.states() == [PublicationState.PUBLISHED]
    await queue.put(made_up_publication(kos=2, replaces=1))
    assert await queue.states() == [PublicationState.PUBLISHED, PublicationState.PENDING]
    await queue.outbox.mark_done((await queue.claim()).job_id, LATER)
    assert await queue.states() == [PublicationState.REPLACED, PublicationState.PUBLISHED]
    current = await queue.register.find_by_kos(SopInstanceUid(kos_number(1, 2)))
    assert current is not None
    assert current.published_at == LATER


@pytest.mark.anyio
async def test_a_dead_job_fails_its_publication_and_lets_its_study_go_on(queue: Queue) -> None:
    await queue.put(made_up_publication(kos=1))
    await queue.outbox.mark_done((await queue.claim()).job_id, NOON)
    await queue.put(made_up_publication(kos=2, replaces=1), made_up_publication(kos=3, replaces=2))
    await queue.outbox.mark_dead((await queue.claim()).job_id, "refused", NOON)
    last = await queue.claim()
    # The DMP never had the second: the third replaces what the second would have replaced.
    assert last.submission.replaces == kos_number(1, 1)
    await queue.outbox.mark_done(last.job_id, NOON)
    assert await queue.states() == [
        PublicationState.REPLACED,
        PublicationState.FAILED,
        PublicationState.PUBLISHED,
    ]


@pytest.mark.anyio
async def test_what_is_done_stays_done(queue: Queue) -> None:
    await queue.put(made_up_publication())
    job = await queue.claim()
    await queue.outbox.mark_done(job.job_id, NOON)
    await queue.outbox.mark_done(job.job_id, LATER)
    await queue.outbox.mark_retry(job.job_id, NOON, "a worker whose lease was over")
    await queue.outbox.mark_dead(job.job_id, "a worker whose lease was over", NOON)
    assert (await queue.outbox.get_job(job.job_id)).state is JobState.DONE
    assert await queue.states() == [PublicationState.PUBLISHED]
    with pytest.raises(Conflict):
        await queue.outbox.retry(job.job_id, NOON)


@pytest.mark.anyio
async def test_an_operator_retries_a_dead_job_afresh(queue: Queue) -> None:
    await queue.put(made_up_publication())
    job = await queue.claim()
    await queue.outbox.mark_dead(job.job_id, "refused", NOON)
    assert await queue.states() == [PublicationState.FAILED]
    await queue.outbox.retry(job.job_id, LATER)
    assert await queue.states() == [PublicationState.PENDING]
    again = await queue.outbox.claim(LATER, LEASE)
    assert again is not None
    assert again.submission == job.submission
    assert again.created_at == LATER


@pytest.mark.anyio
async def test_a_dead_job_overtaken_by_a_newer_kos_is_not_retried(queue: Queue) -> None:
    await queue.put(made_up_publication(kos=1))
    dead = await queue.claim()
    await queue.outbox.mark_dead(dead.job_id, "refused", NOON)
    await queue.put(made_up_publication(kos=2))
    with pytest.raises(Conflict):
        await queue.outbox.retry(dead.job_id, NOON)


@pytest.mark.anyio
async def test_a_waiting_job_can_be_made_due_at_once(queue: Queue) -> None:
    await queue.put(made_up_publication())
    job = await queue.claim()
    with pytest.raises(Conflict):  # it is being sent
        await queue.outbox.retry(job.job_id, NOON)
    await queue.outbox.mark_retry(job.job_id, LATER, "DMP does not answer")
    await queue.outbox.retry(job.job_id, NOON)
    assert (await queue.claim()).job_id == job.job_id


@pytest.mark.anyio
async def test_jobs_are_listed_newest_first_and_unknown_ones_not_found(queue: Queue) -> None:
    await queue.put(made_up_publication(study=1), made_up_publication(study=2))
    jobs = await queue.outbox.find_jobs()
    assert [job.study_instance_uid[-1] for job in jobs] == ["2", "1"]
    assert len(await queue.outbox.find_jobs(limit=1)) == 1
    for call in (queue.outbox.get_job(404), queue.outbox.retry(404, NOON)):
        with pytest.raises(NotFound):
            await call
