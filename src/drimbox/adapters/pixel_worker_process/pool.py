"""A few jailed child processes that decode pixels; one that hangs or dies is replaced (threat D4).

    child  ──▶ parent   READY (1 octet), once, when its codecs are loaded
    parent ──▶ child    length (4 octets, big endian), JSON request
    child  ──▶ parent   status (1 octet), length (4 octets), payload

The child limits its own memory before it reads anything; the parent kills it at its deadline.
The deadline of a request does not count the start of a child: that takes seconds on a busy machine.
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import orjson
import structlog

from drimbox.errors import MalformedMessage, NotAcceptable, NotFound, TooLarge, Unavailable
from drimbox.ports.pixel_worker import Rendering

_log = structlog.get_logger("pixel_worker")
_MAX_ANSWER_BYTES = 512 * 1024 * 1024
_SECONDS_TO_START = 30.0
READY = b"R"
OK, NO_FRAME, NO_PIXELS, UNREADABLE = b"0", b"1", b"2", b"3"


class PixelWorkerPool:
    """Implements ports.pixel_worker.PixelWorker; children start when first needed."""

    def __init__(self, *, workers: int = 2, deadline_seconds: float = 5.0) -> None:
        """Bound the number of children and the seconds that each request may take."""
        self._idle: list[_Child] = []
        self._slots = asyncio.Semaphore(workers)
        self._deadline_seconds = deadline_seconds

    async def render(self, path: Path, rendering: Rendering) -> bytes:
        """See ports.pixel_worker."""
        values = asdict(rendering) | {"format": rendering.format.name}
        return await self._ask({"operation": "render", "path": str(path)} | values)

    async def stored_frame(self, path: Path, frame: int) -> bytes:
        """See ports.pixel_worker."""
        return await self._ask({"operation": "stored_frame", "path": str(path), "frame": frame})

    async def decode_frame(self, path: Path, frame: int) -> bytes:
        """See ports.pixel_worker."""
        return await self._ask({"operation": "decode_frame", "path": str(path), "frame": frame})

    async def decode_file(self, path: Path, target: Path) -> None:
        """See ports.pixel_worker; a large object may take ten times the deadline of a frame."""
        request = {"operation": "decode_file", "path": str(path), "target": str(target)}
        await self._ask(request, deadline_seconds=self._deadline_seconds * 10)

    async def stop(self) -> None:
        """End the idle children."""
        while self._idle:
            await self._idle.pop().kill()

    async def _ask(
        self, request: Mapping[str, object], *, deadline_seconds: float | None = None
    ) -> bytes:
        async with self._slots:
            child = await self._living_child()
            try:
                async with asyncio.timeout(deadline_seconds or self._deadline_seconds):
                    status, payload = await child.ask(orjson.dumps(request))
            except BaseException as error:
                await child.kill()
                if isinstance(error, TimeoutError | EOFError | ConnectionError):
                    _log.warning("pixel_worker_killed", reason=type(error).__name__)
                    raise MalformedMessage("the pixels cannot be decoded in bounds") from error
                raise
            self._idle.append(child)
        return _unwrap(status, payload)

    async def _living_child(self) -> "_Child":
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            await child.kill()  # ended by the system while it waited: reap it, take another
        return await _Child.start()


class _Child:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    @classmethod
    async def start(cls) -> "_Child":
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "drimbox.adapters.pixel_worker_process.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        child = cls(process)
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                await child._stdout.readexactly(len(READY))
        except BaseException as error:
            await child.kill()
            if isinstance(error, TimeoutError | EOFError):
                raise Unavailable("no pixel worker could be started") from error
            raise
        return child

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None and not self._stdout.at_eof()

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        self._stdin.write(len(request).to_bytes(4, "big") + request)
        await self._stdin.drain()
        status = await self._stdout.readexactly(1)
        length = int.from_bytes(await self._stdout.readexactly(4), "big")
        if length > _MAX_ANSWER_BYTES:
            raise TooLarge("a decoded frame over 512 MiB")
        return status, await self._stdout.readexactly(length)

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def _unwrap(status: bytes, payload: bytes) -> bytes:
    if status == OK:
        return payload
    if status == NO_FRAME:
        raise NotFound("no such frame")
    if status == NO_PIXELS:
        raise NotAcceptable("this object has no pixels to draw")
    raise MalformedMessage("the pixels cannot be decoded")
