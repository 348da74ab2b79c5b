"""One series on its way to disk: written as it arrives, readable instance by instance.

chunk, chunk, …  ─>  <name>.part  ─ whole ─>  <name>.dcm  ─>  a line of the journal  ─>  readers
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from drimbox.adapters.image_cache_disk.folder_lock import FOLLOWERS, has_followers
from drimbox.adapters.image_cache_disk.instance_heads import FIRST_READ, HeadReader
from drimbox.adapters.image_cache_disk.journal import NAME, JournalWriter
from drimbox.adapters.image_cache_disk.series_copies import (
    read_instance,
    rows_as_they_arrive,
    write_metadata,
)
from drimbox.errors import DrimboxError, MalformedMessage, NotFound, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance, SeriesMetadata
from drimbox.standards.dicom.part10 import encode_file_meta

T = TypeVar("T")

_WRITE_BYTES = 1024 * 1024
# Most that one writev takes (IOV_MAX of Linux).
_MAX_PIECES = 1024
# Octets that wait for the disk: of one series, of all, and of one however many there are.
_MOST_WAITING = 2 * 1024 * 1024
_WAITING_TOGETHER = 8 * 1024 * 1024
_LEAST_WAITING = 128 * 1024
_GRACE_SECONDS = 0.2
_IMAGE_SUFFIX = ".dcm"


def most_waiting(series: int) -> int:
    """Return how many octets each of so many series that arrive may let wait for the disk."""
    share = _WAITING_TOGETHER // max(series, 1)
    return min(max(share, _LEAST_WAITING), _MOST_WAITING)


class ArrivingSeries:
    """Implements ports.image_cache.SeriesCopy; whole once `receive` has returned.

    Args:
        folder: where it goes; this process holds its lock.
        series_url: the address for which its metadata is made on the way.
        most_waiting: octets that may wait for the disk now, beside those being written.
    """

    def __init__(
        self, folder: Path, series_url: str, most_waiting: Callable[[], int] = lambda: _MOST_WAITING
    ) -> None:
        self._folder = folder
        self._series_url = series_url
        self._most_waiting = most_waiting
        self._heads = HeadReader(series_url)
        self._rows: dict[SopInstanceUid, bytes | None] = {}
        self._arrived: dict[SopInstanceUid, CachedInstance] = {}
        self._news = asyncio.Condition()
        self._is_over = False
        self._failure: DrimboxError | None = None
        self._openers = 0
        self._task: asyncio.Task[None] | None = None
        self.is_ending = False
        """Nobody reads it any more: whoever asks now must not get it."""

    def fetched_by(self, task: asyncio.Task[None]) -> None:
        """Name the task that runs `receive`, for abandon to end."""
        self._task = task

    def opened(self) -> None:
        """Count one more who asked for it."""
        self._openers += 1

    def abandon(self) -> None:
        """See ports.image_cache; who asks again at once, as viewers do, finds it still coming."""
        self._openers -= 1
        if not self._openers:
            asyncio.get_running_loop().call_later(_GRACE_SECONDS, self._end_if_unread)

    def _end_if_unread(self) -> None:
        is_unread = not self._openers and not has_followers(self._folder)
        if is_unread and self._task is not None and not self._is_over:
            self.is_ending = True
            # Other workers are not to begin with what ends here.
            with suppress(OSError):
                (self._folder / NAME).unlink()
            self._task.cancel()

    @property
    def version(self) -> str | None:
        """See ports.image_cache: a series on its way has none."""
        return None

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        """See ports.image_cache."""
        async with self._news:
            await self._news.wait_for(lambda: uid in self._arrived or self._is_over)
        found = self._arrived.get(uid)
        if found is not None:
            return found
        raise self._failure or NotFound("no such instance in this series")

    async def instances(self) -> AsyncIterator[CachedInstance]:
        """See ports.image_cache."""
        given = 0
        while True:
            async with self._news:
                while len(self._arrived) == given and not self._is_over:
                    await self._news.wait()
            fresh = list(self._arrived.values())[given:]
            for instance in fresh:
                yield instance
            given += len(fresh)
            if self._is_over and given == len(self._arrived):
                break
        if self._failure is not None:
            raise self._failure

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        if uid is not None:
            yield read_instance(await self.get_instance(uid), is_fresh=True)
            return
        async for instance in self.instances():
            yield read_instance(instance, is_fresh=True)

    async def metadata(self, series_url: str) -> SeriesMetadata | None:
        """See ports.image_cache."""
        del series_url
        return None

    async def metadata_rows(self, series_url: str) -> AsyncIterator[bytes]:
        """See ports.image_cache."""
        if series_url != self._series_url:
            async for row in rows_as_they_arrive(self.instances(), series_url):
                yield row
            return
        async for instance in self.instances():
            known = self._rows[instance.sop_instance_uid]
            if known is None:
                raise MalformedMessage("an instance is no data set that can be read")
            yield known

    async def receive(self, instances: AsyncIterator[InstanceStream]) -> None:
        """Write every instance, then the end; a failure is kept for those who wait."""
        journal = None
        try:
            journal = await _in_thread(self._begin)
            async with _Writing(partial(self._store, journal), self._most_waiting) as writing:
                async for instance in instances:
                    await self._take(instance, writing)
            await _in_thread(partial(self._end, journal))
        except DrimboxError as error:
            self._failure = error
            with suppress(OSError):
                if journal is not None:
                    journal.fail()
        except OSError as error:
            self._failure = Unavailable("image cache", "cannot be written")
            self._failure.__cause__ = error
        except asyncio.CancelledError:
            self._failure = Unavailable("image cache", "is stopping")
            raise
        finally:
            if journal is not None:
                journal.close()
            self._is_over = True
            await self._tell()

    def _begin(self) -> JournalWriter:
        """Clear what an earlier try left, without letting go of the folder that is locked.

        Its images stay until they are here again: somebody may be about to read one.
        """
        for path in self._folder.iterdir():
            if path.name == FOLLOWERS or path.suffix == _IMAGE_SUFFIX:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return JournalWriter(self._folder)

    async def _take(self, instance: InstanceStream, writing: "_Writing") -> None:
        """Hand an instance to the disk: whole where it is small, else in pieces."""
        file = _InstanceFile(self._folder, instance)
        size = 0
        try:
            async for chunk in instance.chunks:
                file.pending.append(chunk)
                size += len(chunk)
                if size >= _WRITE_BYTES or len(file.pending) >= _MAX_PIECES - 1:
                    await _in_thread(file.write)
                    size = 0
        except BaseException:
            file.discard()
            raise
        await writing.add(file, size)

    async def _store(self, journal: JournalWriter, files: Sequence["_InstanceFile"]) -> None:
        """Finish some files, then tell whoever waits for them."""
        for written, row in await _in_thread(partial(self._finish, files, journal)):
            self._rows[written.sop_instance_uid] = row
            self._arrived[written.sop_instance_uid] = written
        await self._tell()

    def _finish(
        self, files: Sequence["_InstanceFile"], journal: JournalWriter
    ) -> list[tuple[CachedInstance, bytes | None]]:
        finished: list[tuple[CachedInstance, bytes | None]] = []
        for file in files:
            file.write()
            written, row = file.close(), None
            # Octets that are no data set are passed on all the same; what reads them will fail.
            with suppress(MalformedMessage):
                written, row = self._heads.learn(written, file.first)
            journal.add(written)
            finished.append((written, row))
        return finished

    def _end(self, journal: JournalWriter) -> None:
        rows = [row for row in self._rows.values() if row is not None]
        if len(rows) == len(self._rows):
            write_metadata(self._folder, rows, self._series_url)
        arrived = {instance.path for instance in self._arrived.values()}
        for path in self._folder.glob(f"*{_IMAGE_SUFFIX}"):
            if path not in arrived:
                path.unlink()
        journal.end()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


class _Writing:
    """Stores files while the next ones come: all that wait at once, one thread at a time."""

    def __init__(
        self,
        store: Callable[[Sequence["_InstanceFile"]], Awaitable[None]],
        most_waiting: Callable[[], int],
    ) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._waiting: list[_InstanceFile] = []
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

    async def add(self, file: "_InstanceFile", size: int) -> None:
        """Hand over a file of which size octets are still to be written.

        Raises:
            OSError: an earlier one could not be.
        """
        self._waiting.append(file)
        self._waiting_bytes += size
        is_full = self._waiting_bytes >= self._most_waiting()
        if self._task is not None and (is_full or self._task.done()):
            await self._finish()
        if self._task is None:
            self._begin()

    def _begin(self) -> None:
        files, self._waiting, self._waiting_bytes = self._waiting, [], 0
        self._task = asyncio.ensure_future(self._store(files))

    async def _finish(self) -> None:
        if self._task is not None:
            await asyncio.shield(self._task)  # a thread goes on: it is waited for, cancelled or not
            self._task = None


async def _in_thread(work: Callable[[], T]) -> T:
    """Run in a thread and wait for its end, even when cancelled: files may be closed only then."""
    done = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


class _InstanceFile:
    """A file that has its name only once it is whole."""

    def __init__(self, folder: Path, instance: InstanceStream) -> None:
        self._instance = instance
        name = hashlib.sha256(instance.sop_instance_uid.encode()).hexdigest()
        self._path = folder / f"{name}{_IMAGE_SUFFIX}"
        self._beside = folder / f"{name}.part"
        self._header = encode_file_meta(
            instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
        )
        self._file = -1
        self.pending: list[bytes] = []
        self.first = b""
        """What the data set begins with, once something is written."""

    def write(self) -> None:
        """Write what is pending."""
        pieces, self.pending = self.pending, []
        if self._file < 0:
            self.first = _first_octets(pieces)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(self._beside, flags, 0o600)
            pieces = [self._header, *pieces]
        size = sum(map(len, pieces))
        written = os.writev(self._file, pieces)
        if written < size:
            _write_all(self._file, b"".join(pieces)[written:])

    def close(self) -> CachedInstance:
        self.discard()
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
