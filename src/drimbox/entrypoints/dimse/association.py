"""One association that a local system opens to us: its octets, its requests, its end.

Small messages only: identifiers come in, identifiers and counts go out. Images leave by another
association, which an adapter opens.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from drimbox.errors import TooLarge
from drimbox.standards.dicom.data_set import DataSet, read_data_set
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from drimbox.standards.dicom.transfer_syntaxes import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    UNCOMPRESSED_SYNTAXES,
    encoding_of,
)
from drimbox.standards.dimse.messages import Command
from drimbox.standards.dimse.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ProposedContext,
    ReleaseRequest,
    UserInformation,
)
from drimbox.standards.dimse.upper_layer import CommandReceived, DataReceived, Event, UpperLayer

MAXIMUM_PDU = 16384
_READ_BYTES = 65536
_MAX_IDENTIFIER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A command and the identifier that came with it."""

    context_id: int
    command: Command
    identifier: DataSet


class AcceptedAssociation:
    """The acceptor's side, over the streams of one connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle_seconds: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._idle_seconds = idle_seconds
        self._layer = UpperLayer(is_acceptor=True)
        self._events: list[Event] = []
        self.is_busy = False
        """While work for the peer is under way, its silence is not idleness."""

    @property
    def address(self) -> str:
        """Where the peer calls from."""
        return str(self._writer.get_extra_info("peername")[0])

    async def request_of_association(self) -> AssociateRequest:
        """Wait for the A-ASSOCIATE-RQ.

        Raises:
            EOFError: the peer left, or sent nothing in time.
            DrimboxError: it does not speak the protocol.
        """
        event = await self._next_event()
        if isinstance(event, AssociateRequest):
            return event
        raise EOFError

    def accept(self, request: AssociateRequest, abstract_syntaxes: frozenset[str]) -> None:
        """Take the contexts of these SOP classes, uncompressed."""
        information = UserInformation(
            MAXIMUM_PDU, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
        )
        answers = tuple(_answer(context, abstract_syntaxes) for context in request.contexts)
        titles = request.called_ae_title, request.calling_ae_title
        self._write(self._layer.accept(AssociateAccept(*titles, answers, information)))

    def reject(self, reject: AssociateReject) -> None:
        self._write(self._layer.reject(reject))

    def send(self, context_id: int, command: Command, data_set: DataSet | None = None) -> None:
        """Send one message."""
        octets = b""
        if data_set is not None:
            is_implicit = self._layer.accepted[context_id] == IMPLICIT_VR_LITTLE_ENDIAN
            octets = encode_data_set(data_set, is_implicit=is_implicit)
        self._write(self._layer.send_command(context_id, command, octets))

    async def drain(self) -> None:
        """Wait until the peer takes more; it must within the idle time.

        Raises:
            EOFError: it does not, or is gone.
        """
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._writer.drain()
        except (TimeoutError, OSError):
            raise EOFError from None

    async def requests(self) -> AsyncIterator[Request]:
        """Yield requests until the peer releases, aborts or leaves.

        Raises:
            DrimboxError: it does not speak the protocol, or sends too much.
        """
        while True:
            try:
                event = await self._next_event()
                if isinstance(event, CommandReceived):
                    yield await self._whole(event)
            except EOFError:
                return
            if isinstance(event, ReleaseRequest):
                self._write(self._layer.answer_release())
                return
            if isinstance(event, Abort):
                return

    def abort(self) -> None:
        """End at once."""
        self._write(self._layer.abort())

    async def close(self) -> None:
        """Close the connection, what was written first."""
        self._writer.close()
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._writer.wait_closed()
        except (TimeoutError, OSError):
            self._writer.transport.abort()

    async def _whole(self, event: CommandReceived) -> Request:
        try:
            async with asyncio.timeout(self._idle_seconds):
                return await self._gather(event)
        except TimeoutError:
            raise EOFError from None

    async def _gather(self, event: CommandReceived) -> Request:
        octets = bytearray()
        is_over = not event.command.has_data_set
        while not is_over:
            piece = await self._next_event()
            if not isinstance(piece, DataReceived):
                raise EOFError  # noqa: TRY004 - an abort in the middle
            octets += piece.octets
            is_over = piece.is_last
            if len(octets) > _MAX_IDENTIFIER:
                raise TooLarge(f"an identifier of more than {_MAX_IDENTIFIER} octets")
        syntax = self._layer.accepted[event.context_id]
        identifier = read_data_set(bytes(octets), encoding_of(syntax))
        return Request(event.context_id, event.command, identifier)

    async def _next_event(self) -> Event:
        """Wait for the next event; one that has begun to come must be whole in the idle time."""
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while not self._events:
            try:
                async with asyncio.timeout_at(deadline or loop.time() + self._idle_seconds):
                    octets = await self._reader.read(_READ_BYTES)
            except TimeoutError:
                if self.is_busy and deadline is None:
                    continue
                raise EOFError from None
            except OSError:
                raise EOFError from None
            if not octets:
                raise EOFError
            deadline = deadline or loop.time() + self._idle_seconds
            self._events += self._layer.receive(octets)
        return self._events.pop(0)

    def _write(self, octets: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(octets)


def _answer(context: ProposedContext, abstract_syntaxes: frozenset[str]) -> ContextAnswer:
    if context.abstract_syntax not in abstract_syntaxes:
        result = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
        return ContextAnswer(context.context_id, result)
    syntax = next((s for s in UNCOMPRESSED_SYNTAXES if s in context.transfer_syntaxes), None)
    if syntax is None:
        result = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED
        return ContextAnswer(context.context_id, result)
    return ContextAnswer(context.context_id, ContextResult.ACCEPTANCE, syntax)
