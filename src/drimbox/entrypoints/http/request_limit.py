"""How much one caller may ask (429, RFC 6585): a bucket of tokens that fills again with time."""

import math

from drimbox.errors import Unavailable
from drimbox.ports.clock import Clock
from drimbox.recently_used import RecentlyUsed

_MAX_CALLERS = 10_000


class TooManyRequests(Unavailable):
    """More than this caller may ask in a minute, or at once.

    Attributes:
        retry_after_seconds: when one more request is allowed.
    """

    retry_after_seconds: int

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "this box",
            "has answered this caller often enough for now",
            retry_after_seconds=retry_after_seconds,
        )


class RequestLimit:
    """Counts in this process; several workers allow as many times more."""

    def __init__(self, clock: Clock, a_minute: int) -> None:
        self._clock = clock
        self._a_minute = a_minute
        self._left = RecentlyUsed[str, tuple[float, float]](_MAX_CALLERS)

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: one too many.
        """
        now = self._clock.monotonic()
        left, since = self._left.find(caller) or (float(self._a_minute), now)
        left = min(self._a_minute, left + (now - since) * self._a_minute / 60)
        if left < 1:
            raise TooManyRequests(math.ceil((1 - left) * 60 / self._a_minute))
        self._left.keep(caller, (left - 1, now))
