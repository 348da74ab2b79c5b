"""A network that misbehaves: a TCP proxy that delays, throttles, cuts, resets, swallows (R4, R5).

    async with chaos_proxy(port, faults) as proxy: connect to 127.0.0.1:proxy.port

Each connection takes the next fault; the last one of the list serves all further connections.
Counted are the octets on their way back, from the server to the client.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

_READ_BYTES = 64 * 1024
_SLICE_SECONDS = 0.05


class Then(Enum):
    """What happens behind the last octet that is let through."""

    CLOSE = "FIN to both"
    RESET = "RST to the client"
    HALF_CLOSE = "FIN to the client, whose octets still go on"
    BLACKHOLE = "nothing more, in neither direction, connection open"
    STALL = "nothing more to the client, until it is gone"


@dataclass(frozen=True)
class Fault:
    """One connection's lot; after and sent None let everything through.

    after counts what the server says, sent what the client says: the first that is reached ends
    it. latency_seconds delays each piece of an answer; octets_per_second throttles it.
    """

    after: int | None = None
    then: Then = Then.CLOSE
    latency_seconds: float = 0
    octets_per_second: float | None = None
    sent: int | None = None

    @property
    def is_cut(self) -> bool:
        return self.after is not None or self.sent is not None


SOUND = Fault()


@dataclass
class ChaosProxy:
    """connections counts those accepted, passed the octets that came back, open those not over."""

    target_port: int
    faults: Iterator[Fault]
    last: Fault = SOUND
    port: int = 0
    connections: int = 0
    open: int = 0
    passed: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.last = next(self.faults, self.last)
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            await self._serve(self.last, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _serve(
        self, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        there = asyncio.create_task(_pump(reader, server_writer, fault.sent))
        back = asyncio.create_task(self._back(fault, server_reader, writer, reader))
        try:
            both = {back} if fault.sent is None else {there, back}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            back.cancel()
            if fault.is_cut:
                await self._end(fault.then, writer, there)
        finally:
            there.cancel()
            back.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
            server_writer.transport.abort()

    async def _back(
        self,
        fault: Fault,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamReader,
    ) -> None:
        """Pass on what the server says, until it ends, the client goes away, or enough is said."""
        left = fault.after
        rate = fault.octets_per_second
        most = _READ_BYTES if rate is None else max(1, int(rate * _SLICE_SECONDS))
        while left is None or left > 0:
            octets = await reader.read(most if left is None else min(left, most))
            if not octets or client.at_eof():
                return
            pause = fault.latency_seconds
            if rate is not None:
                pause += len(octets) / rate
            if pause:
                await asyncio.sleep(pause)
            writer.write(octets)
            await writer.drain()
            self.passed += len(octets)
            left = None if left is None else left - len(octets)

    async def _end(
        self, then: Then, writer: asyncio.StreamWriter, there: asyncio.Task[None]
    ) -> None:
        if then is Then.RESET:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        elif then is Then.HALF_CLOSE:
            writer.write_eof()
            await there
        elif then is Then.STALL:
            await there
        elif then is Then.BLACKHOLE:
            there.cancel()
            await asyncio.Event().wait()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None
) -> None:
    """Pass on what the client says, so many octets at most."""
    left = most
    with contextlib.suppress(OSError):
        while octets := await reader.read(_READ_BYTES if left is None else min(left, _READ_BYTES)):
            writer.write(octets)
            await writer.drain()
            left = None if left is None else left - len(octets)


@contextlib.asynccontextmanager
async def chaos_proxy(
    target_port: int, faults: Sequence[Fault], *, port: int = 0
) -> AsyncIterator[ChaosProxy]:
    """Stand before a server on loopback for as long as the context lasts; port 0 is any."""
    proxy = ChaosProxy(target_port, iter(faults))
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", port)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in proxy.tasks:
            task.cancel()
        await asyncio.gather(*proxy.tasks, return_exceptions=True)
