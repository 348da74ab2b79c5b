"""The door of the RIS: MLLP over TCP, one answer for each message, in their order.

Bounded everywhere: connections, octets of a message, silence, time to send one message.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import structlog

from drimbox.entrypoints.mllp.report_messages import ControlIds, ReportMessages
from drimbox.errors import SettingsError, TooLarge
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.ports.clock import Clock
from drimbox.settings.partners import MllpSettings
from drimbox.standards.hl7v2.mllp import MllpReader, frame

_READ_BYTES = 256 * 1024
# A message may take this many silences' time in all, so that a drip of octets ends too.
_MESSAGE_DEADLINE_FACTOR = 10
_DISCARD_SECONDS = 1.0
_CLOSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class _Connection:
    """One RIS connected; is_answering while a message of it is in the flow."""

    task: "asyncio.Task[None]"
    is_answering: bool = False


@dataclass(eq=False)
class MllpServer:
    """Listens once started; settings.port 0 takes any free port."""

    settings: MllpSettings
    receive_report: ReceiveReport
    clock: Clock
    _server: asyncio.Server | None = field(default=None, init=False)
    _connections: set[_Connection] = field(default_factory=set, init=False)
    _is_stopping: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._messages = ReportMessages(self.receive_report, self.clock, ControlIds(self.clock))
        self._allowed = tuple(map(_network, self.settings.allowed_addresses))

    @property
    def port(self) -> int:
        """The port it listens on."""
        if self._server is None or not self._server.sockets:
            raise RuntimeError("not listening")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the address cannot be had.
        """
        self._is_stopping = False
        self._server = await asyncio.start_server(
            self._serve, self.settings.host, self.settings.port, limit=_READ_BYTES
        )
        _log.info("mllp_listening", port=self.port)

    async def stop(self, *, grace_seconds: float = 30) -> None:
        """Stop listening, finish the messages in hand, and close every connection.

        A message that was not received whole is left without an answer: the RIS sends it again.
        """
        self._is_stopping = True
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            if not connection.is_answering:
                connection.task.cancel()
        tasks = [connection.task for connection in self._connections]
        if not tasks:
            return
        _, unfinished = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("peername")[0]
        task = asyncio.current_task()
        if task is None or not self._may_connect(address):
            await _close(writer)
            return
        connection = _Connection(task)
        self._connections.add(connection)
        try:
            await self._converse(connection, reader, writer, address)
        except (TimeoutError, ConnectionError):
            _log.info("mllp_connection_ended", reason="silent or lost")
        except asyncio.CancelledError:
            # stop() ends idle connections this way; asyncio.Server expects tasks that end quietly.
            if not self._is_stopping:
                raise
        finally:
            self._connections.discard(connection)
            await _close(writer)

    def _may_connect(self, address: str) -> bool:
        if self._is_stopping:
            return False
        host = ip_address(address.partition("%")[0])
        host = getattr(host, "ipv4_mapped", None) or host
        if self._allowed and not any(host in network for network in self._allowed):
            _log.warning("mllp_connection_refused", reason="address not allowed")
            return False
        if len(self._connections) >= self.settings.max_connections:
            _log.warning("mllp_connection_refused", reason="too many connections")
            return False
        return True

    async def _converse(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        address: str,
    ) -> None:
        """Read, answer, read again, until the RIS closes or falls silent."""
        frames = MllpReader(self.settings.max_message_bytes)
        loop = asyncio.get_running_loop()
        silence = self.settings.idle_timeout_seconds
        deadline: float | None = None
        while not self._is_stopping:
            latest = loop.time() + silence
            async with asyncio.timeout_at(latest if deadline is None else min(latest, deadline)):
                octets = await reader.read(_READ_BYTES)
            if not octets:
                return
            connection.is_answering = True
            try:
                for message in frames.receive(octets):
                    deadline = None
                    await self._answer(message, writer, address)
            except TooLarge as error:
                # The end of this message cannot be found any more: answer, and hang up.
                await self._write(writer, self._messages.refuse(frames.head, error))
                await _discard(reader)
                return
            finally:
                connection.is_answering = False
            if not frames.has_partial_message:
                deadline = None
            elif deadline is None:
                deadline = loop.time() + silence * _MESSAGE_DEADLINE_FACTOR

    async def _answer(self, message: bytes, writer: asyncio.StreamWriter, address: str) -> None:
        await self._write(writer, await self._messages.answer(message, source_address=address))

    async def _write(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(frame(answer))
        async with asyncio.timeout(self.settings.idle_timeout_seconds):
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Close; a peer that has gone, or reads nothing any more, does not hold us up."""
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await writer.wait_closed()
    writer.transport.abort()


async def _discard(reader: asyncio.StreamReader) -> None:
    """Read on for a moment: a socket closed over unread octets would take our answer with it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while await reader.read(_READ_BYTES):
                pass


def _network(text: str) -> IPv4Network | IPv6Network:
    """Read an address or a network; a host with its prefix ("10.0.0.5/24") means its network."""
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise SettingsError("mllp.allowed_addresses", str(error)) from None
