"""Whether a folder is in memory only: on a tmpfs or ramfs, as the system's own list tells."""

import re
from pathlib import Path

from drimbox.errors import SettingsError

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a tmpfs wherever there is one
_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def check_in_memory(folder: Path, *, mounts: Path = _MOUNTS) -> str:
    """Return the kind of file system that the folder is on, or will be once it is made.

    Raises:
        SettingsError: it is on a disk, or the system does not tell.
    """
    kind = _file_system_of(folder.resolve(), mounts)
    if kind not in _IN_MEMORY:
        raise SettingsError(
            "storage.cache_directory",
            f"{folder} is on {kind or 'an unknown file system'}, and cache_must_be_in_memory wants"
            " a tmpfs: mount one there (docs/operations.md), or name a folder below /dev/shm",
        )
    return kind


def is_in_memory(folder: Path) -> bool:
    """Tell whether the folder is on a tmpfs or ramfs."""
    return _file_system_of(folder.resolve(), _MOUNTS) in _IN_MEMORY


def _file_system_of(folder: Path, mounts: Path) -> str:
    """Return the type of the mount that holds the folder, "" where it is not told (proc(5))."""
    best, kind = -1, ""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(_unescaped(fields[4]))
        # The last of two mounts on one point is the one that is seen.
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), after.split(" ")[0]
    return kind


def _unescaped(text: str) -> str:
    """Undo the octal escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
