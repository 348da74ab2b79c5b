"""A few jailed child processes that decode pixels; one that hangs or dies is replaced (threat D4).

    child  ──▶ parent   READY (1 octet), once, when its codecs are loaded
    parent ──▶ child    length (4 octets, big endian), JSON request
    child  ──▶ parent   PROGRESS (1 octet), any number of them: one frame of many is done
    child  ──▶ parent   status (1 octet), length (4 octets), payload

The child limits its own memory before it reads anything; the parent kills it when a frame takes
longer than the deadline. The start of a child does not count: it takes seconds on a busy machine,
where one that was killed without having had time is no fault of the image.
"""

import asyncio
import base64
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import orjson
import structlog

from drimbox.adapters.pixel_worker_process.drawing_ahead import DrawingAhead
from drimbox.adapters.pixel_worker_process.picture_memory import Key, PictureMemory, key_of
from drimbox.errors import InvalidValue, MalformedMessage, NotAcceptable, NotFound, Unavailable
from drimbox.model.uids import TransferSyntaxUid
from drimbox.ports.pixel_worker import Rendering

_log = structlog.get_logger("pixel_worker")
_MAX_ANSWER_BYTES = 512 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
_SECONDS_TO_START = 30.0
_CPUCLOCK_SCHED = 2
READY, PROGRESS = b"R", b"+"
OK, NO_FRAME, NO_PIXELS, UNREADABLE, NO_SUCH_SYNTAX, NO_SUCH_REGION = (
    str(n).encode() for n in range(6)
)


class PixelWorkerPool:
    """Implements ports PixelWorker and DocumentPages, with as many children as there are cores."""

    def __init__(
        self,
        *,
        workers: int | None = None,
        deadline_seconds: float = 5.0,
        file_deadline_seconds: float = 600.0,
        temporary_directory: Path | None = None,
        pictures: PictureMemory | None = None,
    ) -> None:
        """Bound the number of children, and the seconds that each frame, and a file, may take.

        temporary_directory is where files to be transcoded lie; None: TMPDIR. pictures keeps what
        was drawn.
        """
        self._temporary_directory = temporary_directory
        self._workers = workers or len(os.sched_getaffinity(0))
        self._idle: list[_Child] = []
        self._slots = asyncio.Semaphore(self._workers)
        self._deadline_seconds = deadline_seconds
        self._file_deadline_seconds = file_deadline_seconds
        self._pictures = pictures or PictureMemory()
        self._forgetting: asyncio.TimerHandle | None = None
        self._ahead = DrawingAhead(self._draw)

    async def start(self) -> None:
        """Start the children before the first image needs one; a failure waits for that image."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers - len(self._idle)):
                group.create_task(self._start_idle())

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        """See ports.pixel_worker."""
        key = key_of(path, rendering)
        if key is None:
            return await self._draw(key, path, rendering)
        known = self._pictures.find(key) or await self._ahead.under_way(key)
        return known or await self._draw(key, path, rendering)

    def draw_ahead(self, path: Path, rendering: Rendering) -> None:
        """See ports.pixel_worker; a pool of one child has none to spare."""
        key = key_of(path, rendering)
        if key is not None and self._workers > 1 and self._pictures.find(key) is None:
            self._ahead.add(key, path, rendering)

    async def _draw(self, key: Key | None, path: Path, rendering: Rendering) -> bytes:
        request = {"operation": "render", "path": str(path), "rendering": rendering}
        picture = await self._ask(request)
        self._pictures.keep(key, picture)
        if self._forgetting is None:
            self._forget_later()
        return picture

    def _forget_later(self) -> None:
        """Have pictures forgotten that nobody asks for: also where no other is drawn any more."""
        loop = asyncio.get_running_loop()
        self._forgetting = loop.call_later(self._pictures.max_idle_seconds / 2, self._forget_idle)

    def _forget_idle(self) -> None:
        self._forgetting = None
        if self._pictures.forget_idle():
            self._forget_later()

    async def stored_frame(self, path: Path, frame: int) -> bytes:
        """See ports.pixel_worker."""
        return await self._ask({"operation": "stored_frame", "path": str(path), "frame": frame})

    async def transcode_frame(self, path: Path, frame: int, syntax: TransferSyntaxUid) -> bytes:
        """See ports.pixel_worker."""
        request = {"operation": "transcode_frame", "path": str(path), "frame": frame}
        return await self._ask(request | {"syntax": str(syntax)})

    @contextmanager
    def temporary_folder(self) -> Iterator[Path]:
        """See ports.pixel_worker."""
        parent = self._temporary_directory
        if parent is not None:
            parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="drimbox-", dir=parent) as folder:
            yield Path(folder)

    async def transcode_file(self, path: Path, target: Path, syntax: TransferSyntaxUid) -> None:
        """See ports.pixel_worker."""
        request = {"operation": "transcode_file", "path": str(path), "target": str(target)}
        try:
            async with asyncio.timeout(self._file_deadline_seconds):
                await self._ask(request | {"syntax": str(syntax)})
        except TimeoutError as error:
            raise _undecodable(error) from error

    async def read_pages(self, pdf: bytes) -> tuple[str, ...]:
        """See ports.document_pages."""
        answer = await self._ask({"operation": "read_pages", "pdf": _base64(pdf)})
        return tuple(str(text) for text in orjson.loads(answer))

    async def draw_page(self, pdf: bytes, page: int, width_pixels: int) -> bytes:
        """See ports.document_pages."""
        request = {"operation": "draw_page", "pdf": _base64(pdf), "page": page}
        return await self._ask(request | {"width": width_pixels})

    async def stop(self) -> None:
        """End the idle children."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        await self._ahead.stop()
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(self, request: Mapping[str, object]) -> bytes:
        async with self._slots:
            octets = orjson.dumps(request)
            child, has_waited = await self._living_child()
            try:
                status, payload = await self._use(child, octets)
            except (EOFError, ConnectionError) as error:
                # It may have died while it waited, a moment before it was asked: once more.
                if not has_waited:
                    raise _undecodable(error) from error
                try:
                    status, payload = await self._use(await _Child.start(), octets)
                except (EOFError, ConnectionError) as second:
                    raise _undecodable(second) from second
            except TimeoutError as error:
                raise _undecodable(error) from error
        return _unwrap(status, payload)

    async def _use(self, child: "_Child", request: bytes) -> tuple[bytes, bytes]:
        """Ask, and keep the child for the next request; one that failed is ended."""
        try:
            answer = await child.ask(request, self._deadline_seconds)
        except BaseException:
            await child.kill()
            raise
        self._idle.append(child)
        return answer

    async def _living_child(self) -> tuple["_Child", bool]:
        """Return a child, and whether it has been waiting."""
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child, True
            await child.kill()  # ended by the system while it waited: reap it, take another
        return await _Child.start(), False

    async def _start_idle(self) -> None:
        try:
            self._idle.append(await _Child.start())
        except Unavailable as error:
            _log.warning("pixel_worker_not_started", reason=str(error))


class _Child:
    """One process; a socket pair is its standard input and output, wider than a pipe."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._worked_before = 0.0

    @classmethod
    async def start(cls) -> "_Child":
        try:
            return await cls._start()
        except (OSError, EOFError) as error:  # TimeoutError among them
            raise Unavailable("pixel worker", "could not be started") from error

    @classmethod
    async def _start(cls) -> "_Child":
        ours, theirs = socket.socketpair()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "drimbox.adapters.pixel_worker_process.child",
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=asyncio.subprocess.DEVNULL,
                )
        except BaseException:
            ours.close()
            raise
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_BUFFER_BYTES)
        child = cls(process, reader, writer)
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                await child._reader.readexactly(len(READY))
        except BaseException:
            await child.kill()
            raise
        return child

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._reader.at_eof()

    async def ask(self, request: bytes, deadline_seconds: float) -> tuple[bytes, bytes]:
        """Return status and payload; each frame, and then the payload, has the deadline anew.

        Raises:
            TimeoutError: the child worked longer than that.
            Unavailable: it hardly worked, for this machine had no time for it.
        """
        self._worked_before = self._worked_seconds()
        try:
            return await self._answer(request, deadline_seconds)
        except TimeoutError as error:
            if self._worked_seconds() - self._worked_before < deadline_seconds / 2:
                raise Unavailable("pixel worker", "was given no time") from error
            raise

    async def _answer(self, request: bytes, deadline_seconds: float) -> tuple[bytes, bytes]:
        now = asyncio.get_running_loop().time
        async with asyncio.timeout(deadline_seconds) as deadline:
            self._writer.write(len(request).to_bytes(4, "big") + request)
            await self._writer.drain()
            while (status := await self._reader.readexactly(1)) == PROGRESS:
                self._worked_before = self._worked_seconds()
                deadline.reschedule(now() + deadline_seconds)
            deadline.reschedule(now() + deadline_seconds)
            length = int.from_bytes(await self._reader.readexactly(4), "big")
            if length > _MAX_ANSWER_BYTES:
                raise EOFError("a frame over 512 MiB")
            return status, await self._reader.readexactly(length)

    def _worked_seconds(self) -> float:
        """Return the processor time that the child has had (clock_getcpuclockid(3), on Linux)."""
        try:
            return time.clock_gettime(~self._process.pid << 3 | _CPUCLOCK_SCHED)
        except OSError:
            return 0.0

    async def kill(self) -> None:
        self._writer.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")


def _undecodable(error: Exception) -> MalformedMessage:
    _log.warning("pixel_worker_killed", reason=type(error).__name__)
    return MalformedMessage("the pixels cannot be decoded in bounds")


def _unwrap(status: bytes, payload: bytes) -> bytes:
    if status == OK:
        return payload
    if status == NO_FRAME:
        raise NotFound("no such frame")
    if status == NO_PIXELS:
        raise NotAcceptable("this object is no image that can be drawn")
    if status == NO_SUCH_SYNTAX:
        raise NotAcceptable("such pixels cannot be sent in that transfer syntax")
    if status == NO_SUCH_REGION:
        raise InvalidValue("viewport", "a region of the image")
    raise MalformedMessage("the pixels cannot be decoded")
