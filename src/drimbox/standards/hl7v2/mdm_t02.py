"""MDM^T02, T10 and T04: a report is there, replaced, deleted (HL7 2.6 9.6; CI-SIS)."""

from types import MappingProxyType

from drimbox.model.report import ReportEvent
from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault
from drimbox.standards.hl7v2.header import Header
from drimbox.standards.hl7v2.message import Message
from drimbox.standards.hl7v2.report_envelope import ReportEnvelope, read_report_envelope

MESSAGE_CODE = "MDM"
EVENT_OF_TRIGGER = MappingProxyType(
    {
        "T02": ReportEvent.FIRST,
        "T10": ReportEvent.REPLACEMENT,
        "T04": ReportEvent.DELETION,
    }
)


def parse_mdm(message: Message, header: Header) -> ReportEnvelope:
    """Read the envelope of a report.

    Raises:
        MessageFault: another event, or a message that breaks the profile.
    """
    event = EVENT_OF_TRIGGER.get(header.trigger_event)
    if event is None:
        raise MessageFault(
            "T02, T10 or T04", where="MSH-9.2", condition=ErrorCondition.UNSUPPORTED_EVENT
        )
    message.get("TXA")
    return read_report_envelope(
        message, sender=header.sender, processing_id=header.processing_id, event=event
    )
