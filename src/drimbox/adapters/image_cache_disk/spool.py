"""What has passed of series on their way through, for whoever asks for one before its end.

    chunks ─> waiting ─ in a thread ─> extents of one file ─ in a thread ─> chunks again

The file is bounded and has no name: it ends with the process, however that ends. Its extents are
taken again and again, last freed first, so that the system has them in memory. What comes faster
than it can be written, or so fast that writing it would cost the reader a part of that speed, is
not noted: that log is then lost, and what it was of must be asked for again.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

EXTENT_BYTES = 4 * 1024 * 1024
_READ_BYTES = 256 * 1024
_WRITE_BYTES = 1024 * 1024
# Most that one pwritev takes (IOV_MAX of Linux).
_MOST_PIECES = 1024
_MOST_WAITING = 16 * 1024 * 1024
FASTEST_NOTED = 150e6
_JUDGED_AFTER_BYTES = 16 * 1024 * 1024
_EMPTY_AFTER_SECONDS = 10.0

_Piece = tuple[int, Sequence[bytes | memoryview]]
"""Where in the file, and what."""


class Spool:
    """The file of one process.

    Args:
        directory: where it lies, under the same protection as copies; made (0700) when needed.
        max_bytes: what all logs together may hold.
        fastest: octets a second, on average, above which a log is given up, judged after 16 MiB; as
            delivered, more than 1 Gbit/s carries.
    """

    def __init__(self, directory: Path, max_bytes: int, fastest: float = FASTEST_NOTED) -> None:
        self._directory = directory
        self.fastest = fastest
        self._extents = max_bytes // EXTENT_BYTES
        self._file = -1
        self._made = 0
        self._free: list[int] = []
        self._emptying: asyncio.TimerHandle | None = None
        self.waiting_bytes = 0
        self.writes: set[asyncio.Future[None]] = set()
        """Threads that write now."""

    def open_log(self) -> "SpoolLog":
        """Begin a log; nothing is written before there is enough of it."""
        return SpoolLog(self)

    @property
    def file(self) -> int:
        """The file, opened where it is not.

        Raises:
            OSError: it cannot be made.
        """
        if self._file < 0:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._directory, buffering=0) as made:
                self._file = os.dup(made.fileno())
        return self._file

    def take(self) -> int | None:
        """Return where a free extent begins, None where there is none left."""
        if self._free:
            return self._free.pop()
        if self._made == self._extents:
            return None
        self._made += 1
        return (self._made - 1) * EXTENT_BYTES

    def give_back(self, extents: Sequence[int]) -> None:
        """Take extents back, that nobody writes to any more."""
        self._free += extents
        if self._emptying is None and len(self._free) == self._made:
            loop = asyncio.get_running_loop()
            self._emptying = loop.call_later(_EMPTY_AFTER_SECONDS, self._empty)

    async def close(self) -> None:
        """Let the file go; what logs still hold is lost."""
        if self._emptying is not None:
            self._emptying.cancel()
        if self.writes:
            await asyncio.wait(self.writes)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _empty(self) -> None:
        """Give its room back to the system, where nobody has needed it for a while."""
        self._emptying = None
        if len(self._free) == self._made and self._file >= 0:
            os.close(self._file)
            self._file, self._made = -1, 0
            self._free.clear()


class SpoolLog:
    """Octets kept in order; positions count from the first one."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._extents: list[int] = []
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._placed = 0
        self._writing: asyncio.Future[None] | None = None
        self._began_at = asyncio.get_running_loop().time()
        self.size = 0
        self.is_lost = False
        self._is_frozen = False

    def keep(self, chunk: bytes) -> None:
        """Keep a chunk; it is written later, or the log is lost."""
        if self.is_lost:
            return
        if not self.size:
            self._began_at = asyncio.get_running_loop().time()
        self.size += len(chunk)
        self._waiting.append(chunk)
        self._waiting_bytes += len(chunk)
        self._spool.waiting_bytes += len(chunk)
        if self._spool.waiting_bytes > _MOST_WAITING or self._is_too_fast():
            self.lose()
        elif self._waiting_bytes >= _WRITE_BYTES and self._writing is None:
            self._write()

    def freeze(self) -> None:
        """Keep the room of what is kept until close, even where nothing more can be kept."""
        self._is_frozen = True

    def lose(self) -> None:
        """Give up what is kept."""
        self.is_lost = True
        self._drop_waiting()
        self._free()

    async def flush(self) -> None:
        """Wait until everything is written; is_lost tells whether it could be."""
        while self._writing is not None or (self._waiting and not self.is_lost):
            if self._writing is None:
                self._write()
            if self._writing is not None:
                await asyncio.wait({self._writing})

    async def read(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield what was kept from start to end; flush comes before.

        Raises:
            OSError: it cannot be read.
        """
        while start < end:
            index, offset = divmod(start, EXTENT_BYTES)
            length = min(_READ_BYTES, end - start, EXTENT_BYTES - offset)
            place = self._extents[index] + offset
            chunk = await asyncio.to_thread(os.pread, self._spool.file, length, place)
            if len(chunk) != length:
                raise OSError("the spool was cut short")
            yield chunk
            start += length

    def close(self) -> None:
        """Free what is kept."""
        self._is_frozen = False
        self.lose()

    def _is_too_fast(self) -> bool:
        if self.size < _JUDGED_AFTER_BYTES:
            return False
        seconds = asyncio.get_running_loop().time() - self._began_at
        return self.size > self._spool.fastest * seconds

    def _drop_waiting(self) -> None:
        self._spool.waiting_bytes -= self._waiting_bytes
        self._waiting, self._waiting_bytes = [], 0

    def _free(self) -> None:
        """Give the extents back, once no thread writes to them any more."""
        if self._writing is None and not self._is_frozen:
            extents, self._extents = self._extents, []
            self._spool.give_back(extents)

    def _write(self) -> None:
        waiting, size = self._waiting, self._waiting_bytes
        try:
            pieces = self._place(waiting)
            file = self._spool.file
        except OSError:
            self.lose()
            return
        self._waiting, self._waiting_bytes = [], 0
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, _write_pieces, file, pieces)
        self._spool.writes.add(self._writing)
        self._writing.add_done_callback(lambda done: self._written(done, size))

    def _written(self, done: asyncio.Future[None], size: int) -> None:
        self._writing = None
        self._spool.writes.discard(done)
        self._spool.waiting_bytes -= size
        if done.cancelled() or done.exception() is not None:
            self.lose()
        if self.is_lost:
            self._free()
        elif self._waiting_bytes >= _WRITE_BYTES:
            self._write()

    def _place(self, chunks: Sequence[bytes]) -> list[_Piece]:
        """Tell where each chunk goes, cut where an extent ends.

        Raises:
            OSError: the spool is full.
        """
        pieces: list[_Piece] = []
        for chunk in chunks:
            rest = memoryview(chunk)
            while rest:
                index, offset = divmod(self._placed, EXTENT_BYTES)
                if index == len(self._extents):
                    taken = self._spool.take()
                    if taken is None:
                        raise OSError("the spool is full")
                    self._extents.append(taken)
                part = rest[: EXTENT_BYTES - offset]
                pieces.append((self._extents[index] + offset, [part]))
                self._placed += len(part)
                rest = rest[len(part) :]
        return _joined(pieces)


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Write together what lies together."""
    joined: list[tuple[int, list[bytes | memoryview]]] = []
    end = -1
    for place, parts in pieces:
        if place == end and len(joined[-1][1]) < _MOST_PIECES:
            joined[-1][1].extend(parts)
        else:
            joined.append((place, list(parts)))
        end = place + len(parts[0])
    return [(place, parts) for place, parts in joined]


def _write_pieces(file: int, pieces: Sequence[_Piece]) -> None:
    for place, parts in pieces:
        if os.pwritev(file, parts, place) != sum(map(len, parts)):
            raise OSError("the spool was cut short")
