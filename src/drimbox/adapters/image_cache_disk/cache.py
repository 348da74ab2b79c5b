"""Series on disk, one folder each: Part 10 files as they arrived, and a journal of them.

    <directory>/<sha256 of the key>/<sha256 of the SOP Instance UID>.dcm
                                   /series.jsonl          whole once its last line says so
                                   /metadata-….json.gz    made from the files, see metadata_sidecar
    <directory>/demand/<sha256>            when a study or series was last asked for
    <directory>/temporary/                 files being transcoded, under the same protection

A UID is never a path (threat D1). Bounded by size and age, oldest use first. Several workers of a
host share the directory: one of them fetches a series (folder_lock), the others read along.
"""

import asyncio
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import structlog

from drimbox.adapters.image_cache_disk import journal
from drimbox.adapters.image_cache_disk.arrival import ArrivingSeries
from drimbox.adapters.image_cache_disk.folder_lock import (
    FolderLock,
    try_to_lock,
    try_to_lock_existing,
)
from drimbox.adapters.image_cache_disk.series_copies import FollowedSeries, WholeSeries
from drimbox.errors import Unavailable
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.ports.image_cache import SeriesCopy, SeriesKey

_log = structlog.get_logger("image_cache")
_MOST_INSTANCES_IN_MEMORY = 50_000
_USE_NOTED_EVERY_SECONDS = 30.0
_UNFINISHED_SECONDS = 60.0
_DEMAND = "demand"
_TEMPORARY = "temporary"
_TEMPORARY_SECONDS = 3600.0
_DEMAND_SECONDS = 24 * 3600.0


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
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._base_url = base_url
        self._arriving: dict[SeriesKey, ArrivingSeries] = {}
        self._opened: OrderedDict[Path, _Opened] = OrderedDict()
        self._instances_in_memory = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def temporary_directory(self) -> Path:
        """Where images may lie that are no copies; what a crash leaves there goes in an hour."""
        return self._directory / _TEMPORARY

    def open_series(
        self, key: SeriesKey, retrieve: Callable[[], AsyncIterator[InstanceStream]]
    ) -> SeriesCopy:
        """See ports.image_cache."""
        under_way = self._arriving.get(key)
        if under_way is not None:
            under_way.opened()
            return under_way
        folder = self._folder(key)
        found = self._read(folder)
        if found is not None:
            return found
        try:
            lock = try_to_lock(folder)
        except OSError as error:
            raise Unavailable("image cache", "cannot be written") from error
        if lock is None:
            return FollowedSeries(folder)
        whole = self._read(folder)  # it may have become whole a moment ago
        if whole is not None:
            lock.release()
            return whole
        arriving = ArrivingSeries(folder, key.url(self._base_url))
        arriving.opened()
        self._arriving[key] = arriving
        task = asyncio.create_task(self._fetch(key, arriving, retrieve, lock))
        arriving.fetched_by(task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return arriving

    def find_series(self, key: SeriesKey) -> SeriesCopy | None:
        """See ports.image_cache."""
        under_way = self._arriving.get(key)
        return under_way if under_way is not None else self._read(self._folder(key))

    def note_demand(self, target: TargetResource) -> bool:
        """See ports.image_cache; a day is lately."""
        uids = (target.study_instance_uid, target.series_instance_uid, target.sop_instance_uid)
        folder = self._directory / _DEMAND
        marker = folder / sha256("/".join(uid or "" for uid in uids).encode()).hexdigest()
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            was_asked = marker.exists() and _age(marker) < _DEMAND_SECONDS
            marker.touch()
        except OSError:
            return False  # nothing could be kept either
        return was_asked

    async def settled(self) -> None:
        """Wait until nothing is being fetched any more."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def stop(self) -> None:
        """End the retrievals under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _fetch(
        self,
        key: SeriesKey,
        arriving: ArrivingSeries,
        retrieve: Callable[[], AsyncIterator[InstanceStream]],
        lock: FolderLock,
    ) -> None:
        try:
            await arriving.receive(retrieve())
        finally:
            lock.release()
            del self._arriving[key]
        await asyncio.to_thread(self._make_room)

    def _folder(self, key: SeriesKey) -> Path:
        patient = key.ins.value if key.ins is not None else ""
        uids = f"{key.study_instance_uid}/{key.series_instance_uid}"
        text = f"{uids}/{patient}/{key.fidelity.value}"
        return self._directory / sha256(text.encode()).hexdigest()

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

    def _clear_what_is_no_copy(self) -> None:
        for marker in (self._directory / _DEMAND).glob("*"):
            if _age(marker) > _DEMAND_SECONDS:
                marker.unlink(missing_ok=True)
        for left in self.temporary_directory.glob("*"):
            if _age(left) > _TEMPORARY_SECONDS:
                shutil.rmtree(left, ignore_errors=True)

    def _make_room(self) -> None:
        """Delete whole series, least recently used first, until the bounds hold.

        What is unfinished and nobody's is left of a crash or a failure, and goes too; not at once,
        for it may be asked for again.
        """
        self._clear_what_is_no_copy()
        others = {_DEMAND, _TEMPORARY}
        folders = [folder for folder in self._directory.iterdir() if folder.name not in others]
        folders.sort(key=_last_use)
        sizes = {folder: _size(folder) for folder in folders}
        total = sum(sizes.values())
        for folder in folders:
            end = journal.read_end(folder)
            if end is None and _age(folder) < _UNFINISHED_SECONDS:
                continue
            is_fresh = end is not None and time.time() - end.fetched_at <= self._max_age_seconds
            if is_fresh and total <= self._max_bytes:
                continue
            if _delete(folder):
                total -= sizes[folder]
                _log.info("series_evicted", was_whole=end is not None)


def _read_whole(folder: Path) -> WholeSeries | None:
    try:
        read, _ = journal.read_journal(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return WholeSeries(folder, read.instances, read.end) if read.end is not None else None


def _delete(folder: Path) -> bool:
    """Delete a folder that nobody is fetching into."""
    lock = try_to_lock_existing(folder)
    if lock is None:
        return False
    try:
        # The journal goes first: what is left of a crash is then unfinished, not wrong.
        (folder / journal.NAME).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
    return True


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _last_use(folder: Path) -> float:
    try:
        return (folder / journal.NAME).stat().st_mtime
    except OSError:
        return 0.0


def _size(folder: Path) -> int:
    total = 0
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                total += path.stat().st_size
    return total
