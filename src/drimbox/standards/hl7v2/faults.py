"""What can be wrong in an HL7 v2 message, in the codes of its ERR segment (HL7 2.5 2.15.5).

Application codes are those of the French guide "Transmission d'un document CDA en HL7 v2".
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Self

from drimbox.errors import MalformedMessage

_LOCATION = re.compile(r"([A-Z][A-Z0-9]{2})(?:-([0-9]{1,3}))?(?:\.([0-9]{1,2}))?\Z", re.ASCII)


class ErrorCondition(Enum):
    """ERR-3, HL7 table 0357; value = (code, text)."""

    SEGMENT_SEQUENCE = ("100", "Segment sequence error")
    REQUIRED_FIELD_MISSING = ("101", "Required field missing")
    DATA_TYPE = ("102", "Data type error")
    VALUE_NOT_FOUND = ("103", "Table value not found")
    UNSUPPORTED_MESSAGE_TYPE = ("200", "Unsupported message type")
    UNSUPPORTED_EVENT = ("201", "Unsupported event code")
    UNSUPPORTED_PROCESSING_ID = ("202", "Unsupported processing id")
    UNSUPPORTED_VERSION = ("203", "Unsupported version")
    APPLICATION = ("207", "Application internal error")


class ApplicationError(Enum):
    """ERR-5 of a French receiver; value = (code, text)."""

    AUTHOR_NOT_ALLOWED = ("901", "Auteur non autorisé")
    NO_INS = ("903", "INS absent")
    INS_MISMATCH = ("904", "INS discordant")
    INS_INCOMPLETE = ("905", "INS incomplet ou non qualifié")
    OTHER = ("906", "Autre")


@dataclass(frozen=True, slots=True)
class Location:
    """ERR-2: which segment, field and component."""

    segment: str
    field: int | None = None
    component: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read "PID-3.1", "PID-3" or "PID"; None for anything else."""
        match = _LOCATION.match(text)
        if match is None:
            return None
        segment, field, component = match.groups()
        return cls(segment, int(field) if field else None, int(component) if component else None)


class MessageFault(MalformedMessage):
    """A message that breaks HL7 v2 or its French profile; where is a location like "PID-3.1"."""

    def __init__(
        self,
        reason: str,
        *,
        where: str,
        condition: ErrorCondition,
        application_error: ApplicationError | None = None,
    ) -> None:
        super().__init__(reason, where=where)
        self.condition = condition
        self.application_error = application_error


def missing(where: str) -> MessageFault:
    """Return the fault of a required segment or field that is not there."""
    return MessageFault("missing", where=where, condition=ErrorCondition.REQUIRED_FIELD_MISSING)


def wrong_type(reason: str, where: str) -> MessageFault:
    """Return the fault of a field that breaks its data type."""
    return MessageFault(reason, where=where, condition=ErrorCondition.DATA_TYPE)


def unknown_value(reason: str, where: str) -> MessageFault:
    """Return the fault of a value that its table does not hold."""
    return MessageFault(reason, where=where, condition=ErrorCondition.VALUE_NOT_FOUND)
