"""How slowly a peer may send the body of a request, or take an answer (N4).

In each span of 30 s it must move 16 KiB, or be done: a line of 64 kbit/s moves fifteen times that.
Whoever does not is let go, for what waits for him holds memory, a descriptor and, at the PACS, an
association.
"""

import asyncio
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
LEAST_BYTES = 16 * 1024


class SlowPeerWatch:
    """Looks once a span at how many octets have moved, while it is on.

    Args:
        moved: how many octets have moved by now; counts on from any number.
        let_go: called once, when too few did.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        moved: Callable[[], int],
        let_go: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._moved = moved
        self._let_go = let_go
        self._before = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin a span now; while one is under way, it goes on."""
        if self._timer is None:
            self._before = self._moved()
            self._timer = self._loop.call_later(PATIENCE_SECONDS, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if self._moved() - self._before < LEAST_BYTES:
            self._let_go()
        else:
            self.start()
