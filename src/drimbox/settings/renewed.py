"""What is made of the files that settings name, made anew once they have changed (R15).

Whoever renews a certificate replaces files one after the other, in place or by a link: until they
fit together, what was made of those before stays in use.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
_State = tuple[tuple[int, int, int], ...]


class Renewed(Generic[T_co]):
    """One value and its files; `current` is taken anew for each use, never kept.

    Args:
        files: what it is made of.
        make: reads them; what it raises comes out of the constructor and of renew.
    """

    def __init__(self, files: Iterable[Path], make: Callable[[], T_co]) -> None:
        self.files = tuple(files)
        self._make = make
        # Before they are read: what changes meanwhile is seen the next time.
        self._state = self._look()
        self._current = make()

    @property
    def current(self) -> T_co:
        return self._current

    def renew(self) -> bool:
        """Make it anew where a file has changed since; tell whether that was done.

        Raises:
            OSError: a file cannot be read.
            Exception: what make raises; the value of before stays, and the next call tries again.
        """
        state = self._look()
        if state == self._state:
            return False
        self._current = self._make()
        self._state = state
        return True

    def _look(self) -> _State:
        """Tell one file from another: links are followed, for it is often those that move."""
        seen = (path.stat() for path in self.files)
        return tuple((one.st_ino, one.st_size, one.st_mtime_ns) for one in seen)
