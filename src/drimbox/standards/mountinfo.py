"""The mounts of a process, as the system lists them (proc(5), /proc/self/mountinfo)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
IN_MEMORY = frozenset({"tmpfs", "ramfs"})
"""Kinds of file system that no disk is behind."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line; device is major:minor, as st_dev has them."""

    device: str
    point: Path
    kind: str


def parse_mounts(text: str) -> Iterator[Mount]:
    """Yield the mounts in the order of the list; what is no line of one is left out."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) >= 5 and after:
            yield Mount(fields[2], Path(_unescaped(fields[4])), after.split(" ")[0])


def _unescaped(text: str) -> str:
    """Undo the octal escapes of blanks and backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
