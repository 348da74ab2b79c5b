"""Spare a partner that is down: after FAILURES in a row, answer at once for OPEN_SECONDS.

Shared by adapters, one breaker a partner, so that no other function waits for it (R4).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drimbox.errors import Unavailable

FAILURES = 5
OPEN_SECONDS = 30.0


class CircuitBreaker:
    """Closed, then open for a while, then one call is let through to see.

    Args:
        partner: how errors name it.
        now: seconds, monotonic.
    """

    def __init__(self, partner: str, now: Callable[[], float]) -> None:
        self._partner = partner
        self._now = now
        self._failures = 0
        self._open_until = 0.0

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Run one call to the partner.

        One that fails at what it was asked, and not as a whole, is not spared for it.

        Raises:
            Unavailable: the circuit is open, or the call itself found it so.
        """
        if self._failures >= FAILURES:
            if self._now() < self._open_until:
                raise Unavailable(self._partner, "failed repeatedly and is left alone for a while")
            # Half open: others keep being answered at once while this call tries.
            self._open_until = self._now() + OPEN_SECONDS
        try:
            yield
        except Unavailable as error:
            if error.is_of_this_request:
                self._failures = 0
                raise
            self._failures += 1
            self._open_until = self._now() + OPEN_SECONDS
            raise
        self._failures = 0
