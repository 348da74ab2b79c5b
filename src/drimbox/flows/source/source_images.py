"""The images of a published study: from this host's copies, else from the PACS, as they arrive.

every series here, or on its way    the copies (SO.40)
asked for a second time             fetched into copies, and served from them while they come
asked for the first time            straight from the PACS: a disk would only slow the peer down,
                                    which keeps what it got; who asks meanwhile joins (pass_series)

An instance alone is a request for its series: the first comes alone, the next ones with all of it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from enum import Enum

from drimbox.flows.image_streams import as_they_come, in_turn, outgoing
from drimbox.flows.opened_study import OpenedStudy
from drimbox.flows.whole_copies import HeldInstances, find_in_whole_copies
from drimbox.model.manifest import Manifest
from drimbox.model.publication import Publication
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import (
    ImageCache,
    SeriesCopy,
    SeriesKey,
    SeriesStreams,
)
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
        async with aclosing(self._instances(target, syntaxes)) as instances:
            async for instance in instances:
                yield instance

    def _instances(
        self, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncGenerator[InstanceStream, None]:
        wanted = self.manifest.series_uids(target.series_instance_uid)
        is_whole = target.sop_instance_uid is None
        if syntaxes or (self.images.keeping is Keeping.NEVER and not self._are_expected(wanted)):
            return self._from_pacs(target, syntaxes)
        # Each instance of a series is a request for some of it: who asks for two may want all.
        asked = target if is_whole else replace(target, sop_instance_uid=None)
        is_kept = self.images.is_kept(asked) or self._are_expected(wanted)
        if is_whole:
            way = self.open_series if is_kept else self._pass_series
            return as_they_come(map(way, wanted), SERIES_AT_ONCE)
        if is_kept:
            return in_turn(self._opened(wanted), 1, target.sop_instance_uid)
        return self._from_pacs(target, ())

    def _are_expected(self, wanted: Sequence[SeriesInstanceUid]) -> bool:
        return all(self.images.cache.is_expected(self._key(uid)) for uid in wanted)

    async def _opened(self, uids: Sequence[SeriesInstanceUid]) -> AsyncIterator[SeriesCopy]:
        for uid in uids:
            yield self.open_series(uid)

    def open_series(self, uid: SeriesInstanceUid) -> SeriesCopy:
        return self.images.cache.open_series(self._key(uid), lambda: self._series_from_pacs(uid))

    def _pass_series(self, uid: SeriesInstanceUid) -> SeriesStreams:
        return self.images.cache.pass_series(self._key(uid), lambda: self._series_from_pacs(uid))

    async def find_instances(self, target: TargetResource) -> HeldInstances | None:
        wanted = self.manifest.series_uids(target.series_instance_uid)
        copies = (self.images.cache.find_series(self._key(uid)) for uid in wanted)
        return await find_in_whole_copies(copies, target.sop_instance_uid)

    def _series_from_pacs(self, uid: SeriesInstanceUid) -> AsyncGenerator[InstanceStream, None]:
        return self._from_pacs(TargetResource(self.manifest.study_instance_uid, uid), ())

    def _from_pacs(
        self, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncGenerator[InstanceStream, None]:
        return outgoing(self.images.pacs.retrieve(target, syntaxes), self.identity, target)

    def _key(self, uid: SeriesInstanceUid) -> SeriesKey:
        return SeriesKey(self.manifest.study_instance_uid, uid, self.identity.ins)
