"""The loop works on a few jobs at a time, wakes at once, and outlives a storage that is away."""

from collections import deque

import anyio
import pytest
from tests.fakes.conditions import until

from drimbox.entrypoints.worker import claim_loop
from drimbox.entrypoints.worker.claim_loop import ClaimLoop, Wake
from drimbox.errors import Unavailable


class Jobs:
    """A queue of numbers; each is worked on until let go."""

    def __init__(self, *jobs: int) -> None:
        self.queued = deque(jobs)
        self.finished: list[int] = []
        self.released: list[int] = []
        self.in_flight = self.most_in_flight = 0
        self.storage_faults = 0
        self.seconds = 0.0

    async def claim(self) -> int | None:
        await anyio.lowlevel.checkpoint()
        if self.storage_faults:
            self.storage_faults -= 1
            raise Unavailable("storage")
        return self.queued.popleft() if self.queued else None

    async def work(self, job: int) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.in_flight, self.most_in_flight)
        await anyio.sleep(self.seconds)
        self.in_flight -= 1
        self.finished.append(job)

    async def release(self, job: int) -> None:
        await anyio.lowlevel.checkpoint()
        self.released.append(job)

    def loop(self, max_in_flight: int = 1, wake: Wake | None = None) -> ClaimLoop[int]:
        return ClaimLoop("test", self.claim, self.work, self.release, max_in_flight, wake or Wake())

    async def wait_until_finished(self, count: int) -> None:
        with anyio.fail_after(30):
            while len(self.finished) < count:  # noqa: ASYNC110 - what it waits for has no event
                await anyio.sleep(0.005)


@pytest.mark.anyio
@pytest.mark.parametrize("max_in_flight", [1, 3])
async def test_no_more_than_max_in_flight_at_a_time(max_in_flight: int) -> None:
    jobs = Jobs(*range(12))
    jobs.seconds = 0.02
    async with anyio.create_task_group() as group:
        group.start_soon(jobs.loop(max_in_flight).run)
        await jobs.wait_until_finished(12)
        group.cancel_scope.cancel()
    assert jobs.most_in_flight == max_in_flight
    assert sorted(jobs.finished) == list(range(12))
    assert jobs.released == []


@pytest.mark.anyio
async def test_a_wake_up_is_followed_without_waiting_for_the_poll(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claim_loop, "_FIRST_POLL_SECONDS", 3600)
    jobs, wake = Jobs(), Wake()
    async with anyio.create_task_group() as group:
        group.start_soon(jobs.loop(wake=wake).run)
        await anyio.wait_all_tasks_blocked()
        jobs.queued.append(1)
        wake.set()
        await jobs.wait_until_finished(1)
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_what_another_process_queued_is_found_by_the_poll() -> None:
    assert claim_loop._LAST_POLL_SECONDS <= 0.5
    jobs = Jobs()
    async with anyio.create_task_group() as group:
        group.start_soon(jobs.loop().run)
        await anyio.sleep(0.5)
        jobs.queued.append(1)
        await jobs.wait_until_finished(1)
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_job_under_way_at_the_end_is_released_for_others() -> None:
    jobs = Jobs(1, 2)
    jobs.seconds = 60
    async with anyio.create_task_group() as group:
        group.start_soon(jobs.loop().run)
        await until(lambda: jobs.in_flight == 1)
        group.cancel_scope.cancel()
    assert jobs.released == [1]
    assert list(jobs.queued) == [2]


@pytest.mark.anyio
async def test_the_loop_goes_on_when_the_storage_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claim_loop, "_STORAGE_PAUSE_SECONDS", 0.01)
    jobs = Jobs(1)
    jobs.storage_faults = 3
    async with anyio.create_task_group() as group:
        group.start_soon(jobs.loop().run)
        await jobs.wait_until_finished(1)
        group.cancel_scope.cancel()
