"""The other series of a study, brought while somebody reads its first one (`storage.fetch_ahead`).

A rule of the site: it spares the reader a wait, and asks the PACS or the Source for what may never
be looked at. One series of a study at a time, a few studies at once; what fails is told to whoever
asks for it, not here.
"""

import asyncio
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

    def begin(self, opened: OpenedStudy) -> None:
        """Bring every series of a study whose rights were checked, unless too many are coming."""
        manifest = opened.manifest.sop_instance_uid
        if not self._is_on or manifest in self._under_way or len(self._under_way) >= MAX_STUDIES:
            return
        task = asyncio.create_task(_bring(opened))
        self._under_way[manifest] = task
        task.add_done_callback(lambda _: self._under_way.pop(manifest, None))

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def stop(self) -> None:
        """Begin nothing more, and wait for nobody."""
        self._is_on = False
        for task in list(self._under_way.values()):
            task.cancel()
        await self.settled()


async def _bring(opened: OpenedStudy) -> None:
    for series in opened.manifest.series:
        with suppress(DrimboxError):
            async for _ in opened.open_series(series.series_instance_uid).instances():
                pass
