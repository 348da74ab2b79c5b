"""Pictures drawn a moment ago: a viewer that goes back and forth in a stack has each drawn once.

Known by the file as it is now (its inode, size and time) and by how it was drawn. Bounded by their
octets; the least recently given is forgotten first.
"""

from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path

from drimbox.ports.pixel_worker import Rendering

MAX_BYTES = 24 * 1024 * 1024

Key = Hashable


class PictureMemory:
    """Encoded pictures by what was drawn."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._pictures: OrderedDict[Key, bytes] = OrderedDict()

    def find(self, key: Key | None) -> bytes | None:
        """Return the picture, None where it was not drawn, or is forgotten."""
        picture = self._pictures.get(key) if key is not None else None
        if picture is not None:
            self._pictures.move_to_end(key)
        return picture

    def keep(self, key: Key | None, picture: bytes) -> None:
        """Remember a picture, unless it alone would take an eighth of all room."""
        if key is None or len(picture) > self._max_bytes // 8:
            return
        self._bytes += len(picture) - len(self._pictures.pop(key, b""))
        self._pictures[key] = picture
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._pictures.popitem(last=False)[1])


def key_of(path: Path, rendering: Rendering) -> Key | None:
    """Name a picture; None where there is no such file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return path, stat.st_ino, stat.st_size, stat.st_mtime_ns, rendering
