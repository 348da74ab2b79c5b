"""The other series of a study, brought while somebody reads its first one (`storage.fetch_ahead`).

A rule of the site: it spares the reader a wait, and asks the PACS or the Source for what may never
be looked at. One series of a study at a time, a few studies at once; what fails is told to whoever
asks for it, not here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from drimbox.errors import DrimboxError
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.uids import SopInstanceUid

MAX_STUDIES = 4


class FetchAhead:
    """Studies on their way; the same manifest is brought once at a time."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on
        self._under_way: dict[SopInstanceUid, asyncio.Task[None]] = {}
        self._opening: set[asyncio.Task[None]] = set()

    def begin(self, opened: OpenedStudy) -> None:
        """Bring every series of a study whose rights were checked, unless too many are coming."""
        manifest = opened.manifest.sop_instance_uid
        if not self._is_on or manifest in self._under_way or len(self._under_way) >= MAX_STUDIES:
            return
        task = asyncio.create_task(_bring(opened))
        self._under_way[manifest] = task
        task.add_done_callback(lambda _: self._under_way.pop(manifest, None))

    def begin_found(self, opening: Callable[[], Awaitable[OpenedStudy]]) -> None:
        """Open and bring a study that was found by its name, for whoever will look at it next.

        opening checks the rights and records the access, as for a study that is asked for.
        """
        if self._is_on and len(self._under_way) + len(self._opening) < MAX_STUDIES:
            task = asyncio.create_task(self._open(opening))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, opening: Callable[[], Awaitable[OpenedStudy]]) -> None:
        with suppress(DrimboxError):
            self.begin(await opening())

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        await asyncio.gather(*self._opening, return_exceptions=True)
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Begin nothing more, and wait for nobody."""
        self._is_on = False
        for task in (*self._opening, *self._under_way.values()):
            task.cancel()
        await self.settled()


async def _bring(opened: OpenedStudy) -> None:
    for series in opened.manifest.series:
        with suppress(DrimboxError):
            async for _ in opened.open_series(series.series_instance_uid).instances():
                pass
