"""Series on disk, one folder each: Part 10 files as they arrived, and a journal of them.

    <directory>/<sha256 of the key>/<sha256 of the SOP Instance UID>.dcm
                                   /series.jsonl          whole once its last line says so
                                   /readers, /followers   locked while somebody reads, reads along
                                   /metadata-….json.gz    made from the files, see metadata_sidecar
    <directory>/demand/<sha256>            when a study or series was last asked for
    <directory>/temporary/                 files being transcoded, under the same protection;
                                           unseen: the spool of what passes without a copy

A UID is never a path (threat D1). Bounded by size and age, oldest use first. Several workers of a
host share the directory: one of them fetches a series (folder_lock), the others read along.
"""

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path

from drimbox.adapters.image_cache_disk import journal
from drimbox.adapters.image_cache_disk.arrival import ArrivingSeries, most_waiting
from drimbox.adapters.image_cache_disk.folder_lock import (
    FolderLock,
    has_followers,
    is_locked,
    try_to_lock,
)
from drimbox.adapters.image_cache_disk.housekeeping import (
    DEMAND,
    DEMAND_SECONDS,
    TEMPORARY,
    age,
    make_room,
)
from drimbox.adapters.image_cache_disk.memory_folder import is_in_memory
from drimbox.adapters.image_cache_disk.passing import PassingSeries
from drimbox.adapters.image_cache_disk.series_copies import FollowedSeries, WholeSeries
from drimbox.adapters.image_cache_disk.spool import Spool
from drimbox.errors import Unavailable
from drimbox.flows.image_streams import close
from drimbox.model.retrieval import TargetResource
from drimbox.ports.image_cache import Retrieve, SeriesCopy, SeriesKey, SeriesStreams

_MOST_INSTANCES_IN_MEMORY = 50_000
_USE_NOTED_EVERY_SECONDS = 30.0
_MOST_SPOOLED = 256 * 1024 * 1024
_LOOK_EVERY_SECONDS = 0.02


@dataclass
class _Opened:
    """A whole series that was read; signature is that of the journal it was read from."""

    series: WholeSeries
    signature: tuple[int, int]
    used_at: float


class DiskImageCache:
    """Implements ports.image_cache.ImageCache for the workers of one host.

    Args:
        directory: made (0700) where it is not there.
        base_url: under which the metadata of a series will be asked for first; see series_url.
    """

    def __init__(
        self, directory: Path, *, max_bytes: int, max_age_seconds: float, base_url: str = ""
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._is_in_memory = is_in_memory(directory)
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._base_url = base_url
        self._arriving: dict[SeriesKey, ArrivingSeries] = {}
        self._opened: OrderedDict[Path, _Opened] = OrderedDict()
        self._instances_in_memory = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing: dict[SeriesKey, PassingSeries] = {}
        self._watching: asyncio.Task[None] | None = None
        self._spool = Spool(self.temporary_directory, min(max_bytes // 4, _MOST_SPOOLED))

    @property
    def temporary_directory(self) -> Path:
        """Where images may lie that are no copies; what a crash leaves there goes in an hour."""
        return self._directory / TEMPORARY

    def open_series(self, key: SeriesKey, retrieve: Retrieve) -> SeriesCopy:
        """See ports.image_cache."""
        found = self._find(key, retrieve)
        if found is not None:
            return found
        passing = self._passing.get(key)
        if passing is not None:
            return self._opened_once_more(self._join(key, passing))
        folder = self._folder(key)
        try:
            lock = try_to_lock(folder)
        except OSError as error:
            raise Unavailable("image cache", "cannot be written") from error
        if lock is None:
            return self._follow(key, retrieve)
        whole = self._read(folder)  # it may have become whole a moment ago
        if whole is not None:
            lock.release()
            return whole
        # What another try left is not what is on its way now: nobody is to read along in it.
        with suppress(OSError):
            (folder / journal.NAME).unlink()
        return self._opened_once_more(self._receive(key, retrieve, lock))

    def pass_series(self, key: SeriesKey, retrieve: Retrieve) -> SeriesStreams:
        """See ports.image_cache; where nothing can be written, it passes all the same."""
        found = self._find(key, retrieve)
        if found is not None:
            return found
        if key in self._passing:
            return self.open_series(key, retrieve)
        folder = self._folder(key)
        try:
            lock = try_to_lock(folder)
            if lock is None:
                return self._follow(key, retrieve)
            whole = self._read(folder)  # it may have become whole a moment ago
            if whole is not None:
                lock.release()
                return whole
            # What another try left is not what is on its way now.
            (folder / journal.NAME).unlink(missing_ok=True)
        except OSError:
            return PassingSeries(retrieve, self._spool.open_log(), None, self._let_go)
        passing = PassingSeries(retrieve, self._spool.open_log(), lock, self._let_go)
        self._passing[key] = passing
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return passing

    def is_expected(self, key: SeriesKey) -> bool:
        """See ports.image_cache."""
        is_here = key in self._passing or self.find_series(key) is not None
        return is_here or is_locked(self._folder(key))

    def find_series(self, key: SeriesKey) -> SeriesCopy | None:
        """See ports.image_cache."""
        under_way = self._arriving.get(key)
        if under_way is not None:
            return None if under_way.is_ending else under_way
        return self._read(self._folder(key))

    def note_demand(self, target: TargetResource) -> bool:
        """See ports.image_cache; a day is lately."""
        uids = (target.study_instance_uid, target.series_instance_uid, target.sop_instance_uid)
        folder = self._directory / DEMAND
        marker = folder / sha256("/".join(uid or "" for uid in uids).encode()).hexdigest()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            was_asked = marker.exists() and age(marker) < DEMAND_SECONDS
            marker.touch()
        except OSError:
            return False  # nothing could be kept either
        return was_asked

    async def settled(self) -> None:
        """Wait until nothing is being fetched any more."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def keep_bounds(self) -> None:
        """Delete what is too old or too much, and nobody is reading."""
        await asyncio.to_thread(make_room, self._directory, self._max_bytes, self._max_age_seconds)

    async def stop(self) -> None:
        """End the retrievals under way."""
        tasks = set(self._tasks)
        if self._watching is not None:
            tasks.add(self._watching)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._spool.close()

    def _find(self, key: SeriesKey, retrieve: Retrieve) -> SeriesCopy | None:
        """Return the copy that is whole, or under way in this process, opened once more."""
        under_way = self._arriving.get(key)
        if under_way is None:
            return self._read(self._folder(key))
        if under_way.is_ending:
            return self._follow(key, retrieve, is_ending=True)
        return self._opened_once_more(under_way)

    def _follow(
        self, key: SeriesKey, retrieve: Retrieve, *, is_ending: bool = False
    ) -> FollowedSeries:
        again = partial(self.open_series, key, retrieve)
        return FollowedSeries(self._folder(key), again, is_ending=is_ending)

    def _opened_once_more(self, arriving: ArrivingSeries) -> ArrivingSeries:
        arriving.opened()
        return arriving

    def _receive(self, key: SeriesKey, retrieve: Retrieve, lock: FolderLock) -> ArrivingSeries:
        """Begin a copy, which nobody has opened yet."""
        arriving = ArrivingSeries(
            self._folder(key),
            key.url(self._base_url),
            lambda: most_waiting(len(self._arriving)),
            is_in_memory=self._is_in_memory,
        )
        self._arriving[key] = arriving
        arriving.fetched_by(self._start(self._fetch(key, arriving, retrieve, lock)))
        return arriving

    async def _fetch(
        self, key: SeriesKey, arriving: ArrivingSeries, retrieve: Retrieve, lock: FolderLock
    ) -> None:
        instances = retrieve()
        try:
            await arriving.receive(instances)
        finally:
            try:
                await close(instances)
            finally:
                lock.release()
                del self._arriving[key]
        await self.keep_bounds()

    def _join(self, key: SeriesKey, passing: PassingSeries) -> ArrivingSeries:
        """Make a copy of what passes, which its reader has opened too, if still there.

        Where the beginning cannot be had again, the copy has a retrieval of its own, which serves
        all who ask from now on; what passes goes on alone.
        """
        del self._passing[key]
        lock, passing.lock = passing.lock, None
        assert lock is not None  # noqa: S101  # nothing is registered without
        if not passing.can_be_joined:
            return self._receive(key, passing.retrieve, lock)
        arriving = self._receive(key, passing.instances, lock)
        passing.join(arriving)
        return arriving

    def _let_go(self, passing: PassingSeries) -> None:
        """Its reader has left: end what passes, unless another worker reads along by now."""
        key = next((key for key, one in self._passing.items() if one is passing), None)
        if key is not None and self._is_followed(key):
            self._join(key, passing)
            if passing.is_joined():
                return
        elif key is not None:
            del self._passing[key]
        _ = self._start(self._end(passing, None if key is None else self._folder(key)))

    async def _end(self, passing: PassingSeries, folder: Path | None) -> None:
        await passing.end()
        if folder is not None and passing.lock is not None:
            _remove_empty(folder)
            passing.lock.release()

    async def _watch(self) -> None:
        """Look now and then whether another worker reads along what passes here."""
        while self._passing:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            for key, passing in list(self._passing.items()):
                if self._is_followed(key):
                    self._join(key, passing)

    def _is_followed(self, key: SeriesKey) -> bool:
        try:
            return has_followers(self._folder(key))
        except OSError:
            return False

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _folder(self, key: SeriesKey) -> Path:
        return _folder_of(self._directory, key)

    def _read(self, folder: Path) -> WholeSeries | None:
        """Return the series of a folder, None when it is not whole, or too old.

        What was read stays in memory as long as the journal is the same file.
        """
        try:
            stat = (folder / journal.NAME).stat()
        except OSError:
            self._forget(folder)
            return None
        signature = (stat.st_ino, stat.st_size)
        opened = self._opened.get(folder)
        if opened is None or opened.signature != signature:
            self._forget(folder)
            series = _read_whole(folder)
            if series is None:
                return None
            opened = _Opened(series, signature, 0.0)
            self._keep(folder, opened)
        if time.time() - opened.series.fetched_at > self._max_age_seconds:
            return None
        self._note_use(folder, opened)
        return opened.series

    def _keep(self, folder: Path, opened: _Opened) -> None:
        self._opened[folder] = opened
        self._instances_in_memory += len(opened.series)
        while self._instances_in_memory > _MOST_INSTANCES_IN_MEMORY and len(self._opened) > 1:
            self._forget(next(iter(self._opened)))

    def _forget(self, folder: Path) -> None:
        forgotten = self._opened.pop(folder, None)
        if forgotten is not None:
            self._instances_in_memory -= len(forgotten.series)

    def _note_use(self, folder: Path, opened: _Opened) -> None:
        self._opened.move_to_end(folder)
        now = time.monotonic()
        if now - opened.used_at > _USE_NOTED_EVERY_SECONDS or not opened.used_at:
            opened.used_at = now
            with suppress(OSError):
                os.utime(folder / journal.NAME)


@lru_cache(maxsize=1024)
def _folder_of(directory: Path, key: SeriesKey) -> Path:
    """Name the folder of a series; several times for each frame that is asked for."""
    patient = key.ins.value if key.ins is not None else ""
    uids = f"{key.study_instance_uid}/{key.series_instance_uid}"
    text = f"{uids}/{patient}/{key.fidelity.value}"
    return directory / sha256(text.encode()).hexdigest()


def _read_whole(folder: Path) -> WholeSeries | None:
    try:
        read, _ = journal.read_journal(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return WholeSeries(folder, read.instances, read.end) if read.end is not None else None


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
