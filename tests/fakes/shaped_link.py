"""A line of so many megabits a second: a TCP proxy that holds a rate whatever the pace of its host.

    async with shaped_link(port, megabits_per_second=125) as line: connect to 127.0.0.1:line.port

The rate is that of all connections together, on the way back from the server. Octets are due by a
schedule of the whole line, so that a late wake-up is made good and no rate is lost.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_PIECE_BYTES = 64 * 1024
# What a line's own buffer makes good at most, after nobody had anything to say.
_BURST_SECONDS = 0.02


@dataclass
class ShapedLink:
    """passed counts the octets that came back, first_at and last_at when they did (loop time)."""

    target_port: int
    octets_per_second: float
    port: int = 0
    passed: int = 0
    first_at: float = 0
    last_at: float = 0
    _due_at: float = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def megabits_per_second(self) -> float:
        """The rate between the first and the last octet, 0 before two pieces came."""
        seconds = self.last_at - self.first_at
        return self.passed * 8 / 1e6 / seconds if seconds > 0 else 0

    def carry(self, megabits_per_second: float) -> None:
        """Go on at another rate, and count from now."""
        self.octets_per_second = megabits_per_second * 1e6 / 8
        self.passed = 0

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._serve(reader, writer)
        writer.transport.abort()
        self._tasks.discard(task)

    async def stop(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        there = asyncio.create_task(_pump(reader, back_writer))
        try:
            await self._back(back_reader, writer)
            writer.write_eof()
            await writer.drain()
        finally:
            there.cancel()
            await asyncio.gather(there, return_exceptions=True)
            back_writer.transport.abort()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while octets := await reader.read(_PIECE_BYTES):
            self._due_at = max(self._due_at, clock() - _BURST_SECONDS)
            self._due_at += len(octets) / self.octets_per_second
            await asyncio.sleep(max(0, self._due_at - clock()))
            writer.write(octets)
            await writer.drain()
            self.last_at = clock()
            if self.passed == 0:
                self.first_at = self.last_at
            self.passed += len(octets)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while octets := await reader.read(_PIECE_BYTES):
            writer.write(octets)
            await writer.drain()


@contextlib.asynccontextmanager
async def shaped_link(target_port: int, *, megabits_per_second: float) -> AsyncIterator[ShapedLink]:
    """Stand before a server on loopback for as long as the context lasts."""
    link = ShapedLink(target_port, megabits_per_second * 1e6 / 8)
    server = await asyncio.start_server(link.accept, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        await link.stop()
