"""One series on its way to disk: written as it arrives, readable instance by instance.

chunk, chunk, …  ─>  <name>.dcm  ─ whole ─>  a line of the journal  ─>  readers
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

from drimbox.adapters.image_cache_disk.folder_lock import (
    FOLLOWERS,
    READERS,
    has_followers,
    reading,
)
from drimbox.adapters.image_cache_disk.instance_heads import HeadReader
from drimbox.adapters.image_cache_disk.journal import NAME, JournalWriter
from drimbox.adapters.image_cache_disk.series_copies import (
    read_instance,
    rows_as_they_arrive,
    write_metadata,
)
from drimbox.adapters.image_cache_disk.writing import (
    IMAGE_SUFFIX,
    MAX_PIECES,
    AtHand,
    InstanceFile,
    Writing,
    at_once,
    in_thread,
)
from drimbox.errors import DrimboxError, MalformedMessage, NotFound, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance, SeriesMetadata

_WRITE_BYTES = 1024 * 1024
# Octets that wait for the disk: of one series, of all, and of one however many there are.
_MOST_WAITING = 2 * 1024 * 1024
_WAITING_TOGETHER = 8 * 1024 * 1024
_LEAST_WAITING = 128 * 1024
_GRACE_SECONDS = 0.2


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
        is_in_memory: the folder is on no disk, so that small files need no thread to be written.
    """

    def __init__(
        self,
        folder: Path,
        series_url: str,
        most_waiting: Callable[[], int] = lambda: _MOST_WAITING,
        *,
        is_in_memory: bool = False,
    ) -> None:
        self._folder = folder
        self._series_url = series_url
        self._most_waiting = most_waiting
        self._is_in_memory = is_in_memory
        self._heads = HeadReader(series_url)
        self._rows: dict[SopInstanceUid, bytes | None] = {}
        self._arrived: dict[SopInstanceUid, CachedInstance] = {}
        self._at_hand = AtHand(most_waiting)
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

    def hold(self) -> AbstractContextManager[bool]:
        """See ports.image_cache: it is not whole yet."""
        return nullcontext(enter_result=False)

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
        """See ports.image_cache; its reader may come to the end long after it is whole."""
        given = 0
        with reading(self._folder):
            while not (self._is_over and given == len(self._arrived)):
                async with self._news:
                    while len(self._arrived) == given and not self._is_over:
                        await self._news.wait()
                fresh = list(self._arrived.values())[given:]
                for instance in fresh:
                    yield instance
                given += len(fresh)
        if self._failure is not None:
            raise self._failure

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        if uid is not None:
            yield read_instance(await self.get_instance(uid), is_fresh=True)
            return
        with self._at_hand.wanted():
            async for instance in self.instances():
                octets = self._at_hand.take(instance.sop_instance_uid)
                yield read_instance(instance, is_fresh=True, octets=octets)

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
            journal = await in_thread(self._begin)
            store = partial(self._store, journal)
            async with Writing(
                store, self._most_waiting, is_in_memory=self._is_in_memory
            ) as writing:
                async for instance in instances:
                    await self._take(instance, writing)
            await in_thread(partial(self._end, journal))
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
            if path.name in {FOLLOWERS, READERS} or path.suffix == IMAGE_SUFFIX:
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return JournalWriter(self._folder)

    async def _take(self, instance: InstanceStream, writing: Writing) -> None:
        """Hand an instance to the disk: whole where it is small, else in pieces."""
        file = InstanceFile(self._folder, instance)
        size = 0
        try:
            async for chunk in instance.chunks:
                file.pending.append(chunk)
                size += len(chunk)
                if size >= _WRITE_BYTES or len(file.pending) >= MAX_PIECES - 1:
                    await in_thread(file.write)
                    size = 0
        except BaseException:
            file.discard()
            raise
        await writing.add(file, size)

    async def _store(self, journal: JournalWriter, files: Sequence[InstanceFile]) -> None:
        """Finish some files, then tell whoever waits for them."""
        is_quick = self._is_in_memory and all(file.is_unwritten for file in files)
        run = at_once if is_quick else in_thread
        for written, row in await run(partial(self._finish, files, journal)):
            self._rows[written.sop_instance_uid] = row
            self._arrived[written.sop_instance_uid] = written
        self._at_hand.keep(files)
        await self._tell()

    def _finish(
        self, files: Sequence[InstanceFile], journal: JournalWriter
    ) -> list[tuple[CachedInstance, bytes | None]]:
        finished: list[tuple[CachedInstance, bytes | None]] = []
        for file in files:
            file.write()
            written, row = file.close(), None
            # Octets that are no data set are passed on all the same; what reads them will fail.
            with suppress(MalformedMessage):
                written, row = self._heads.learn(written, file.first)
            finished.append((written, row))
        journal.add([written for written, _ in finished])
        return finished

    def _end(self, journal: JournalWriter) -> None:
        rows = [row for row in self._rows.values() if row is not None]
        if len(rows) == len(self._rows):
            write_metadata(self._folder, rows, self._series_url)
        arrived = {instance.path for instance in self._arrived.values()}
        for path in self._folder.glob(f"*{IMAGE_SUFFIX}"):
            if path not in arrived:
                path.unlink()
        journal.end()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()
