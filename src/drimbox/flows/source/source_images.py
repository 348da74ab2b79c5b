"""The images of a published study: from this host's copies, else from the PACS, as they arrive.

every series here           the copies (SO.40)
asked for a second time     fetched into copies, and served from them while they come
asked for the first time    straight from the PACS: a disk would only slow the peer down, which
keeps what it got; but one retrieval for all who ask before its first instance (first_relays)
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum

from drimbox.flows.image_streams import in_turn, outgoing
from drimbox.flows.opened_study import OpenedStudy
from drimbox.flows.source.first_relays import FirstRelay, FirstRelays
from drimbox.model.manifest import Manifest
from drimbox.model.publication import Publication
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import CachedInstance, ImageCache, SeriesCopy, SeriesKey
from drimbox.ports.pacs import Pacs
from drimbox.standards.dicom.outgoing import OutgoingIdentity

SERIES_AT_ONCE = 2


class Keeping(Enum):
    """From when on a study or series is kept on this host's disk (SO.40)."""

    FIRST_REQUEST = "first-request"
    SECOND_REQUEST = "second-request"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class SourceImages:
    """Opens studies once the rights were checked."""

    pacs: Pacs
    cache: ImageCache
    keeping: Keeping = Keeping.SECOND_REQUEST
    relays: FirstRelays = field(default_factory=FirstRelays)

    def is_kept(self, target: TargetResource) -> bool:
        """Note a request; tell whether what it asks for is to be kept."""
        if self.keeping is Keeping.SECOND_REQUEST:
            return self.cache.note_demand(target)
        return self.keeping is Keeping.FIRST_REQUEST

    def open(self, publication: Publication) -> OpenedStudy:
        """Return the study, ready to be read."""
        patient = publication.manifest.patient
        identity = OutgoingIdentity(ins=patient.ins if patient is not None else None)
        study = _StudyImages(self, publication.manifest, identity)
        return OpenedStudy(
            publication.manifest, study.retrieve, study.open_series, study.find_instances
        )


@dataclass(frozen=True, slots=True)
class _StudyImages:
    images: SourceImages
    manifest: Manifest
    identity: OutgoingIdentity

    async def retrieve(
        self, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncIterator[InstanceStream]:
        wanted = self._series(target)
        if not self._is_kept(target, wanted):
            relay = FirstRelay(self._from_pacs(target, syntaxes))
            try:
                is_alike = not syntaxes and target.sop_instance_uid is None and len(wanted) == 1
                if await self._passes(relay, wanted[0] if is_alike else None):
                    async with aclosing(relay.instances()) as instances:
                        async for instance in instances:
                            yield instance
                    return
            finally:
                await relay.leave()
        copies = in_turn(self._opened(wanted), SERIES_AT_ONCE, target.sop_instance_uid)
        async with aclosing(copies):
            async for instance in copies:
                yield instance

    def _is_kept(self, target: TargetResource, wanted: Sequence[SeriesInstanceUid]) -> bool:
        """Note the request; tell whether it is answered from the copies: here, or to be made."""
        images, keys = self.images, [self._key(uid) for uid in wanted]
        is_whole_series = target.sop_instance_uid is None
        is_kept = is_whole_series and images.is_kept(target)
        is_here = all(images.cache.find_series(key) is not None for key in keys)
        can_join = is_whole_series and images.keeping is not Keeping.NEVER
        return is_kept or is_here or (can_join and len(keys) == 1 and keys[0] in images.relays)

    async def _passes(self, relay: FirstRelay, series: SeriesInstanceUid | None) -> bool:
        """Wait for the first instance; False once somebody took the retrieval into the copies.

        series is what a copy of the very same instances would be of; None where there is none.
        """
        if series is None:
            return await relay.passes()
        with self.images.relays.joinable(self._key(series), relay):
            return await relay.passes()

    async def _opened(self, uids: Sequence[SeriesInstanceUid]) -> AsyncIterator[SeriesCopy]:
        for uid in uids:
            yield self.open_series(uid)

    def open_series(self, uid: SeriesInstanceUid) -> SeriesCopy:
        target = TargetResource(self.manifest.study_instance_uid, uid)
        key = self._key(uid)
        return self.images.cache.open_series(
            key, lambda: self.images.relays.take(key) or self._from_pacs(target, ())
        )

    async def find_instances(self, target: TargetResource) -> tuple[CachedInstance, ...] | None:
        found: list[CachedInstance] = []
        for uid in self._series(target):
            copy = self.images.cache.find_series(self._key(uid))
            if copy is None or copy.version is None:
                return None
            if target.sop_instance_uid is not None:
                return (await copy.get_instance(target.sop_instance_uid),)
            found += [instance async for instance in copy.instances()]
        return tuple(found)

    def _from_pacs(
        self, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncGenerator[InstanceStream, None]:
        return outgoing(self.images.pacs.retrieve(target, syntaxes), self.identity)

    def _series(self, target: TargetResource) -> list[SeriesInstanceUid]:
        uids = [series.series_instance_uid for series in self.manifest.series]
        wanted = target.series_instance_uid
        return uids if wanted is None else [uid for uid in uids if uid == wanted]

    def _key(self, uid: SeriesInstanceUid) -> SeriesKey:
        return SeriesKey(self.manifest.study_instance_uid, uid, self.identity.ins)
