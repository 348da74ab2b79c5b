"""The loop of both workers: claim what is due, work on a few at a time, wait for more.

claim ──> job ──> work(job)        at most max_in_flight at a time
  │
  └──> nothing ──> wait: a wake-up in this process, or a poll for what others queued
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from anyio import CancelScope, Event, Semaphore, create_task_group, move_on_after, sleep

from drimbox.errors import Unavailable

Job = TypeVar("Job")
_FIRST_POLL_SECONDS, _LAST_POLL_SECONDS = 0.2, 0.5
_STORAGE_PAUSE_SECONDS = 1.0
_log = structlog.get_logger(__name__)


class Wake:
    """Tells a worker of the same process that there is something to claim."""

    def __init__(self) -> None:
        self._event = Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout_seconds: float) -> bool:
        """Wait; True when woken. Wake-ups that came before the call count."""
        with move_on_after(timeout_seconds):
            await self._event.wait()
        is_woken = self._event.is_set()
        self._event = Event()
        return is_woken


@dataclass(frozen=True)
class ClaimLoop(Generic[Job]):
    """work must not raise for what is wrong with its job: it records that with the job.

    Unavailable from claim or work means that the storage is away; the loop then pauses, and the
    lease of what was claimed brings it back.
    """

    name: str
    claim: Callable[[], Awaitable[Job | None]]
    work: Callable[[Job], Awaitable[None]]
    release: Callable[[Job], Awaitable[None]]
    max_in_flight: int = 1
    wake: Wake = field(default_factory=Wake)

    async def run(self) -> None:
        """Run until cancelled; what was claimed and not finished is released for others."""
        slots = Semaphore(self.max_in_flight)
        poll = _FIRST_POLL_SECONDS
        async with create_task_group() as group:
            while True:
                await slots.acquire()
                job = await self._claim()
                if job is not None:
                    group.start_soon(self._work, job, slots)
                    poll = _FIRST_POLL_SECONDS
                    continue
                slots.release()
                is_woken = await self.wake.wait(poll)
                poll = _FIRST_POLL_SECONDS if is_woken else min(poll * 1.5, _LAST_POLL_SECONDS)

    async def _claim(self) -> Job | None:
        job: Job | None = None
        try:
            # Shielded: a claim that is committed must reach its worker, or wait for its lease.
            with CancelScope(shield=True):
                job = await self.claim()
        except Unavailable as error:
            _log.warning("storage_away", worker=self.name, reason=error.partner)
            await sleep(_STORAGE_PAUSE_SECONDS)
        return job

    async def _work(self, job: Job, slots: Semaphore) -> None:
        is_finished = False
        try:
            await self.work(job)
            is_finished = True
        except Unavailable as error:
            is_finished = True  # the lease brings it back
            _log.warning("storage_away", worker=self.name, reason=error.partner)
            await sleep(_STORAGE_PAUSE_SECONDS)
        finally:
            slots.release()
            # The end of one job may be what another one of the same study waits for.
            self.wake.set()
            if not is_finished:
                await self._release(job)

    async def _release(self, job: Job) -> None:
        with CancelScope(shield=True), move_on_after(5):
            try:
                await self.release(job)
            except Unavailable as error:
                _log.warning("storage_away", worker=self.name, reason=error.partner)
