"""Series on disk, one folder each: Part 10 files as they arrived, and an index once it is whole.

    <directory>/<sha256 of the UIDs>/<sha256 of the SOP Instance UID>.dcm
                                    /index.json    written last: without it, unfinished

A UID is never a path (threat D1). Bounded by size and age, oldest use first.
"""

import asyncio
import hashlib
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import structlog

from drimbox.adapters.image_cache_disk.arrival import ArrivingSeries, read_index
from drimbox.model.retrieval import InstanceStream
from drimbox.ports.image_cache import SeriesCopy, SeriesKey

_log = structlog.get_logger("image_cache")


class DiskImageCache:
    """Implements ports.image_cache.ImageCache for the workers of one host."""

    def __init__(self, directory: Path, *, max_bytes: int, max_age_seconds: float) -> None:
        """Make the folder (0700) and clear what an earlier run left unfinished."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_age_seconds = max_age_seconds
        self._arriving: dict[SeriesKey, ArrivingSeries] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def open_series(
        self, key: SeriesKey, retrieve: Callable[[], AsyncIterator[InstanceStream]]
    ) -> SeriesCopy:
        """See ports.image_cache."""
        found = self.find_series(key)
        if found is not None:
            return found
        arriving = ArrivingSeries(self._folder(key))
        self._arriving[key] = arriving
        task = asyncio.create_task(self._fetch(key, arriving, retrieve))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return arriving

    def find_series(self, key: SeriesKey) -> SeriesCopy | None:
        """See ports.image_cache."""
        under_way = self._arriving.get(key)
        if under_way is not None:
            return under_way
        folder = self._folder(key)
        whole = read_index(folder)
        if whole is None or self._is_too_old(folder):
            return None
        (folder / "index.json").touch()
        return whole

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
    ) -> None:
        try:
            await arriving.receive(retrieve())
        finally:
            del self._arriving[key]
        await asyncio.to_thread(self._make_room)

    def _folder(self, key: SeriesKey) -> Path:
        patient = key.ins.value if key.ins is not None else ""
        uids = f"{key.study_instance_uid}/{key.series_instance_uid}"
        text = f"{uids}/{patient}/{key.fidelity.value}"
        return self._directory / hashlib.sha256(text.encode()).hexdigest()

    def _is_too_old(self, folder: Path) -> bool:
        try:
            made = orjson.loads((folder / "index.json").read_bytes())["fetched_at"]
        except (OSError, ValueError, KeyError):
            return True
        return time.time() - float(made) > self._max_age_seconds

    def _make_room(self) -> None:
        """Delete whole series, least recently used first, until the bounds hold."""
        indexes = sorted(self._directory.glob("*/index.json"), key=_last_use)
        sizes = {i: sum(f.stat().st_size for f in i.parent.iterdir()) for i in indexes}
        total = sum(sizes.values())
        for index in indexes:
            if total <= self._max_bytes and not self._is_too_old(index.parent):
                continue
            total -= sizes[index]
            # The index goes first: what is left of a crash is then unfinished, not wrong.
            index.unlink(missing_ok=True)
            shutil.rmtree(index.parent, ignore_errors=True)
            _log.info("series_evicted")


def _last_use(index: Path) -> float:
    try:
        return index.stat().st_mtime
    except FileNotFoundError:
        return 0.0
