"""A message of the RIS arrives: check it, make it durable, record it; only then it is accepted.

    octets -> envelope -> report -> identities -> intake.keep (durable) -> audit -> receipt

Nothing here asks the PACS: see docs/decisions/0004-durable-intake-before-the-pacs.md.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import tzinfo

from drimbox.errors import DrimboxError, Mismatch, Refused
from drimbox.flows.source.report_message import check_same_ins, compose_report_message
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.publication import Alert, AlertKind
from drimbox.model.report import ReportMessage
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock
from drimbox.ports.study_register import Alerts, Intake
from drimbox.standards.cda.imaging_report import parse_imaging_report
from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault
from drimbox.standards.hl7v2.header import ProcessingId
from drimbox.standards.hl7v2.report_envelope import ReportEnvelope
from drimbox.standards.hl7v2.report_message import parse_report_message

_MAX_KEY_PART = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was taken in charge; is_new is False for a message that was sent before."""

    control_id: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class ReceiveReport:
    """is_test lets in MSH-11 T and D, and the INS authorities made for tests."""

    intake: Intake
    alerts: Alerts
    audit: AuditRepository
    clock: Clock
    local_zone: tzinfo
    is_test: bool = False

    async def __call__(self, content: bytes, *, source_address: str) -> Receipt:
        """Take a message in charge; it is durable when this returns.

        Raises:
            MalformedMessage: not a message of the profile, or no imaging report inside.
            InvalidValue: an identity or an identifier that its type does not allow.
            TooLarge: the report is larger than a report may be.
            Refused: the identity is not qualified (SO.11), or is not one of this environment.
            Mismatch: the message and the report speak of different patients.
            Unavailable: it could not be stored or recorded; the RIS must send it again.
        """
        message = None
        try:
            envelope = parse_report_message(content)
            self._check_processing_id(envelope)
            message = await self._read(envelope)
            await self._check_identity(message)
        except DrimboxError as error:
            await self._record_refusal(message, source_address, str(error))
            raise
        is_new = await self.intake.keep(intake_key(envelope, content), content, self.clock.now())
        await self._record_reception(message, source_address, is_new=is_new)
        return Receipt(message.control_id, is_new)

    def _check_processing_id(self, envelope: ReportEnvelope) -> None:
        if envelope.processing_id is not ProcessingId.PRODUCTION and not self.is_test:
            raise MessageFault(
                "P in production",
                where="MSH-11",
                condition=ErrorCondition.UNSUPPORTED_PROCESSING_ID,
            )

    async def _read(self, envelope: ReportEnvelope) -> ReportMessage:
        report = parse_imaging_report(envelope.document, local_zone=self.local_zone)
        try:
            check_same_ins(envelope.ins, report.patient.ins)
        except Mismatch as error:
            await self._alert(AlertKind.PATIENT_MISMATCH, str(error), report.document_id)
            raise
        return compose_report_message(envelope, report)

    async def _check_identity(self, message: ReportMessage) -> None:
        if message.report.patient.ins.authority.is_for_test and not self.is_test:
            raise Refused("an INS made for tests, in production")
        if not message.has_qualified_identity:
            reason = "the identity is not qualified (PID-32 VALI)"
            await self._alert(AlertKind.IDENTITY_NOT_QUALIFIED, reason, message.report.document_id)
            raise Refused(reason)

    async def _alert(self, kind: AlertKind, text: str, report_id: str) -> None:
        now = self.clock.now()
        await self.alerts.raise_alert(Alert(kind, text, now, report_id=report_id))

    async def _record_reception(
        self, message: ReportMessage, source_address: str, *, is_new: bool
    ) -> None:
        """Record one event for each study, so that each is found by its UID (SO.43)."""
        event = replace(
            self._event(message, source_address),
            description="" if is_new else "sent before: nothing changes",
        )
        for study in dict.fromkeys(act.study_instance_uid for act in message.report.acts):
            await self.audit.record(replace(event, study_instance_uid=study))

    async def _record_refusal(
        self, message: ReportMessage | None, source_address: str, reason: str
    ) -> None:
        """Record why it was refused (SO.45)."""
        event = self._event(message, source_address)
        refusal = replace(event, outcome=AuditOutcome.SERIOUS_FAILURE, description=reason)
        await self.audit.record(refusal)

    def _event(self, message: ReportMessage | None, source_address: str) -> AuditEvent:
        return AuditEvent(
            action=AuditAction.REPORT_RECEIVED,
            outcome=AuditOutcome.SUCCESS,
            occurred_at=self.clock.now(),
            user=message.sender if message else source_address,
            source_address=source_address,
            patient_id=message.report.patient.ins.xds_patient_id if message else None,
            document_unique_id=message.report.document_id if message else None,
        )


def intake_key(envelope: ReportEnvelope, content: bytes) -> str:
    """Return what identifies a message for ever: MSH-3^MSH-4, MSH-10, SHA-256 of the octets.

    A RIS that lost our answer sends the same octets again; one that numbers from 1 after a restart
    does not.
    """
    parts = (envelope.sender, envelope.control_id)
    digest = hashlib.sha256(content).hexdigest()
    return "|".join((*(part[:_MAX_KEY_PART] for part in parts), digest))
