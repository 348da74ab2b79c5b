"""Lots on their way to the DMP: pending -> sending (lease) -> done | retry | dead."""

from datetime import datetime
from typing import Protocol

from drimbox.model.publication import JobState, PublicationJob


class Outbox(Protocol):
    async def claim(self, now: datetime, lease_seconds: float) -> PublicationJob | None:
        """Take the oldest job due whose study has no earlier unfinished job, for a lease.

        One winner, whatever the number of workers and hosts; an expired lease may be taken again.
        """

    async def mark_done(self, job_id: int, now: datetime) -> None:
        """The DMP has it: job done, publication published, replaced one marked, at once."""

    async def mark_retry(self, job_id: int, until: datetime, reason: str) -> None:
        """Try again at that time."""

    async def bring_forward(self, now: datetime) -> int:
        """Make due now whatever waits to be tried again; return how many lots that are."""

    async def mark_dead(self, job_id: int, reason: str, now: datetime) -> None:
        """Give up until an operator retries: publication failed."""


class OutboxAdministration(Protocol):
    """For `drimbox publications` and /admin."""

    async def find_jobs(
        self, *, limit: int = 100, state: JobState | None = None
    ) -> tuple[PublicationJob, ...]:
        """List jobs, of one state or of all, newest first."""

    async def get_job(self, job_id: int) -> PublicationJob:
        """Raise NotFound when there is none."""

    async def retry(self, job_id: int, now: datetime) -> None:
        """Make a dead or waiting job due now; NotFound when there is none."""
