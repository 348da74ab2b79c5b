"""An end for a peer that is never silent and never done: who sends a message octet by octet.

The idle time of an association begins anew with each octet. So as not to be held for ever, it must
also have a message whole, or 16 KiB of one, in the time of two silences, unless we do not read.
"""

import asyncio
from collections.abc import Callable

LEAST_BYTES = 16 * 1024


class DripWatch:
    """Looks once in the time of a silence.

    Args:
        span_seconds: that time.
        end: called once, when two spans passed with too little in each.
    """

    def __init__(self, span_seconds: float, end: Callable[[], None]) -> None:
        self._span_seconds = span_seconds
        self._end = end
        self._octets = 0
        self._is_excused = False
        self._spans = 0
        self._timer: asyncio.TimerHandle | None = None
        self._start()

    def received(self, octets: int) -> None:
        """Count octets that came."""
        self._octets += octets

    def excuse(self) -> None:
        """Do not judge this span: a message came whole in it, or we did not read."""
        self._is_excused = True

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._octets, self._is_excused = 0, False
        self._timer = asyncio.get_running_loop().call_later(self._span_seconds, self._look)

    def _look(self) -> None:
        is_drip = 0 < self._octets < LEAST_BYTES and not self._is_excused
        self._spans = self._spans + 1 if is_drip else 0
        if self._spans == 2:
            self._timer = None
            self._end()
        else:
            self._start()
