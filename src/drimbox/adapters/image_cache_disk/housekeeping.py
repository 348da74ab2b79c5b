"""What goes from the cache's directory: the longest unused first, then what was left behind."""

import shutil
import time
from contextlib import suppress
from pathlib import Path

import structlog

from drimbox.adapters.image_cache_disk import journal
from drimbox.adapters.image_cache_disk.folder_lock import nobody_reading, try_to_lock_existing

_log = structlog.get_logger("image_cache")
DEMAND = "demand"
TEMPORARY = "temporary"
DEMAND_SECONDS = 24 * 3600.0
_TEMPORARY_SECONDS = 3600.0
_UNFINISHED_SECONDS = 60.0


def make_room(directory: Path, max_bytes: int, max_age_seconds: float) -> None:
    """Delete whole series, least recently used first, until the bounds hold.

    What is unfinished and nobody's is left of a crash or a failure, and goes too; not at once, for
    it may be asked for again. What is being read stays until its readers have gone, though the
    bounds do not hold meanwhile: at most by what is on its way to somebody.
    """
    _clear_what_is_no_copy(directory)
    others = {DEMAND, TEMPORARY}
    folders = [folder for folder in directory.iterdir() if folder.name not in others]
    folders.sort(key=_last_use)
    sizes = {folder: _size(folder) for folder in folders}
    total = sum(sizes.values())
    for folder in folders:
        end = journal.read_end(folder)
        if end is None and age(folder) < _UNFINISHED_SECONDS:
            continue
        is_fresh = end is not None and time.time() - end.fetched_at <= max_age_seconds
        if is_fresh and total <= max_bytes:
            continue
        if _delete(folder):
            total -= sizes[folder]
            _log.info("series_evicted", was_whole=end is not None)


def age(path: Path) -> float:
    """Return the seconds since it was last changed; without end where it is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


def _clear_what_is_no_copy(directory: Path) -> None:
    for marker in (directory / DEMAND).glob("*"):
        if age(marker) > DEMAND_SECONDS:
            marker.unlink(missing_ok=True)
    for left in (directory / TEMPORARY).glob("*"):
        if age(left) > _TEMPORARY_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _delete(folder: Path) -> bool:
    """Delete a folder that nobody is fetching into, or reads."""
    lock = try_to_lock_existing(folder)
    if lock is None:
        return False
    try:
        with nobody_reading(folder) as is_free:
            if not is_free:
                return False
            # The journal goes first: what is left of a crash is then unfinished, not wrong, and
            # who begins to read now sees that the files go.
            (folder / journal.NAME).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
    return True


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
