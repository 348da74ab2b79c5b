"""What was used lately, within bounds: the least recently used is forgotten first."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """Values by key; to keep one, or to find it, is to use it.

    Args:
        most: what all values together may weigh.
        weigh: what one of them weighs, 1 where nothing is said: most counts them then.
    """

    def __init__(self, most: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._most = most
        self._weigh = weigh
        self._weight = 0
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Key) -> Value | None:
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def keep(self, key: Key, value: Value) -> None:
        """Keep a value, in place of a former one; what weighs too much alone is not kept."""
        self.forget(key)
        self._kept[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._most:
            self.forget(next(iter(self._kept)))

    def forget(self, key: Key) -> Value | None:
        """Return what was kept; None, which is no error, of an unknown key."""
        value = self._kept.pop(key, None)
        if value is not None:
            self._weight -= self._weigh(value)
        return value
