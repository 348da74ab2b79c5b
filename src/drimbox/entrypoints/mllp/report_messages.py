"""What the RIS is answered: one table from our errors to AA, AE and AR with an ERR segment.

CI-SIS "Transmission d'un document CDA en HL7v2": AE is for what is wrong in the message (its own
example answers AE to an unsupported version, where HL7 2.5 2.9.2 has AR), AR for circumstances: the
same message may be sent again.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from drimbox.errors import (
    Conflict,
    ConsentMissing,
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    Mismatch,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    SettingsError,
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedMessage,
    raised_at,
    row_of,
)
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.ports.clock import Clock
from drimbox.standards.hl7v2.ack import (
    AckCode,
    AckError,
    Acknowledgement,
    encode_ack,
    read_request_header,
)
from drimbox.standards.hl7v2.faults import ApplicationError, ErrorCondition, Location, MessageFault

_Answer = tuple[AckCode, ErrorCondition, ApplicationError | None]

_WRONG_CONTENT: _Answer = (AckCode.ERROR, ErrorCondition.APPLICATION, ApplicationError.OTHER)
_TRY_AGAIN: _Answer = (AckCode.REJECTED, ErrorCondition.APPLICATION, None)

ANSWER_OF: dict[type[DrimboxError], _Answer] = {
    InvalidValue: (AckCode.ERROR, ErrorCondition.DATA_TYPE, None),
    MessageFault: (AckCode.ERROR, ErrorCondition.APPLICATION, None),  # says its own condition
    MalformedMessage: _WRONG_CONTENT,
    UnsupportedMessage: _WRONG_CONTENT,
    TooLarge: _WRONG_CONTENT,
    NotAcceptable: _WRONG_CONTENT,
    NotFound: _WRONG_CONTENT,
    NotAuthenticated: (
        AckCode.ERROR,
        ErrorCondition.APPLICATION,
        ApplicationError.AUTHOR_NOT_ALLOWED,
    ),
    Refused: (AckCode.ERROR, ErrorCondition.APPLICATION, ApplicationError.INS_INCOMPLETE),
    ConsentMissing: _WRONG_CONTENT,
    Mismatch: (AckCode.ERROR, ErrorCondition.APPLICATION, ApplicationError.INS_MISMATCH),
    Conflict: _TRY_AGAIN,
    Unavailable: _TRY_AGAIN,
    TimedOut: _TRY_AGAIN,
    RejectedByPartner: _TRY_AGAIN,
    SettingsError: _TRY_AGAIN,
    DrimboxError: _TRY_AGAIN,
}

_log = structlog.get_logger(__name__)


def acknowledgement_of(error: DrimboxError) -> Acknowledgement:
    """Return the answer to an error: by its class, or its nearest ancestor in the table."""
    code, condition, application_error = row_of(ANSWER_OF, error)
    location = None
    if isinstance(error, MalformedMessage) and error.where is not None:
        location = Location.parse(error.where)
    if isinstance(error, MessageFault):
        condition, application_error = error.condition, error.application_error
    return Acknowledgement(code, AckError(condition, str(error), location, application_error))


@dataclass(slots=True)
class ControlIds:
    """MSH-10 of our answers: the microsecond, never the same twice (20 characters, HL7 2.5)."""

    clock: Clock
    _last: datetime | None = field(default=None, init=False)

    def new(self) -> str:
        moment = self.clock.now()
        if self._last is not None and moment <= self._last:
            moment = self._last + timedelta(microseconds=1)
        self._last = moment
        return f"{moment:%Y%m%d%H%M%S%f}"


@dataclass(frozen=True, slots=True)
class ReportMessages:
    """Gives each message to the flow and writes its answer."""

    receive_report: ReceiveReport
    clock: Clock
    control_ids: ControlIds

    async def answer(self, content: bytes, *, source_address: str) -> bytes:
        """Return the acknowledgement of one message; nothing that is sent raises."""
        try:
            receipt = await self.receive_report(content, source_address=source_address)
        except DrimboxError as error:
            return self.refuse(content, error)
        except Exception as error:  # noqa: BLE001 - a defect must not cost the RIS its answer
            where = raised_at(error)
            _log.error("defect", door="mllp", error=type(error).__name__, where=where)
            return self.refuse(content, DrimboxError("internal error"))
        _log.info("report_accepted", octets=len(content), is_new=receipt.is_new)
        return self._encode(content, Acknowledgement(AckCode.ACCEPTED))

    def refuse(self, content: bytes, error: DrimboxError) -> bytes:
        """Return the refusal of a message, of which the beginning is enough.

        A message whose MSH cannot be read is rejected (AR): we cannot even name it in MSA-2.
        """
        answer = acknowledgement_of(error)
        if not read_request_header(content).is_readable:
            answer = Acknowledgement(AckCode.REJECTED, answer.error)
        reason = type(error).__name__
        _log.warning("report_refused", octets=len(content), ack=answer.code.value, error=reason)
        return self._encode(content, answer)

    def _encode(self, content: bytes, answer: Acknowledgement) -> bytes:
        return encode_ack(
            read_request_header(content),
            answer,
            control_id=self.control_ids.new(),
            now=self.clock.now(),
        )
