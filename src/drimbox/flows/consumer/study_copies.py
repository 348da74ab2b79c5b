"""The copies of one patient's exam on this host: asked for first, before any Source (CO.70).

What is kept (export, whole objects) is a copy as stored; what is shown may be one for which lossy
syntaxes were asked first. Each stands in for the other where nothing was lost.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from drimbox.flows.image_streams import in_turn
from drimbox.flows.whole_copies import HeldInstances, find_in_whole_copies
from drimbox.model.manifest import Manifest
from drimbox.model.patient import Ins
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import Fidelity, ImageCache, SeriesCopy, SeriesKey
from drimbox.standards.dicomweb.exchange_syntaxes import NEVER_LOSSY

MAX_SERIES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class StudyCopies:
    """from_source brings a series that is not here; series_at_once of them at a time."""

    cache: ImageCache
    manifest: Manifest
    ins: Ins
    from_source: Callable[[SeriesKey], AsyncIterator[InstanceStream]]
    series_at_once: int = MAX_SERIES_AT_ONCE

    async def retrieve(
        self, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncIterator[InstanceStream]:
        """Yield series after series as stored, while the next ones are on their way already."""
        del syntaxes
        wanted = self.manifest.series_uids(target.series_instance_uid)
        copies = (await self._open_stored(uid) for uid in wanted)
        instances = in_turn(copies, self.series_at_once, target.sop_instance_uid)
        async with aclosing(instances):
            async for instance in instances:
                yield instance

    def open_for_viewing(self, uid: SeriesInstanceUid) -> SeriesCopy:
        """Return what is shown: the copy as stored where there is one."""
        is_stored = self._find(Fidelity.AS_STORED, uid) is not None
        return self._open(Fidelity.AS_STORED if is_stored else Fidelity.VIEWING, uid)

    async def find_instances(self, target: TargetResource) -> HeldInstances | None:
        """Return the copies as stored of all that is asked for, None unless all are whole."""
        wanted = self.manifest.series_uids(target.series_instance_uid)
        copies = (self._find(Fidelity.AS_STORED, uid) for uid in wanted)
        return await find_in_whole_copies(copies, target.sop_instance_uid)

    async def find_kept(self, uid: SeriesInstanceUid) -> SeriesCopy | None:
        """Return the whole copy of a series from which nothing was lost; none is fetched."""
        for fidelity in Fidelity:
            copy = self._find(fidelity, uid)
            if copy is None or copy.version is None:
                continue
            if fidelity is Fidelity.AS_STORED or await _lost_nothing(copy):
                return copy
        return None

    async def _open_stored(self, uid: SeriesInstanceUid) -> SeriesCopy:
        """Return what is kept: the copy for viewing will do where nothing was lost."""
        viewed = None
        if self._find(Fidelity.AS_STORED, uid) is None:
            viewed = self._find(Fidelity.VIEWING, uid)
        if viewed is not None and await _lost_nothing(viewed):
            return viewed
        return self._open(Fidelity.AS_STORED, uid)

    def _find(self, fidelity: Fidelity, uid: SeriesInstanceUid) -> SeriesCopy | None:
        return self.cache.find_series(self._key(fidelity, uid))

    def _open(self, fidelity: Fidelity, uid: SeriesInstanceUid) -> SeriesCopy:
        key = self._key(fidelity, uid)
        return self.cache.open_series(key, lambda: self.from_source(key))

    def _key(self, fidelity: Fidelity, uid: SeriesInstanceUid) -> SeriesKey:
        return SeriesKey(self.manifest.study_instance_uid, uid, self.ins, fidelity)


async def _lost_nothing(copy: SeriesCopy) -> bool:
    """Tell whether a copy is whole, and every image of it in a syntax that cannot have lost any."""
    if copy.version is None:
        return False
    return all([i.transfer_syntax_uid in NEVER_LOSSY async for i in copy.instances()])
