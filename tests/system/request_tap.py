"""A tap on a wire: what a program of others asks of a box, passed on as it is and written down.

async with request_tap(host, port) as tap: the program connects to host:tap.port
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser

_READ_BYTES = 64 * 1024


@dataclass(frozen=True)
class HeardRequest:
    """One request without a body; path includes the query."""

    method: str
    path: str
    headers: Message


@dataclass
class RequestTap:
    """Passes octets on between a program and the box on loopback."""

    target_port: int
    port: int = 0
    said: list[bytearray] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def requests(self) -> list[HeardRequest]:
        """Return every request so far, connection by connection."""
        return [
            _parsed(head)
            for octets in self.said
            for head in bytes(octets).split(b"\r\n\r\n")
            if head
        ]

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        said = bytearray()
        self.said.append(said)
        box_reader, box_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        there = asyncio.create_task(_pump(reader, box_writer, said))
        try:
            await _pump(box_reader, writer, None)
        finally:
            there.cancel()
            box_writer.transport.abort()
            writer.transport.abort()


def _parsed(head: bytes) -> HeardRequest:
    line, _, headers = head.partition(b"\r\n")
    method, path, _ = line.decode("ascii").split(" ")
    return HeardRequest(method, path, BytesParser().parsebytes(headers + b"\r\n\r\n"))


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray | None
) -> None:
    with contextlib.suppress(OSError):
        while octets := await reader.read(_READ_BYTES):
            if copy is not None:
                copy += octets
            writer.write(octets)
            await writer.drain()


@contextlib.asynccontextmanager
async def request_tap(host: str, target_port: int) -> AsyncIterator[RequestTap]:
    """Listen at this address of this machine for as long as the context lasts."""
    tap = RequestTap(target_port)
    server = await asyncio.start_server(tap.accept, host, 0)
    tap.port = server.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        server.close()
        for task in tap.tasks:
            task.cancel()
        await asyncio.gather(*tap.tasks, return_exceptions=True)
