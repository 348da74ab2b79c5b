"""Pictures drawn before they are asked for, one at a time, so that who asks finds a free child.

add        waits its turn; the oldest of too many is dropped
under_way  what is being drawn is waited for; what still waits, its asker draws at once
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

from drimbox.adapters.pixel_worker_process.picture_memory import Key
from drimbox.errors import DrimboxError
from drimbox.ports.pixel_worker import Rendering

MAX_WAITING = 8

Draw = Callable[[Key, Path, Rendering], Coroutine[object, object, bytes]]


class DrawingAhead:
    """What waits, and the one picture that is being drawn."""

    def __init__(self, draw: Draw) -> None:
        """Draw by this; it keeps the picture where it will be looked for."""
        self._draw = draw
        self._waiting: OrderedDict[Key, tuple[Path, Rendering]] = OrderedDict()
        self._drawing: tuple[Key, asyncio.Task[bytes]] | None = None
        self._all: asyncio.Task[None] | None = None

    def add(self, key: Key, path: Path, rendering: Rendering) -> None:
        """Have a picture drawn as soon as those before it are."""
        if self._drawing is not None and self._drawing[0] == key:
            return
        self._waiting[key] = path, rendering
        while len(self._waiting) > MAX_WAITING:
            self._waiting.popitem(last=False)
        if self._all is None or self._all.done():
            self._all = asyncio.create_task(self._draw_all())

    async def under_way(self, key: Key) -> bytes | None:
        """Return the picture if it is being drawn now, None where its asker is to draw it.

        Raises:
            DrimboxError: what drawing it raised.
        """
        self._waiting.pop(key, None)
        if self._drawing is None or self._drawing[0] != key:
            return None
        return await asyncio.shield(self._drawing[1])

    async def stop(self) -> None:
        """Draw nothing more."""
        self._waiting.clear()
        if self._all is not None:
            self._all.cancel()
            await asyncio.gather(self._all, return_exceptions=True)

    async def _draw_all(self) -> None:
        while self._waiting:
            key, (path, rendering) = self._waiting.popitem(last=False)
            drawing = asyncio.create_task(self._draw(key, path, rendering))
            self._drawing = key, drawing
            try:
                # What cannot be drawn is told to whoever asks for it.
                with suppress(DrimboxError):
                    await drawing
            finally:
                self._drawing = None
