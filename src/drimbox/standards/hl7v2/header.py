"""MSH: who sends, what kind of message, under which version and processing id (HL7 2.5 2.15.9)."""

from dataclasses import dataclass
from enum import Enum

from drimbox.standards.hl7v2.faults import (
    ErrorCondition,
    MessageFault,
    missing,
)
from drimbox.standards.hl7v2.message import Message

# ORU comes in HL7 2.5 and MDM in 2.6; "2.5^FRA^2.11" and 2.5.1 are seen too.
_VERSIONS = frozenset({"2.5", "2.5.1", "2.6"})


class ProcessingId(Enum):
    """MSH-11, HL7 table 0103."""

    PRODUCTION = "P"
    TRAINING = "T"
    DEBUGGING = "D"


@dataclass(frozen=True, slots=True)
class Header:
    """message_type is like MDM^T02; sender is MSH-3^MSH-4."""

    message_code: str
    trigger_event: str
    control_id: str
    sender: str
    processing_id: ProcessingId


def read_header(message: Message) -> Header:
    """Read and check MSH.

    Raises:
        MessageFault: a required field is missing, or a version or processing id is not ours.
    """
    header = message.header
    for number in (9, 10, 11, 12):
        if header.field(number).is_empty():
            raise missing(f"MSH-{number}")
    if header.text(12) not in _VERSIONS:
        raise MessageFault(
            "2.5, 2.5.1 or 2.6", where="MSH-12", condition=ErrorCondition.UNSUPPORTED_VERSION
        )
    try:
        processing_id = ProcessingId(header.text(11))
    except ValueError:
        raise MessageFault(
            "P, T or D", where="MSH-11", condition=ErrorCondition.UNSUPPORTED_PROCESSING_ID
        ) from None
    return Header(
        message_code=header.text(9, 1),
        trigger_event=header.field(9).text(2),
        control_id=header.text(10),
        sender=f"{header.text(3)}^{header.text(4)}",
        processing_id=processing_id,
    )
