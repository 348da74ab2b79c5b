"""A search of the audit trail, itself recorded before it is answered (CS.10, PS3.15 A.5.3.2)."""

from dataclasses import dataclass

from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.ports.audit_repository import AuditRepository, AuditSearch
from drimbox.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class SearchAudit:
    """For operators: what is found tells identities."""

    audit: AuditRepository
    clock: Clock

    async def __call__(
        self, search: AuditSearch, *, operator: str, source_address: str = ""
    ) -> tuple[AuditEvent, ...]:
        """Return the events, newest first; operator is who asks, as this host knows them.

        Raises:
            Unavailable: the search cannot be made, or cannot be recorded: it is not answered.
        """
        found = await self.audit.find(search)
        await self.audit.record(
            AuditEvent(
                AuditAction.AUDIT_SEARCHED,
                AuditOutcome.SUCCESS,
                self.clock.now(),
                user=operator,
                source_address=source_address,
                patient_id=search.patient_id,
                document_unique_id=search.document,
                description=f"{len(found)} events",
            )
        )
        return found
