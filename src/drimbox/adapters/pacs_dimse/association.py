"""One DIMSE association on one TCP connection, at either end.

    socket ─> buffer 640 KiB ─> UpperLayer ─> deliver() ─> queue of events ─> next_event()

Reading pauses while more than HIGH_WATER octets of data set wait in the queue. TCP_QUICKACK after
each read spares 40 ms an instance with a peer that leaves Nagle's algorithm on.
"""

import asyncio
import collections
import os
import socket
import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from drimbox.errors import DrimboxError, RejectedByPartner, TimedOut, Unavailable
from drimbox.standards.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from drimbox.standards.dimse.messages import Command
from drimbox.standards.dimse.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ExtendedNegotiation,
    ProposedContext,
    ReleaseReply,
    ReleaseRequest,
    RoleSelection,
    UserInformation,
)
from drimbox.standards.dimse.upper_layer import (
    DataReceived,
    Event,
    State,
    UpperLayer,
)

# Twenty studies at once, on two associations each, must stay small beside the program itself.
# What waits in the socket meanwhile is the system's: the PACS goes on sending for a while.
HIGH_WATER = 512 * 1024
LOW_WATER = 128 * 1024
# An image of 512 x 512 with all that is said before and after it.
_BUFFER = 640 * 1024
_RECEIVE_BUFFER = 4 * 1024 * 1024
_RELEASE_SECONDS = 2.0
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux alone has it


class Association(asyncio.BufferedProtocol):
    """One association; every wait is bounded by idle_timeout since the last octet came.

    Args:
        partner: how errors name the other end.
        idle_timeout: seconds.
    """

    def __init__(self, partner: str, idle_timeout: float, *, is_acceptor: bool = False) -> None:
        self.partner = partner
        self.layer = UpperLayer(is_acceptor=is_acceptor)
        self.contexts: dict[int, ProposedContext] = {}
        """Presentation contexts in force, each with its one transfer syntax."""
        self.peer_extended: tuple[ExtendedNegotiation, ...] = ()
        self.peer_roles: tuple[RoleSelection, ...] = ()
        self._idle_timeout = idle_timeout
        self._view = _shared_buffer()
        self._events: collections.deque[Event] = collections.deque()
        self._queued = 0
        self._is_paused = False
        self._failure: DrimboxError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = asyncio.Event()
        self._last_octet = 0.0
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._socket = _own_socket(transport)
        if self._socket is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._last_octet = self._loop.time()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self._socket is not None and _QUICK_ACK is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        self._last_octet = self._loop.time()
        try:
            events = self.layer.receive(self._view[:nbytes])
        except DrimboxError as error:
            self._fail(Unavailable(self.partner, f"broke the DICOM protocol: {error}"))
            self.abort()
            return
        answers = b"".join(self.deliver(event) for event in events)
        if answers:
            self.write(answers)
        if self._events:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._watch is not None:
            self._watch.cancel()
        self._fail(Unavailable(self.partner, "closed the connection"))
        self._writable.set()
        self._closed.set()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # Events

    def deliver(self, event: Event) -> bytes:
        """Queue the event and return octets to answer at once; subclasses answer C-STORE here."""
        self._events.append(event)
        if isinstance(event, DataReceived):
            self._queued += len(event.octets)
            if self._queued > HIGH_WATER and not self._is_paused and self._transport is not None:
                self._is_paused = True
                self._transport.pause_reading()
        return b""

    async def next_event(self) -> Event:
        """Return the next event.

        Raises:
            Unavailable: the other end broke the protocol, aborted, or closed.
            TimedOut: nothing came for idle_timeout.
        """
        while not self._events:
            if self._failure is not None:
                raise self._failure
            await self._wait_for_octets()
        event = self._events.popleft()
        if isinstance(event, DataReceived):
            self._queued -= len(event.octets)
            if self._is_paused and self._queued < LOW_WATER:
                self._resume()
        if isinstance(event, Abort):
            raise Unavailable(self.partner, "aborted the association")
        return event

    def _resume(self) -> None:
        self._is_paused = False
        # The peer was not idle while we did not listen.
        self._last_octet = self._loop.time()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    async def _wait_for_octets(self) -> None:
        """Wait until something came, or has not come for idle_timeout."""
        if self._last_octet + self._idle_timeout > self._loop.time():
            self._waiter = self._loop.create_future()
            self._watch_idleness()
            try:
                await self._waiter
            finally:
                self._waiter = None
        elif self.is_excused():
            self.expect_answer()
        else:
            self.abort()
            raise TimedOut(self.partner, self._idle_timeout)

    def _watch_idleness(self) -> None:
        """Wake who waits once nothing came for so long: one timer, whatever comes meanwhile."""
        if self._watch is None:
            self._watch = self._loop.call_at(
                self._last_octet + self._idle_timeout, self._end_idleness
            )

    def _end_idleness(self) -> None:
        self._watch = None
        if self._waiter is None:
            return
        if self._last_octet + self._idle_timeout > self._loop.time():
            self._watch_idleness()
        else:
            self._wake()

    def is_excused(self) -> bool:
        """Tell whether the peer's silence has a reason we know; subclasses may have one."""
        return False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: DrimboxError) -> None:
        if self._failure is None:
            self._failure = error
        self._wake()

    # Octets out

    def write(self, octets: bytes) -> None:
        """Hand octets to the socket without waiting."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(octets)

    async def drain(self) -> None:
        """Wait until the socket takes more.

        Raises:
            TimedOut: the other end reads nothing for idle_timeout.
            Unavailable: it is gone.
        """
        if self._failure is not None:
            raise self._failure
        try:
            await asyncio.wait_for(self._writable.wait(), self._idle_timeout)
        except TimeoutError:
            self.abort()
            raise TimedOut(self.partner, self._idle_timeout) from None
        self.expect_answer()

    def expect_answer(self) -> None:
        """Count the idle time from now."""
        self._last_octet = self._loop.time()

    def send(self, context_id: int, command: Command, data_set: bytes = b"") -> None:
        """Send one message."""
        self.expect_answer()
        self.write(self.layer.send_command(context_id, command, data_set))

    # Negotiation, as requestor

    async def negotiate(self, request: AssociateRequest) -> None:
        """Ask for the association and wait for the answer.

        Raises:
            RejectedByPartner: refused for good (code as result.source.reason).
            Unavailable: refused for now, or no answer.
        """
        self.write(self.layer.request(request))
        answer = await self.next_event()
        if isinstance(answer, AssociateReject):
            self.close()
            raise _rejection(self.partner, answer)
        if not isinstance(answer, AssociateAccept):
            raise Unavailable(self.partner, "answered an association request with something else")
        # What was accepted in a syntax that was not proposed is not in force (PS3.8 9.3.3.2).
        self.contexts = {
            context.context_id: replace(context, transfer_syntaxes=(accepted,))
            for context in request.contexts
            if (accepted := self.layer.accepted.get(context.context_id))
            in context.transfer_syntaxes
        }
        self.layer.accepted = {
            context_id: context.transfer_syntaxes[0]
            for context_id, context in self.contexts.items()
        }
        self.peer_extended = answer.user_information.extended
        self.peer_roles = answer.user_information.roles

    def context_for(self, abstract_syntax: str) -> ProposedContext | None:
        """Return an accepted presentation context of this SOP class."""
        return next(
            (c for c in self.contexts.values() if c.abstract_syntax == abstract_syntax), None
        )

    # The end

    async def release(self) -> None:
        """End in order, waiting a little for the answer; then close."""
        try:
            if self.layer.state is State.ESTABLISHED:
                self.write(self.layer.release())
                self.expect_answer()
                async with asyncio.timeout(_RELEASE_SECONDS):
                    await self._await_release()
        except (DrimboxError, TimeoutError):
            self.abort()
        finally:
            self.close()

    async def _await_release(self) -> None:
        while not isinstance(await self.next_event(), ReleaseReply | ReleaseRequest):
            pass

    def abort(self) -> None:
        """End at once; the peer stops sending."""
        if self.layer.state not in {State.CLOSED, State.IDLE, State.AWAITING_REQUEST}:
            self.write(self.layer.abort())
        self.close()
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size():
            # A peer that reads nothing would keep the connection for ever.
            transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        await self._closed.wait()


_buffers = threading.local()


def _shared_buffer() -> memoryview:
    """Return what every association of this thread reads into: read, and parsed, in one step."""
    if not hasattr(_buffers, "view"):
        _buffers.view = memoryview(bytearray(_BUFFER))
    return cast("memoryview", _buffers.view)


def _own_socket(transport: asyncio.BaseTransport) -> socket.socket | None:
    """Return a socket for options, ours to close: uvloop makes one for each option set on its."""
    theirs = transport.get_extra_info("socket")
    if theirs is None:
        return None
    return socket.socket(theirs.family, theirs.type, theirs.proto, os.dup(theirs.fileno()))


def _rejection(partner: str, answer: AssociateReject) -> DrimboxError:
    code = f"A-ASSOCIATE-RJ {answer.result}.{answer.source}.{answer.reason}"
    if answer.is_transient:
        return Unavailable(partner, f"refused the association for now ({code})")
    return RejectedByPartner(partner, code, "check AE titles and authorisations at the PACS")


def associate_request(
    *,
    called_ae_title: str,
    calling_ae_title: str,
    contexts: Iterable[ProposedContext],
    maximum_pdu: int,
    roles: tuple[RoleSelection, ...] = (),
    extended: tuple[ExtendedNegotiation, ...] = (),
) -> AssociateRequest:
    """Build a request in our own name."""
    return AssociateRequest(
        called_ae_title,
        calling_ae_title,
        tuple(contexts),
        own_information(maximum_pdu, roles=roles, extended=extended),
    )


def own_information(
    maximum_pdu: int,
    *,
    roles: tuple[RoleSelection, ...] = (),
    extended: tuple[ExtendedNegotiation, ...] = (),
) -> UserInformation:
    """Say who we are and what we take."""
    return UserInformation(
        maximum_pdu, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, roles, extended
    )


async def connect(
    association: Association, host: str, port: int, *, timeout_seconds: float
) -> None:
    """Open the TCP connection of an association.

    Raises:
        Unavailable: nobody listens there.
        TimedOut: no answer in time.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_seconds):
            await loop.create_connection(lambda: association, host, port)
    except TimeoutError:
        raise TimedOut(association.partner, timeout_seconds) from None
    except OSError as error:
        raise Unavailable(association.partner, "refuses connections") from error
