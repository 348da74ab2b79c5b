"""The technical acknowledgement ACK^<event>^ACK: MSH, MSA and, when refused, ERR (HL7 2.5 2.14.1).

It answers any octets: what cannot be read of the request is left out of the answer.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.errors import DrimboxError
from drimbox.standards.hl7v2.data_types import encode_timestamp
from drimbox.standards.hl7v2.encoding import Encoding, encoding_of, escape, parse_delimiters
from drimbox.standards.hl7v2.faults import ApplicationError, ErrorCondition, Location
from drimbox.standards.hl7v2.message import Segment, trim

_MAX_HEADER_BYTES = 4096
_VERSION = re.compile(r"2\.[0-9](?:\.[0-9])?\Z", re.ASCII)
_DEFAULT_VERSION = "2.5"
_CODE = re.compile(r"[A-Z][A-Z0-9]{2}\Z", re.ASCII)
_END_OF_HEADER = re.compile(rb"[\r\n]")


class AckCode(Enum):
    """MSA-1, HL7 table 0008, original mode."""

    ACCEPTED = "AA"
    ERROR = "AE"
    REJECTED = "AR"


@dataclass(frozen=True, slots=True)
class AckError:
    """One ERR segment; reason never quotes the message."""

    condition: ErrorCondition
    reason: str
    location: Location | None = None
    application_error: ApplicationError | None = None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer to one message; error is there unless it is accepted."""

    code: AckCode
    error: AckError | None = None


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """What an answer repeats of the request; each text is empty where it could not be read."""

    sending: tuple[str, str] = ("", "")
    receiving: tuple[str, str] = ("", "")
    trigger_event: str = ""
    control_id: str = ""
    processing_id: str = "P"
    version: str = _DEFAULT_VERSION
    character_set: str = "UNICODE UTF-8"
    is_readable: bool = False


def read_request_header(content: bytes) -> RequestHeader:
    """Read as much of MSH as can be; never raises for octets."""
    head = _END_OF_HEADER.split(trim(content[:_MAX_HEADER_BYTES]), maxsplit=1)[0]
    try:
        delimiters = parse_delimiters(head)
        raw = Segment("MSH", head, Encoding(delimiters, "latin-1"))
        encoding = _encoding(raw)
        header = Segment("MSH", head, encoding)
        return _from_segment(header, is_declared=encoding.is_declared)
    except DrimboxError:
        return RequestHeader()


def encode_ack(
    request: RequestHeader, answer: Acknowledgement, *, control_id: str, now: datetime
) -> bytes:
    """Write the acknowledgement, segments ended by CR, in the character set of the request."""
    event = request.trigger_event
    fields = (
        *request.receiving,
        *request.sending,
    )
    header = [
        "MSH",
        "^~\\&",
        *(escape(field) for field in fields),
        encode_timestamp(now),
        "",
        f"ACK^{event}^ACK" if event else "ACK",
        escape(control_id),
        request.processing_id,
        request.version,
        *[""] * 4,
        "FRA",
        request.character_set,
    ]
    segments = [header, ["MSA", answer.code.value, escape(request.control_id)]]
    if answer.error is not None:
        segments.append(_error_segment(answer.error))
    text = "".join("|".join(segment) + "\r" for segment in segments)
    return text.encode(_codec(request.character_set), "replace")


def _error_segment(error: AckError) -> list[str]:
    code, text = error.condition.value
    application = ""
    if error.application_error is not None:
        application = "^".join(map(escape, error.application_error.value))
    return [
        "ERR",
        "",  # ERR-1 is withdrawn
        _error_location(error.location),
        f"{code}^{text}^messageErrorCondition",
        "E",
        application,
        "",
        escape(error.reason),
    ]


def _error_location(location: Location | None) -> str:
    """Write an ERL: segment^sequence^field^repetition^component."""
    if location is None:
        return ""
    if location.field is None:
        return f"{location.segment}^1"
    if location.component is None:
        return f"{location.segment}^1^{location.field}"
    return f"{location.segment}^1^{location.field}^1^{location.component}"


def _encoding(raw: Segment) -> Encoding:
    """Return the encoding of MSH-18; one we do not know is read as octets, to echo MSH-10."""
    try:
        return encoding_of(raw.encoding.delimiters, raw.text(18))
    except DrimboxError:
        return Encoding(raw.encoding.delimiters, "latin-1", is_declared=False)


def _from_segment(header: Segment, *, is_declared: bool) -> RequestHeader:
    version, processing_id, event = header.text(12), header.text(11), header.field(9).text(2)
    return RequestHeader(
        sending=(header.text(3), header.text(4)),
        receiving=(header.text(5), header.text(6)),
        trigger_event=event if _CODE.match(event) else "",
        control_id=header.text(10),
        processing_id=processing_id if processing_id in {"P", "T", "D"} else "P",
        version=version if _VERSION.match(version) else _DEFAULT_VERSION,
        character_set=header.text(18) if is_declared else "UNICODE UTF-8",
        is_readable=bool(header.text(10)),
    )


def _codec(character_set: str) -> str:
    return encoding_of(parse_delimiters(b"MSH|^~\\&|"), character_set).codec
