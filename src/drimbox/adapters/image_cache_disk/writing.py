"""Files of instances on their way to disk: written once, read again only by who comes later."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

from drimbox.adapters.image_cache_disk.instance_heads import FIRST_READ
from drimbox.errors import DrimboxError
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.part10 import encode_file_meta

T = TypeVar("T")

IMAGE_SUFFIX = ".dcm"
# Most that one writev takes (IOV_MAX of Linux).
MAX_PIECES = 1024


class InstanceFile:
    """A file that nobody reads before the journal names it.

    One that is there already may be read just now, after another worker was lost (decision 22): it
    is replaced once this one is whole.
    """

    def __init__(self, folder: Path, instance: InstanceStream) -> None:
        self._instance = instance
        name = hashlib.sha256(instance.sop_instance_uid.encode()).hexdigest()
        self._path = folder / f"{name}{IMAGE_SUFFIX}"
        self._beside: Path | None = None
        self._header = encode_file_meta(
            instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
        )
        self._file = -1
        self.pending: list[bytes] = []
        self.first = b""
        """What the data set begins with, once something is written."""
        self.octets: Sequence[bytes] = ()
        """The data set, where it was written at once."""

    @property
    def is_unwritten(self) -> bool:
        """All of it is pending."""
        return self._file < 0

    @property
    def sop_instance_uid(self) -> SopInstanceUid:
        return self._instance.sop_instance_uid

    def write(self) -> None:
        """Write what is pending."""
        pieces, self.pending = self.pending, []
        self.octets = pieces if self._file < 0 else ()
        if self._file < 0:
            self.first = _first_octets(pieces)
            self._file = self._open()
            pieces = [self._header, *pieces]
        size = sum(map(len, pieces))
        written = os.writev(self._file, pieces)
        if written < size:
            _write_all(self._file, b"".join(pieces)[written:])

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(self._path, flags | os.O_EXCL, 0o600)
        except FileExistsError:
            self._beside = self._path.with_suffix(".part")
            return os.open(self._beside, flags | os.O_TRUNC, 0o600)

    def close(self) -> CachedInstance:
        self.discard()
        if self._beside is not None:
            self._beside.replace(self._path)
        instance = self._instance
        return CachedInstance(
            instance.sop_instance_uid,
            instance.sop_class_uid,
            instance.transfer_syntax_uid,
            self._path,
            len(self._header),
        )

    def discard(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class AtHand:
    """Octets that were written a moment ago, for the first stream that wants them.

    Who is further behind than this holds reads the file.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._streams = 0
        self._octets: dict[SopInstanceUid, Sequence[bytes]] = {}
        self._size = 0

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Keep octets as long as this lasts."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1
            if not self._streams:
                self._octets.clear()
                self._size = 0

    def keep(self, files: Sequence[InstanceFile]) -> None:
        """Keep what is at hand of these, as far as there is room."""
        most = self._most() if self._streams else 0
        for file in files:
            size = sum(map(len, file.octets))
            if size and self._size + size <= most:
                self._octets[file.sop_instance_uid] = file.octets
                self._size += size

    def take(self, uid: SopInstanceUid) -> Sequence[bytes] | None:
        """Return the octets of an instance, once."""
        octets = self._octets.pop(uid, None)
        if octets is not None:
            self._size -= sum(map(len, octets))
        return octets


class Writing:
    """Stores files while the next ones come: all that wait at once, one thread at a time.

    What goes to memory is stored before the next one comes: that takes less than handing it over.
    """

    def __init__(
        self,
        store: Callable[[Sequence[InstanceFile]], Awaitable[None]],
        most_waiting: Callable[[], int],
        *,
        is_in_memory: bool,
    ) -> None:
        self._store = store
        self._is_in_memory = is_in_memory
        self._most_waiting = most_waiting
        self._waiting: list[InstanceFile] = []
        self._waiting_bytes = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for what was handed over; after a failure nothing more is begun."""
        if kind is None:
            await self._finish()
            if self._waiting:
                self._begin()
                await self._finish()
            return
        for file in self._waiting:
            file.discard()
        with suppress(DrimboxError, OSError):
            await self._finish()

    async def add(self, file: InstanceFile, size: int) -> None:
        """Hand over a file of which size octets are still to be written.

        Raises:
            OSError: an earlier one could not be.
        """
        self._waiting.append(file)
        self._waiting_bytes += size
        is_full = self._waiting_bytes >= self._most_waiting()
        if self._task is not None and (is_full or self._task.done()):
            await self._finish()
        if self._task is not None:
            return
        if self._is_in_memory:
            self._waiting, self._waiting_bytes = [], 0
            await self._store([file])
        else:
            self._begin()

    def _begin(self) -> None:
        files, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._task = asyncio.ensure_future(self._store(files))

    async def _finish(self) -> None:
        if self._task is not None:
            await asyncio.shield(self._task)  # a thread goes on: it is waited for, cancelled or not
            self._task = None


async def in_thread(work: Callable[[], T]) -> T:
    """Run in a thread and wait for its end, even when cancelled: files may be closed only then."""
    done = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


async def at_once(work: Callable[[], T]) -> T:
    """Run here: for what takes a millisecond, less than a thread makes this one wait (GIL)."""
    return work()


def _first_octets(pieces: Sequence[bytes]) -> bytes:
    first = b""
    for piece in pieces:
        first += piece[: FIRST_READ - len(first)]
        if len(first) == FIRST_READ:
            break
    return first


def _write_all(file: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(file, octets) :]
