"""Who fetches a series: the one process of the host that holds the lock of its folder.

The lock is the system's (flock): it ends with the process, however that ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

FOLLOWERS = "followers"
READERS = "readers"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_OWN_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class FolderLock:
    """Held from its making until `release`."""

    def __init__(self, file: int) -> None:
        self._file = file

    def release(self) -> None:
        os.close(self._file)


def try_to_lock(folder: Path) -> FolderLock | None:
    """Make the folder (0700) and lock it; None where another process holds it.

    Raises:
        OSError: the folder cannot be made.
    """
    for is_last in (False, False, True):
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = _lock(folder)
        # Whoever only looks (is_locked) is in the way for an instant.
        if lock is not _GONE and (lock is not None or is_last):
            return lock
    return None


def try_to_lock_existing(folder: Path) -> FolderLock | None:
    """Lock a folder; None where it is gone, or another process holds it."""
    lock = _lock(folder)
    return None if lock is _GONE else lock


def is_locked(folder: Path) -> bool:
    """Tell whether somebody is fetching into this folder."""
    try:
        file = os.open(folder, _DIRECTORY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


@contextmanager
def following(folder: Path) -> Iterator[None]:
    """Say to who fetches into this folder, in another process, that somebody reads along.

    Raises:
        OSError: the folder is gone.
    """
    with _shared(folder / FOLLOWERS):
        yield


def has_followers(folder: Path) -> bool:
    """Tell whether another process reads along."""
    return _is_shared(folder / FOLLOWERS)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Say to who makes room, in whatever process, that the files of this folder are being read.

    Where that cannot be said, the disk being full or the folder gone, they are read all the same.
    """
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(_shared(folder / READERS))
        yield


@contextmanager
def nobody_reading(folder: Path) -> Iterator[bool]:
    """Keep readers and who reads along from beginning meanwhile; give False where some have.

    For as long as it takes to say that the files go: a reader who begins waits for it.
    """
    with ExitStack() as stack:
        yield all(_is_taken(stack, folder / name) for name in (READERS, FOLLOWERS))


def _is_taken(stack: ExitStack, path: Path) -> bool:
    """Lock a file for ourselves; False where others share it."""
    try:
        file = os.open(path, _OWN_FILE, 0o600)
    except OSError:
        # The folder is gone, or the disk is full: then nobody else could make it either.
        return not path.exists()
    stack.callback(os.close, file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(slots=True)
class _SharedFile:
    """A file locked by this process, for so many."""

    file: int
    users: int = 0


_shared_files: dict[Path, _SharedFile] = {}
"""One descriptor a file, however many read: a study may have hundreds of series."""


@contextmanager
def _shared(path: Path) -> Iterator[None]:
    held = _shared_files.get(path)
    if held is None or not os.fstat(held.file).st_nlink:  # what somebody deleted locks nothing
        held = _shared_files[path] = _SharedFile(os.open(path, _OWN_FILE, 0o600))
    held.users += 1
    try:
        fcntl.flock(held.file, fcntl.LOCK_SH)
        yield
    finally:
        held.users -= 1
        if not held.users:
            os.close(held.file)
            if _shared_files.get(path) is held:
                del _shared_files[path]


def _is_shared(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


_GONE = FolderLock(-1)


def _lock(folder: Path) -> FolderLock | None:
    """Return the lock, None where it is held, _GONE where the folder is not this one any more."""
    try:
        file = os.open(folder, _DIRECTORY)
    except FileNotFoundError:
        return _GONE
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file), folder.stat()):
            return FolderLock(file)
    except BlockingIOError:
        os.close(file)
        return None
    except FileNotFoundError:
        pass
    os.close(file)
    return _GONE
