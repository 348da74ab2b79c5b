"""One association as octets in, events out, octets to send; no socket here (PS3.8 section 9.2).

A state says which PDUs may come (PS3.8 table 9-10, the side of received PDUs):

    IDLE ── request() ──> AWAITING_ACCEPT ──AC──> ESTABLISHED ── release() ──> AWAITING_RELEASE
    AWAITING_REQUEST ──RQ──> AWAITING_ANSWER ── accept() ──> ESTABLISHED          │ RP
    any ── A-ABORT, A-ASSOCIATE-RJ ──> CLOSED <────────────── answer_release() ───┘

Fragments of a data set leave as they come, even within a PDV, so nothing of it is kept here. What
comes together leaves together, for each piece costs whoever passes it on; but the beginning of a
data set leaves by itself, so that whoever changes it need not copy the image behind it.
"""

from dataclasses import dataclass
from enum import Enum

from drimbox.errors import MalformedMessage, TooLarge
from drimbox.standards.dimse.messages import Command, encode_command, parse_command
from drimbox.standards.dimse.pdu import (
    DATA_HEADER,
    PDU_HEADER,
    PDV_HEADER,
    PDV_IS_COMMAND,
    PDV_IS_LAST,
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextResult,
    ControlPdu,
    PduType,
    ReleaseReply,
    ReleaseRequest,
    encode_data_pdu,
    encode_pdu,
    parse_pdu,
)

MAX_CONTROL_PDU = 256 * 1024
MAX_COMMAND_SET = 64 * 1024
DEFAULT_MAXIMUM_PDU = 16384
_MAX_FRAGMENT = 1024 * 1024
_PDV_OVERHEAD = 6
_BEGINNING = 16 * 1024


class State(Enum):
    """Where the association stands; the values are the states of PS3.8 section 9.2.1."""

    IDLE = "Sta1"
    AWAITING_REQUEST = "Sta2"
    AWAITING_ANSWER = "Sta3"
    AWAITING_ACCEPT = "Sta5"
    ESTABLISHED = "Sta6"
    AWAITING_RELEASE = "Sta7"
    RELEASE_REQUESTED = "Sta8"
    CLOSED = "Sta13"


_EXPECTED = {
    State.IDLE: frozenset[PduType](),
    State.AWAITING_REQUEST: frozenset({PduType.ASSOCIATE_RQ}),
    State.AWAITING_ANSWER: frozenset[PduType](),
    State.AWAITING_ACCEPT: frozenset({PduType.ASSOCIATE_AC, PduType.ASSOCIATE_RJ}),
    State.ESTABLISHED: frozenset({PduType.DATA_TF, PduType.RELEASE_RQ}),
    State.AWAITING_RELEASE: frozenset({PduType.DATA_TF, PduType.RELEASE_RQ, PduType.RELEASE_RP}),
    State.RELEASE_REQUESTED: frozenset[PduType](),
    State.CLOSED: frozenset[PduType](),
}


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """A whole command set; where it has_data_set, DataReceived follow."""

    context_id: int
    command: Command


@dataclass(frozen=True, slots=True)
class DataReceived:
    """A piece of a data set, of any length; is_last ends it."""

    context_id: int
    octets: bytes
    is_last: bool


Event = ControlPdu | CommandReceived | DataReceived


class UpperLayer:
    """One side of one association.

    Once receive has raised, the association is over: send abort() and close.

    Args:
        is_acceptor: True to wait for a request, False to make one.
    """

    def __init__(self, *, is_acceptor: bool = False) -> None:
        self.state = State.AWAITING_REQUEST if is_acceptor else State.IDLE
        self.accepted: dict[int, str] = {}
        """Presentation contexts in force: id -> transfer syntax."""
        self._peer_maximum_pdu = DEFAULT_MAXIMUM_PDU
        self._pending = bytearray()
        self._wanted = PDU_HEADER.size
        self._take = self._pdu_header
        self._pdu_type = PduType.ABORT
        self._pdu_left = 0
        self._pdv_left = 0
        self._pdv_context = 0
        self._pdv_flags = 0
        self._command = bytearray()
        self._data_context: int | None = None
        self._is_begun = False
        self._run: list[memoryview] = []

    # Octets in.

    def receive(self, octets: bytes | memoryview) -> list[Event]:
        """Take what came, cut anywhere, and return what it means.

        Raises:
            MalformedMessage: not the protocol, or not what this state allows.
            TooLarge: a control PDU or command set over its limit.
        """
        events: list[Event] = []
        view = memoryview(octets)
        offset, end = 0, len(view)
        while offset < end:
            if not self._pdv_left and end - offset >= DATA_HEADER.size:
                offset = self._pass_data_header(view, offset)
            if self._pdv_left:
                offset = self._fragment(view, offset, events)
                continue
            step = min(self._wanted - len(self._pending), end - offset)
            whole: memoryview | bytes = view[offset : offset + step]
            offset += step
            if step < self._wanted:  # cut by the network
                self._pending += whole
                if len(self._pending) < self._wanted:
                    continue
                whole = bytes(self._pending)
                self._pending.clear()
            self._take(whole, events)
        if self._run:
            self._end_run(events, is_last=False)
        return events

    def _pass_data_header(self, view: memoryview, offset: int) -> int:
        """Take in one step what begins nearly all PDUs: those of one fragment that may come now.

        What else begins here is left to the steps that tell what is wrong with it.
        """
        if self._pending or self._take != self._pdu_header:
            return offset
        code, pdu_length, pdv_length, context_id, flags = DATA_HEADER.unpack_from(view, offset)
        expected = None if flags & PDV_IS_COMMAND else context_id
        if (
            code != PduType.DATA_TF
            or pdu_length != pdv_length + 4
            or pdv_length <= 2
            or context_id not in self.accepted
            or self._data_context != expected
            or self.state is not State.ESTABLISHED
        ):
            return offset
        self._pdu_left = self._pdv_left = pdv_length - 2
        self._pdv_context, self._pdv_flags = context_id, flags
        return offset + DATA_HEADER.size

    def _pdu_header(self, octets: memoryview | bytes, events: list[Event]) -> None:
        code, length = PDU_HEADER.unpack(octets)
        try:
            self._pdu_type = PduType(code)
        except ValueError as error:
            raise MalformedMessage(f"a PDU of type {code} (PS3.8 9.3.1)") from error
        self._check_expected(self._pdu_type)
        if self._pdu_type is PduType.DATA_TF:
            self._pdu_left = length
            self._next_pdv()
            return
        if length > MAX_CONTROL_PDU:
            raise TooLarge(f"a control PDU of more than {MAX_CONTROL_PDU} octets")
        self._wanted, self._take = length, self._pdu_body
        if length == 0:
            self._pdu_body(b"", events)

    def _check_expected(self, kind: PduType) -> None:
        if kind is not PduType.ABORT and kind not in _EXPECTED[self.state]:
            raise MalformedMessage(f"{kind.name} in state {self.state.value} (PS3.8 table 9-10)")

    def _next_pdu(self) -> None:
        self._wanted, self._take = PDU_HEADER.size, self._pdu_header

    def _pdu_body(self, octets: memoryview | bytes, events: list[Event]) -> None:
        pdu = parse_pdu(self._pdu_type, bytes(octets))
        self._next_pdu()
        if self._run:
            self._end_run(events, is_last=False)
        match pdu:
            case AssociateRequest():
                self.state = State.AWAITING_ANSWER
                self._set_peer_maximum(pdu.user_information.maximum_pdu)
            case AssociateAccept():
                self.state = State.ESTABLISHED
                self._set_peer_maximum(pdu.user_information.maximum_pdu)
                self._remember_accepted(pdu)
            case ReleaseRequest():
                self.state = State.RELEASE_REQUESTED
            case AssociateReject() | ReleaseReply() | Abort():
                self.state = State.CLOSED
        events.append(pdu)

    def _set_peer_maximum(self, maximum_pdu: int) -> None:
        self._peer_maximum_pdu = min(maximum_pdu or _MAX_FRAGMENT, _MAX_FRAGMENT)

    def _remember_accepted(self, accept: AssociateAccept) -> None:
        self.accepted = {
            answer.context_id: answer.transfer_syntax
            for answer in accept.contexts
            if answer.result is ContextResult.ACCEPTANCE
        }

    def _next_pdv(self) -> None:
        if self._pdu_left == 0:
            self._next_pdu()
        elif self._pdu_left < PDV_HEADER.size:
            raise MalformedMessage("a P-DATA-TF ends inside a PDV header (PS3.8 9.3.5)")
        else:
            self._wanted, self._take = PDV_HEADER.size, self._pdv_header

    def _pdv_header(self, octets: memoryview | bytes, events: list[Event]) -> None:
        length, self._pdv_context, self._pdv_flags = PDV_HEADER.unpack(octets)
        self._pdu_left -= PDV_HEADER.size
        self._pdv_left = length - 2
        if not 0 <= self._pdv_left <= self._pdu_left:
            raise MalformedMessage("a PDV does not fit in its P-DATA-TF (PS3.8 9.3.5.1)")
        if self._pdv_context not in self.accepted:
            raise MalformedMessage("a PDV of a presentation context that was not accepted")
        is_command = bool(self._pdv_flags & PDV_IS_COMMAND)
        expected = None if is_command else self._pdv_context
        if self._data_context != expected:
            raise MalformedMessage("command and data set fragments are interleaved (PS3.8 E.2)")
        if self._pdv_left == 0:
            self._end_fragment(memoryview(b""), events)

    def _fragment(self, view: memoryview, offset: int, events: list[Event]) -> int:
        stop = min(offset + self._pdv_left, len(view))
        self._pdv_left -= stop - offset
        self._pdu_left -= stop - offset
        self._end_fragment(view[offset:stop], events)
        return stop

    def _end_fragment(self, piece: memoryview, events: list[Event]) -> None:
        is_last = self._pdv_left == 0 and bool(self._pdv_flags & PDV_IS_LAST)
        if self._pdv_flags & PDV_IS_COMMAND:
            self._command_piece(piece, events, is_last=is_last)
        else:
            self._run.append(piece)
            if is_last:
                self._end_run(events, is_last=True)
                self._data_context = None
        if self._pdv_left == 0:
            self._next_pdv()

    def _end_run(self, events: list[Event], *, is_last: bool) -> None:
        """Hand over what came of a data set, its beginning by itself."""
        octets = b"" if self._is_begun else _take_beginning(self._run)
        rest = b"".join(self._run)
        self._run.clear()
        self._is_begun = not is_last and (self._is_begun or bool(octets))
        if octets and rest:
            events.append(DataReceived(self._pdv_context, octets, is_last=False))
        if octets or rest or is_last:
            events.append(DataReceived(self._pdv_context, rest or octets, is_last))

    def _command_piece(self, piece: memoryview, events: list[Event], *, is_last: bool) -> None:
        self._command += piece
        if len(self._command) > MAX_COMMAND_SET:
            raise TooLarge(f"a command set of more than {MAX_COMMAND_SET} octets")
        if not is_last:
            return
        command = parse_command(self._command)
        self._command.clear()
        if command.has_data_set:
            self._data_context = self._pdv_context
        events.append(CommandReceived(self._pdv_context, command))

    # Octets out.

    def request(self, request: AssociateRequest) -> bytes:
        """Ask for an association."""
        self._leave(State.IDLE, State.AWAITING_ACCEPT)
        return encode_pdu(request)

    def accept(self, accept: AssociateAccept) -> bytes:
        """Accept the association asked for."""
        self._leave(State.AWAITING_ANSWER, State.ESTABLISHED)
        self._remember_accepted(accept)
        return encode_pdu(accept)

    def reject(self, reject: AssociateReject) -> bytes:
        """Refuse the association asked for."""
        self._leave(State.AWAITING_ANSWER, State.CLOSED)
        return encode_pdu(reject)

    def release(self) -> bytes:
        """Ask for the orderly end."""
        self._leave(State.ESTABLISHED, State.AWAITING_RELEASE)
        return encode_pdu(ReleaseRequest())

    def answer_release(self) -> bytes:
        """Agree to the orderly end."""
        self._leave(State.RELEASE_REQUESTED, State.CLOSED)
        return encode_pdu(ReleaseReply())

    def abort(self) -> bytes:
        """End at once, from any state."""
        self.state = State.CLOSED
        return encode_pdu(Abort())

    def _leave(self, expected: State, following: State) -> None:
        if self.state is not expected:
            raise RuntimeError(f"association in {self.state.name}, not {expected.name}")
        self.state = following

    def send_command(self, context_id: int, command: Command, data_set: bytes = b"") -> bytes:
        """Write a command set and, where it announces one, its data set, as one run of octets."""
        octets = self._fragments(context_id, encode_command(command), PDV_IS_COMMAND, is_last=True)
        if command.has_data_set and data_set:
            octets += self.send_data(context_id, data_set, is_last=True)
        return octets

    def send_data(self, context_id: int, octets: bytes, *, is_last: bool) -> bytes:
        """Write a piece of a data set, cut to the length of PDU that the peer takes.

        Every piece but the last must have an even number of octets (PS3.8 E.1).
        """
        return self._fragments(context_id, octets, 0, is_last=is_last)

    def _fragments(self, context_id: int, octets: bytes, flags: int, *, is_last: bool) -> bytes:
        # PS3.8 E.1: each fragment has an even number of octets; dcmtk aborts at an odd one.
        size = max(self._peer_maximum_pdu - _PDV_OVERHEAD & ~1, 2)
        if len(octets) <= size:
            return encode_data_pdu(context_id, octets, flags | (PDV_IS_LAST if is_last else 0))
        whole = memoryview(octets)
        pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
        last = len(pieces) - 1
        return b"".join(
            encode_data_pdu(
                context_id,
                piece,
                flags | (PDV_IS_LAST if is_last and index == last else 0),
            )
            for index, piece in enumerate(pieces)
        )


def _take_beginning(run: list[memoryview]) -> bytes:
    """Take the first octets out of a run."""
    taken: list[memoryview] = []
    room = _BEGINNING
    while run and room:
        piece = run.pop(0)
        if len(piece) > room:
            run.insert(0, piece[room:])
        taken.append(piece[:room])
        room -= len(taken[-1])
    return b"".join(taken)
