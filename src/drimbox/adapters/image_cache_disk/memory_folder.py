"""Whether a folder is in memory only: on a tmpfs or ramfs, as the system's own list tells."""

from pathlib import Path

from drimbox.errors import SettingsError
from drimbox.standards.mountinfo import IN_MEMORY, MOUNTINFO, parse_mounts

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a tmpfs wherever there is one


def check_in_memory(folder: Path, *, mounts: Path = MOUNTINFO) -> str:
    """Return the kind of file system that the folder is on, or will be once it is made.

    Raises:
        SettingsError: it is on a disk, or the system does not tell.
    """
    kind = _file_system_of(folder.resolve(), mounts)
    if kind not in IN_MEMORY:
        raise SettingsError(
            "storage.cache_directory",
            f"{folder} is on {kind or 'an unknown file system'}, and cache_must_be_in_memory wants"
            " a tmpfs: mount one there (docs/operations.md), or name a folder below /dev/shm",
        )
    return kind


def is_in_memory(folder: Path) -> bool:
    """Tell whether the folder is on a tmpfs or ramfs."""
    return _file_system_of(folder.resolve(), MOUNTINFO) in IN_MEMORY


def _file_system_of(folder: Path, mounts: Path) -> str:
    """Return the type of the mount that holds the folder, "" where it is not told."""
    best, kind = -1, ""
    try:
        text = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    for mount in parse_mounts(text):
        depth = len(mount.point.parts)
        # The last of two mounts on one point is the one that is seen.
        if folder.is_relative_to(mount.point) and depth >= best:
            best, kind = depth, mount.kind
    return kind
