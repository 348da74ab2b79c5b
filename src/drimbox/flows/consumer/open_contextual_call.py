"""A contextual call -> a consultation context, and a trace of its outcome (TRA.04, KPI).

The form door and the FHIR operation both come through here. What a call opens is worth nothing
until the professional of that browser confirms the patient (O8), unless the call itself proved who
the professional is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.contextual_call import CallFault, CallParameter, MalformedCall, check_call
from drimbox.model.patient import InsAuthority
from drimbox.model.practice import Professional
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.session_store import ContextStore


@dataclass(frozen=True, slots=True)
class CallOrigin:
    """Where a call comes from; professional and access_token when it proved who calls."""

    address: str
    professional: Professional | None = None
    access_token: str | None = None

    def __repr__(self) -> str:
        return "CallOrigin()"


@dataclass(frozen=True, slots=True)
class OpenContextualCall:
    """authorities are the INS authorities that this environment accepts."""

    contexts: ContextStore
    audit: AuditRepository
    clock: Clock
    identifiers: Identifiers
    authorities: frozenset[InsAuthority]
    lifetime_seconds: float

    async def __call__(
        self, parameters: Iterable[CallParameter], origin: CallOrigin
    ) -> ConsultationContext:
        """Check the parameters and open a fresh context.

        Raises:
            MalformedCall: E200, with every fault.
        """
        try:
            call = check_call(parameters, self.authorities)
        except MalformedCall as error:
            await self.record_refusal(origin, str(error))
            raise
        now = self.clock.now()
        context = ConsultationContext(
            identifier=self.identifiers.new_secret(),
            patient=call.patient,
            local_patient_id=call.local_patient_id,
            consent=call.consent,
            created_at=now,
            expires_at=now + timedelta(seconds=self.lifetime_seconds),
            situation=call.situation,
            professional=origin.professional,
            access_token=origin.access_token,
            criteria=call.criteria,
        )
        await self._record(origin, AuditOutcome.SUCCESS, context=context)
        await self.contexts.add(context)
        return context

    def faults_of(self, parameters: Iterable[CallParameter]) -> tuple[CallFault, ...]:
        """Return what is wrong with the values of a call that is refused for its shape already."""
        try:
            check_call(parameters, self.authorities)
        except MalformedCall as error:
            return error.faults
        return ()

    async def record_refusal(self, origin: CallOrigin, reason: str) -> None:
        """Count a call that was refused before or by its check (`erreur` in ModelStat)."""
        await self._record(origin, AuditOutcome.MINOR_FAILURE, reason=reason)

    async def _record(
        self,
        origin: CallOrigin,
        outcome: AuditOutcome,
        *,
        context: ConsultationContext | None = None,
        reason: str = "",
    ) -> None:
        caller = origin.professional
        await self.audit.record(
            AuditEvent(
                action=AuditAction.CONTEXTUAL_CALL,
                outcome=outcome,
                occurred_at=self.clock.now(),
                user=caller.national_id if caller else "",
                source_address=origin.address,
                patient_id=context.patient.ins.xds_patient_id if context else None,
                consent=context.consent.value if context else None,
                description=reason,
            )
        )
