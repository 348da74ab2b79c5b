"""Pictures drawn a moment ago: a viewer that goes back and forth in a stack has each drawn once.

Known by the file as it is now (its inode, size and time) and by how it was drawn. Bounded by their
octets; the least recently given is forgotten first, and what nobody asks for in half a minute.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

from drimbox.ports.pixel_worker import Rendering

MAX_BYTES = 12 * 1024 * 1024
MAX_IDLE_SECONDS = 30.0

Key = Hashable


class PictureMemory:
    """Encoded pictures by what was drawn."""

    def __init__(
        self,
        max_bytes: int = MAX_BYTES,
        max_idle_seconds: float = MAX_IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        self.max_idle_seconds = max_idle_seconds
        self._clock = clock
        self._bytes = 0
        # Of each the seconds at which it was last given: the first is the longest idle.
        self._pictures: OrderedDict[Key, tuple[bytes, float]] = OrderedDict()

    def find(self, key: Key | None) -> bytes | None:
        """Return the picture, None where it was not drawn, or is forgotten."""
        found = self._pictures.pop(key, None) if key is not None else None
        if found is None:
            return None
        picture, _ = found
        self._pictures[key] = picture, self._clock()
        return picture

    def keep(self, key: Key | None, picture: bytes) -> None:
        """Remember a picture, unless it alone would take an eighth of all room."""
        if key is None or len(picture) > self._max_bytes // 8:
            return
        before, _ = self._pictures.pop(key, (b"", 0.0))
        self._bytes += len(picture) - len(before)
        self._pictures[key] = picture, self._clock()
        while self._bytes > self._max_bytes:
            self._forget_first()

    def forget_idle(self) -> bool:
        """Forget what was not given for max_idle_seconds; tell whether anything is left."""
        last = self._clock() - self.max_idle_seconds
        while self._pictures and next(iter(self._pictures.values()))[1] <= last:
            self._forget_first()
        return bool(self._pictures)

    def _forget_first(self) -> None:
        _, (picture, _) = self._pictures.popitem(last=False)
        self._bytes -= len(picture)


def key_of(path: Path, rendering: Rendering) -> Key | None:
    """Name a picture; None where there is no such file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return path, stat.st_ino, stat.st_size, stat.st_mtime_ns, rendering
