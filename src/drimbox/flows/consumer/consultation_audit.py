"""Traces of what a professional does in a context (CO.80 to CO.82, EX_AIR-070)."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from drimbox.errors import DrimboxError
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is said of one event beside who and whose: all of it optional."""

    study: StudyInstanceUid | None = None
    document: str | None = None
    destination: str = ""
    description: str = ""
    query: bytes | None = None


NOTHING_MORE = Trace()


@dataclass(frozen=True, slots=True)
class ConsultationAudit:
    """Records events of one context; a trace that cannot be written stops what it tells of."""

    audit: AuditRepository
    clock: Clock

    async def record(
        self,
        action: AuditAction,
        context: ConsultationContext,
        outcome: AuditOutcome = AuditOutcome.SUCCESS,
        trace: Trace = NOTHING_MORE,
    ) -> None:
        """Record one event.

        Raises:
            Unavailable: the audit trail cannot be written.
        """
        user = context.professional
        await self.audit.record(
            AuditEvent(
                action=action,
                outcome=outcome,
                occurred_at=self.clock.now(),
                user=user.national_id if user else "",
                user_name=f"{user.family_name} {user.given_name}" if user else "",
                user_role=user.profession_code if user else "",
                destination=trace.destination,
                patient_id=context.patient.ins.xds_patient_id,
                study_instance_uid=trace.study,
                document_unique_id=trace.document,
                consent=context.consent.value,
                description=trace.description,
                query=trace.query,
            )
        )

    async def traced(
        self,
        action: AuditAction,
        context: ConsultationContext,
        work: Awaitable[Result],
        trace: Trace = NOTHING_MORE,
    ) -> Result:
        """Do the work and record how it ended; its error goes on."""
        try:
            result = await work
        except DrimboxError as error:
            failed = Trace(trace.study, trace.document, trace.destination, str(error), trace.query)
            await self.record(action, context, AuditOutcome.SERIOUS_FAILURE, failed)
            raise
        await self.record(action, context, trace=trace)
        return result
