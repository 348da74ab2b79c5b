"""The DMP, consulted in one context: rights first, a trace of everything (TRA.04, UX.08, CO.81).

    consent, by name -> situation -> TD0.2 access -> then only ITI-18 and ITI-43

Nothing leaves the box for a patient who is opposed or was not asked (CO.93, CO.94), and no document
is asked for before the DMP said that this professional may read (UX.08).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from drimbox.errors import ConsentMissing, DrimboxError, Refused
from drimbox.flows.consumer.consultation_audit import ConsultationAudit, Trace
from drimbox.flows.consumer.situation import Situations
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.consent import check_may_consult
from drimbox.model.document_entry import DocumentEntry, DocumentQuery, RegisteredSet, SetQuery
from drimbox.model.publication import DmpIdentity
from drimbox.ports.dmp import DmpAccess, DmpConsultation, Retrieved


class DmpState(Enum):
    """Why a DMP cannot be read (TD0.2)."""

    ABSENT = "absent"
    CLOSED = "closed"
    NOT_AUTHORISED = "not-authorised"


class DmpNotReadable(Refused):
    """TD0.2 says no; nothing was asked for."""

    def __init__(self, state: DmpState) -> None:
        super().__init__(f"the DMP cannot be read: {state.value}")
        self.state = state


@dataclass(frozen=True, slots=True)
class ConsultDmp:
    """Methods that ask the DMP raise Unavailable or RejectedByPartner where it gives no answer."""

    dmp: DmpConsultation
    situations: Situations
    audit: ConsultationAudit

    async def check_consent(self, context: ConsultationContext) -> None:
        """Refuse, and record it, for a patient who is opposed or was not asked.

        Raises:
            ConsentMissing: so it is.
        """
        try:
            check_may_consult(context.consent)
        except ConsentMissing as error:
            refused = Trace(description=str(error))
            await self.audit.record(
                AuditAction.ACCESS_REFUSED, context, AuditOutcome.MINOR_FAILURE, refused
            )
            raise

    async def enter(self, context: ConsultationContext) -> DmpIdentity:
        """Check consent, situation and access; return in whose name the DMP is then asked.

        Raises:
            ConsentMissing: opposed, or nobody asked.
            NotAuthenticated: nobody has signed in to this context.
            SituationNeeded: the professional must choose a situation first.
            DmpNotReadable: no DMP, a closed one, or no authorisation.
        """
        await self.check_consent(context)
        identity = self.situations.identity_of(context)
        access = await self.audit.traced(
            AuditAction.DMP_ACCESS_CHECKED, context, self.dmp.check_access(identity)
        )
        state = _obstacle(access)
        if state is not None:
            raise DmpNotReadable(state)
        return identity

    async def find_documents(
        self, context: ConsultationContext, query: DocumentQuery, identity: DmpIdentity
    ) -> tuple[DocumentEntry, ...]:
        """Search the registry (ITI-18)."""
        return await self.audit.traced(
            AuditAction.DMP_QUERIED, context, self.dmp.find_documents(query, identity)
        )

    async def find_submission_sets(
        self, context: ConsultationContext, query: SetQuery, identity: DmpIdentity
    ) -> tuple[RegisteredSet, ...]:
        """Search submission sets, and their members (ITI-18)."""
        return await self.audit.traced(
            AuditAction.DMP_QUERIED, context, self.dmp.find_submission_sets(query, identity)
        )

    async def find_replaced(
        self, context: ConsultationContext, entry_uuids: Sequence[str], identity: DmpIdentity
    ) -> Mapping[str, tuple[str, ...]]:
        """Ask the registry what replaces what (ITI-18, GetAssociations)."""
        return await self.audit.traced(
            AuditAction.DMP_QUERIED, context, self.dmp.find_replaced(entry_uuids, identity)
        )

    async def retrieve_documents(
        self, context: ConsultationContext, batch: Sequence[DocumentEntry], identity: DmpIdentity
    ) -> Mapping[str, Retrieved]:
        """Bring a batch, and trace each document (CO.81); a failure costs that batch only."""
        found: Mapping[str, Retrieved]
        try:
            found = await self.dmp.retrieve_documents(batch, identity)
        except DrimboxError as error:
            found = {entry.unique_id: error for entry in batch}
        for entry in batch:
            one = found[entry.unique_id]
            has_come = isinstance(one, bytes)
            await self.audit.record(
                AuditAction.DMP_DOCUMENT_RETRIEVED,
                context,
                AuditOutcome.SUCCESS if has_come else AuditOutcome.MINOR_FAILURE,
                Trace(document=entry.unique_id, description="" if has_come else str(one)),
            )
        return found


def _obstacle(access: DmpAccess) -> DmpState | None:
    if not access.exists:
        return DmpState.ABSENT
    if not access.is_open:
        return DmpState.CLOSED
    return None if access.is_authorised else DmpState.NOT_AUTHORISED
