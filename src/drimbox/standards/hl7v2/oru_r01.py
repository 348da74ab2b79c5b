"""ORU^R01: a report as an observation; OBX-11 says first, replaced, deleted (HL7 2.5 7.3.1)."""

from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault
from drimbox.standards.hl7v2.header import Header
from drimbox.standards.hl7v2.message import Message
from drimbox.standards.hl7v2.report_envelope import ReportEnvelope, read_report_envelope

MESSAGE_CODE = "ORU"
TRIGGER_EVENT = "R01"


def parse_oru(message: Message, header: Header) -> ReportEnvelope:
    """Read the envelope of a report.

    Raises:
        MessageFault: another event, or a message that breaks the profile.
    """
    if header.trigger_event != TRIGGER_EVENT:
        raise MessageFault("R01", where="MSH-9.2", condition=ErrorCondition.UNSUPPORTED_EVENT)
    message.get("OBR")
    return read_report_envelope(
        message, sender=header.sender, processing_id=header.processing_id, event=None
    )
