"""Series asked of the PACS of which nothing has come yet: whoever asks now too joins.

nobody else came   the first instance passes through, and all that follow
somebody did       they take the retrieval over into the copies, and the first reads those as well
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from drimbox.model.retrieval import InstanceStream
from drimbox.ports.image_cache import SeriesKey

Instances = AsyncGenerator[InstanceStream, None]


class FirstRelay:
    """One retrieval, begun at once; it has one reader."""

    def __init__(self, retrieval: Instances) -> None:
        self._retrieval = retrieval
        # Tasks of their own: the first request may end while others wait for what it began.
        self._first = asyncio.ensure_future(anext(retrieval, None))
        self._taken = asyncio.get_running_loop().create_future()
        self._is_passing = False

    def take(self) -> Instances | None:
        """Take the retrieval over; None where it passes through, or has been taken."""
        if self._taken.done() or self._is_passing:
            return None
        self._taken.set_result(None)
        return self.instances()

    async def passes(self) -> bool:
        """Wait until it is known who reads: True for the one who began it."""
        await asyncio.wait({self._first, self._taken}, return_when=asyncio.FIRST_COMPLETED)
        self._is_passing = not self._taken.done()
        return self._is_passing

    async def instances(self) -> Instances:
        """Yield every instance; left before the end, the PACS is let go.

        Raises:
            DrimboxError: what the retrieval raises.
        """
        try:
            first = await self._first
            if first is not None:
                yield first
                async for instance in self._retrieval:
                    yield instance
        finally:
            await self._end()

    async def leave(self) -> None:
        """Let the PACS go, unless somebody took the retrieval over."""
        if not self._taken.done():
            self._is_passing = True
            await self._end()

    async def _end(self) -> None:
        self._first.cancel()
        await asyncio.wait({self._first})
        if not self._first.cancelled():
            self._first.exception()  # told to the reader, if there still is one
        await self._retrieval.aclose()


class FirstRelays:
    """Those of this process, by the copy that each may become."""

    def __init__(self) -> None:
        self._joinable: dict[SeriesKey, FirstRelay] = {}

    def __contains__(self, key: SeriesKey) -> bool:
        return key in self._joinable

    @contextmanager
    def joinable(self, key: SeriesKey, relay: FirstRelay) -> Iterator[None]:
        """Let others take the retrieval over as long as this lasts."""
        self._joinable[key] = relay
        try:
            yield
        finally:
            if self._joinable.get(key) is relay:
                del self._joinable[key]

    def take(self, key: SeriesKey) -> Instances | None:
        """Take over the retrieval of a series; None where there is none to be joined."""
        relay = self._joinable.get(key)
        return relay.take() if relay is not None else None
