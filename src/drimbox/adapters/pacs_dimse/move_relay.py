"""C-MOVE for every worker of a host, by the first: it alone listens for what the PACS sends.

other worker ── which PACS, what, in which syntaxes ──> socket ──> first worker
             <── each instance in pieces, and the end of all; or what went wrong ──

Frames: a letter, the length as 4 octets, so many octets. Who asked and is gone is served no more.
The socket has a name and no file (unix(7), abstract), so that nothing is left of a crash or lost by
who clears a folder; each side takes only processes of its own user.
"""

import asyncio
import hashlib
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import orjson

from drimbox.adapters.pacs_dimse.find_scu import PARTNER
from drimbox.adapters.pacs_dimse.get_scu import NotAllSent
from drimbox.adapters.pacs_dimse.instance_funnel import Arrival, InstanceFunnel
from drimbox.errors import (
    DrimboxError,
    NotAcceptable,
    NotFound,
    RejectedByPartner,
    TimedOut,
    Unavailable,
)
from drimbox.flows.image_streams import close
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)

_HEADER = struct.Struct(">cI")
_CREDENTIALS = struct.Struct("3i")  # process, user, group
_INSTANCE, _OCTETS, _END_OF_INSTANCE, _END, _FAILURE = b"i", b"o", b"n", b"z", b"f"
_REQUEST_SECONDS = 10.0

RetrieveFrom = Callable[
    [str, TargetResource, Sequence[TransferSyntaxUid]], AsyncIterator[InstanceStream]
]
"""Asks the PACS of a name for a target, in these syntaxes."""


class MoveRelay:
    """The first worker's side.

    Args:
        folder: that of the images, by which the workers of one box know each other.
    """

    def __init__(self, folder: Path, retrieve: RetrieveFrom) -> None:
        self._address = _address(folder)
        self._retrieve = retrieve
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: another box listens for the same folder.
        """
        try:
            bound = _socket(lambda one: one.bind(self._address))
            self._server = await asyncio.start_unix_server(self._serve, sock=bound)
        except OSError as error:
            raise Unavailable("C-MOVE relay", "cannot listen under its name") from error

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, until it is answered or nobody waits for it any more."""
        if not _is_our_user(writer):
            writer.close()
            return
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = orjson.loads(await reader.readline())
        except (OSError, TimeoutError, ValueError):
            writer.close()
            return
        answering = asyncio.create_task(self._answer(request, writer))
        self._tasks.add(answering)
        answering.add_done_callback(self._tasks.discard)
        is_left = asyncio.create_task(reader.read(1))
        await asyncio.wait({answering, is_left}, return_when=asyncio.FIRST_COMPLETED)
        for task in (answering, is_left):
            task.cancel()
        await asyncio.gather(answering, is_left, return_exceptions=True)
        writer.close()

    async def _answer(self, request: Sequence[object], writer: asyncio.StreamWriter) -> None:
        name, *uids = (str(one) if one is not None else None for one in request[:4])
        syntaxes = [TransferSyntaxUid(str(one)) for one in request[4:]]
        try:
            received = self._retrieve(str(name), _target(*uids), syntaxes)
            try:
                async for instance in received:
                    await _send_instance(writer, instance)
            finally:
                await close(received)
            _write(writer, _END)
        except DrimboxError as error:
            _write(writer, _FAILURE, orjson.dumps(_told(error)))
        await writer.drain()


class FirstWorker:
    """The other workers' side."""

    def __init__(self, folder: Path) -> None:
        self._address = _address(folder)

    async def move(
        self,
        pacs: str,
        target: TargetResource,
        syntaxes: Sequence[TransferSyntaxUid],
        funnel: InstanceFunnel,
    ) -> None:
        """Have the target sent to the first worker, and by it into the funnel.

        Raises:
            Unavailable: the first worker does not answer.
            DrimboxError: what it was told by the PACS.
        """
        try:
            connected = _socket(lambda one: one.connect(self._address))
            reader, writer = await asyncio.open_unix_connection(sock=connected)
        except OSError as error:
            raise _away() from error
        if not _is_our_user(writer):
            writer.close()
            raise _away()
        uids = (target.study_instance_uid, target.series_instance_uid, target.sop_instance_uid)
        try:
            writer.write(orjson.dumps([pacs, *uids, *syntaxes]) + b"\n")
            async with aclosing(_arrivals(reader)) as arrivals:
                async for arrival in arrivals:
                    await funnel.offer(arrival)
        finally:
            writer.close()
        funnel.end_one()


class _RelayedChunks:
    """The data set of one instance."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._is_over = False

    def __aiter__(self) -> "_RelayedChunks":
        return self

    async def __anext__(self) -> bytes:
        if self._is_over:
            raise StopAsyncIteration
        kind, octets = await _read(self._reader)
        if kind == _OCTETS:
            return octets
        self._is_over = True
        if kind == _FAILURE:
            raise _error_of(octets)
        raise StopAsyncIteration

    async def skip(self) -> None:
        async for _ in self:
            pass


async def _arrivals(reader: asyncio.StreamReader) -> AsyncGenerator[Arrival, None]:
    while True:
        kind, octets = await _read(reader)
        if kind == _END:
            return
        if kind == _FAILURE:
            raise _error_of(octets)
        sop_class, uid, syntax = orjson.loads(octets)
        chunks = _RelayedChunks(reader)
        instance = InstanceStream(
            SopClassUid(sop_class), SopInstanceUid(uid), TransferSyntaxUid(syntax), chunks
        )
        yield Arrival(instance, chunks, asyncio.Event())


async def _send_instance(writer: asyncio.StreamWriter, instance: InstanceStream) -> None:
    uids = [instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid]
    _write(writer, _INSTANCE, orjson.dumps(uids))
    async for chunk in instance.chunks:
        _write(writer, _OCTETS, chunk)
        await writer.drain()
    _write(writer, _END_OF_INSTANCE)


def _write(writer: asyncio.StreamWriter, kind: bytes, octets: bytes = b"") -> None:
    writer.writelines((_HEADER.pack(kind, len(octets)), octets))


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    try:
        kind, length = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        return kind, await reader.readexactly(length)
    except (OSError, EOFError) as error:
        raise _away() from error


def _away() -> Unavailable:
    return Unavailable(PARTNER, "sends by the first worker of this box, which does not answer")


def _told(error: DrimboxError) -> list[object]:
    """Return an error as the other side can raise it again."""
    match error:
        case TimedOut():
            return ["TimedOut", error.partner, error.seconds]
        case Unavailable():
            name = "NotAllSent" if isinstance(error, NotAllSent) else "Unavailable"
            return [name, error.partner, str(error).removeprefix(f"{error.partner} ")]
        case RejectedByPartner():
            return ["RejectedByPartner", error.partner, error.code]
        case NotFound():
            return ["NotFound", str(error)]
        case NotAcceptable():
            return ["NotAcceptable", str(error)]
        case _:
            return ["Unavailable", PARTNER, "failed at the first worker of this box"]


_ERRORS = {
    one.__name__: one
    for one in (TimedOut, Unavailable, NotAllSent, RejectedByPartner, NotFound, NotAcceptable)
}


def _error_of(octets: bytes) -> DrimboxError:
    name, *arguments = orjson.loads(octets)
    error: DrimboxError = _ERRORS[name](*arguments)
    return error


def _target(study: str | None, series: str | None, instance: str | None) -> TargetResource:
    return TargetResource(
        StudyInstanceUid(study or ""),
        SeriesInstanceUid(series) if series is not None else None,
        SopInstanceUid(instance) if instance is not None else None,
    )


def _address(folder: Path) -> str:
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()
    return f"\0drimbox-moves-{digest[:32]}"


def _socket(prepare: Callable[[socket.socket], None]) -> socket.socket:
    """Return a socket that is bound or connected: uvloop reads no name that begins with a zero."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)  # noqa: FBT003  # the socket module's own signature
        prepare(made)
    except OSError:
        made.close()
        raise
    return made


def _is_our_user(writer: asyncio.StreamWriter) -> bool:
    """Tell whether the other end runs as the user that this process is of."""
    connection = writer.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(credentials)
    return bool(user == os.getuid())
