"""The audit trail: an access that cannot be recorded does not happen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """Criteria, all optional; document matches a study or a document UID, patient_id a CX."""

    since: datetime | None = None
    until: datetime | None = None
    patient_id: str | None = None
    user: str | None = None
    document: str | None = None
    actions: tuple[AuditAction, ...] = ()
    limit: int = 1000

    def __repr__(self) -> str:
        return "AuditSearch()"


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """When something of a kind happened, and how it ended; nobody is named."""

    occurred_at: datetime
    action: AuditAction
    outcome: AuditOutcome


class AuditStatistics(Protocol):
    """What can be counted without opening an event."""

    async def find_outcomes(self, since: datetime, until: datetime) -> tuple[RecordedOutcome, ...]:
        """List what happened from since until before until, oldest first."""


class AuditRepository(Protocol):
    async def record(self, event: AuditEvent) -> None:
        """Write for good, before the access it tells of is answered (ITI-20).

        Raises:
            Unavailable: it could not be written; the access must fail.
        """

    async def find(self, search: AuditSearch) -> tuple[AuditEvent, ...]:
        """Find events, newest first (CS.10)."""

    async def verify(self) -> int:
        """Check the chain of digests and return the number of events.

        Raises:
            Mismatch: an event was altered, removed or inserted.
        """
