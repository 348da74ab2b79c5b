"""An audit trail in memory."""

from dataclasses import dataclass, field
from datetime import datetime

from drimbox.errors import Unavailable
from drimbox.model.audit import AuditAction, AuditEvent
from drimbox.ports.audit_repository import AuditSearch, RecordedOutcome


@dataclass
class FakeAuditRepository:
    """Keeps events; is_away makes each write fail, as a full disk does."""

    events: list[AuditEvent] = field(default_factory=list)
    is_away: bool = False

    async def record(self, event: AuditEvent) -> None:
        if self.is_away:
            raise Unavailable("audit repository")
        self.events.append(event)

    async def find(self, search: AuditSearch) -> tuple[AuditEvent, ...]:
        found = [e for e in reversed(self.events) if _matches(e, search)]
        return tuple(found[: search.limit])

    async def find_outcomes(self, since: datetime, until: datetime) -> tuple[RecordedOutcome, ...]:
        found = [e for e in self.events if since <= e.occurred_at < until]
        found.sort(key=lambda e: e.occurred_at)
        return tuple(RecordedOutcome(e.occurred_at, e.action, e.outcome) for e in found)

    async def verify(self) -> int:
        return len(self.events)

    @property
    def actions(self) -> list[AuditAction]:
        return [event.action for event in self.events]


def _matches(event: AuditEvent, search: AuditSearch) -> bool:
    return all(
        (
            search.since is None or event.occurred_at >= search.since,
            search.until is None or event.occurred_at <= search.until,
            search.patient_id is None or event.patient_id == search.patient_id,
            search.user is None or event.user == search.user,
            search.document is None
            or search.document in {event.study_instance_uid, event.document_unique_id},
            not search.actions or event.action in search.actions,
        )
    )
