"""A manifest of the DMP -> the images, from this host's copy, else from the Source (journey B).

    consent, by name -> the exam is one of this patient's -> series and instance in its manifest
    -> audit -> copy on disk? else white list -> token that this box takes
    -> RAD-107 to the Source, some series at once, each resumed where it was cut
    -> INS and UIDs of each image compared with the call's (CO.68) -> streamed as it arrives

The host is looked up in the white list by exact name and the address rebuilt from it; the URL of
the KOS itself is never dialled (threat S1).
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

import anyio

from drimbox.errors import DrimboxError, NotAuthenticated, NotFound, Refused, RejectedByPartner
from drimbox.flows.consumer.consultation_audit import ConsultationAudit, Trace
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.series_from_source import Pause, SeriesFromSource
from drimbox.flows.consumer.study_copies import MAX_SERIES_AT_ONCE, StudyCopies
from drimbox.flows.image_streams import close, of_patient
from drimbox.flows.opened_study import OpenedStudy, check_in_manifest
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.model.access import Caller, ConsultationContext, Peer
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.manifest import Manifest, ReferencedSeries
from drimbox.model.prior_study import PriorStudy
from drimbox.model.retrieval import (
    DicomQuery,
    InstanceStream,
    MatchPage,
    Ranking,
    TargetResource,
)
from drimbox.model.scopes import Permission, check_scope
from drimbox.model.search_criteria import EVERY_EXAM
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.ports.image_cache import Fidelity, ImageCache, SeriesKey
from drimbox.ports.peer_drimbox import PeerDrimbox
from drimbox.ports.peer_tokens import PeerTokens
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.standards.dicom.transfer_syntaxes import JPEG_2000, JPEG_2000_LOSSLESS
from drimbox.standards.dicomweb.exchange_syntaxes import (
    LOSSLESS_FIRST,
    LOSSY_FIRST,
    ranking,
)
from drimbox.standards.dicomweb.manifest_matches import (
    STUDY_UID,
    check_is_told,
    find_in_manifests,
)


@dataclass(frozen=True, slots=True)
class Rankings:
    """What a Source is asked for, by what the images are for (CO.73, CO.84)."""

    as_stored: Ranking
    viewing: Ranking

    def of(self, fidelity: Fidelity) -> Ranking:
        return self.viewing if fidelity is Fidelity.VIEWING else self.as_stored


OFFICIAL_RANKINGS = Rankings(ranking(LOSSLESS_FIRST), ranking(LOSSY_FIRST))


@dataclass(frozen=True, slots=True)
class RetrieveStudy:
    """Implements flows.opened_study.ImageService for the Consommatrice."""

    find_prior_studies: FindPriorStudies
    trusted_space: TrustedSpace
    peer: PeerDrimbox
    cache: ImageCache
    audit: ConsultationAudit
    accesses: RecentAccesses
    peer_tokens: PeerTokens
    rankings: Rankings = OFFICIAL_RANKINGS
    series_at_once: int = MAX_SERIES_AT_ONCE
    pause: Pause = anyio.sleep

    async def open_study(
        self, caller: Caller, target: TargetResource, kos_sop_instance_uid: str | None = None
    ) -> OpenedStudy:
        """See ImageService; the KOS is the one that the DMP gave for this patient."""
        del kos_sop_instance_uid
        context = _context_of(caller)
        check_scope(caller.scopes, "ImagingStudy", Permission.READ)
        recent = self.accesses.find(caller, target.study_instance_uid)
        if recent is not None:
            check_in_manifest(recent.manifest, target)
            return recent
        opened = await self._open_anew(caller, context, target)
        self.accesses.keep(caller, opened)
        return opened

    async def search(self, caller: Caller, query: DicomQuery) -> MatchPage:
        """Search the exams of the context's patient; nobody else's exist here.

        One that is named by its UID is looked for in what was read for this context first.
        """
        context = _context_of(caller)
        check_scope(caller.scopes, "ImagingStudy", Permission.SEARCH)
        check_is_told(query)
        studies = await self._studies(context, query.matching.get(STUDY_UID, ""))
        return find_in_manifests([study.manifest for study in studies], query)

    async def _studies(self, context: ConsultationContext, uids: str) -> Sequence[PriorStudy]:
        if not uids or "\\" in uids:
            return (await self.find_prior_studies(context, EVERY_EXAM)).studies
        try:
            return [await self.find_prior_studies.get(context, StudyInstanceUid(uids))]
        except NotFound:
            return []

    async def _open_anew(
        self, caller: Caller, context: ConsultationContext, target: TargetResource
    ) -> OpenedStudy:
        try:
            study = await self.find_prior_studies.get(context, target.study_instance_uid)
            check_in_manifest(study.manifest, target)
        except DrimboxError as error:
            refused = Trace(study=target.study_instance_uid, description=str(error))
            await self.audit.record(
                AuditAction.ACCESS_REFUSED, context, AuditOutcome.MINOR_FAILURE, refused
            )
            raise
        trace = Trace(
            study=study.study_instance_uid,
            document=study.kos_sop_instance_uid,
            destination=", ".join(sorted(_hosts_of(study.manifest))),
        )
        await self.audit.record(AuditAction.IMAGES_REQUESTED, context, trace=trace)
        return self._open(context, caller.access_token, study)

    def _open(
        self, context: ConsultationContext, access_token: str | None, study: PriorStudy
    ) -> OpenedStudy:
        copies = StudyCopies(
            self.cache,
            study.manifest,
            context.patient.ins,
            lambda key: self._from_source(context, access_token, study, key),
            self.series_at_once,
        )
        return OpenedStudy(
            study.manifest, copies.retrieve, copies.open_for_viewing, copies.find_instances
        )

    def _from_source(
        self,
        context: ConsultationContext,
        access_token: str | None,
        study: PriorStudy,
        key: SeriesKey,
    ) -> AsyncIterator[InstanceStream]:
        """Yield the images of one series, each found to be this patient's."""
        series = _series_of(study.manifest, key.series_instance_uid)
        request = _Request(context, access_token, study, self.rankings.of(key.fidelity))
        source = SeriesFromSource(
            lambda target: self._ask(request, target),
            study.study_instance_uid,
            series,
            self.pause,
        )
        target = TargetResource(study.study_instance_uid, series.series_instance_uid)
        return of_patient(source.instances(), context.patient.ins, target)

    async def _ask(
        self, request: "_Request", target: TargetResource
    ) -> AsyncGenerator[InstanceStream, None]:
        """Retrieve with the token that this box takes; one that it refuses is asked for anew once.

        A refusal comes before the first instance, so that nothing is yielded twice.
        """
        if request.access_token is None:
            raise NotAuthenticated("the professional's own token is needed to ask a Source")
        peer = self._peer_of(request.study.manifest, target.series_instance_uid)
        for is_last in (False, True):
            received = self.peer.retrieve(
                peer,
                target,
                access_token=await self.peer_tokens.token_for(
                    peer, request.context, request.access_token
                ),
                kos_sop_instance_uid=request.study.kos_sop_instance_uid,
                transfer_syntaxes=request.ranking,
            )
            try:
                async for instance in received:
                    _check_offered(instance, request.ranking)
                    yield instance
            except NotAuthenticated:
                if is_last or not self.peer_tokens.forget(peer, request.context):
                    raise
            else:
                return
            finally:
                await close(received)

    def _peer_of(self, manifest: Manifest, uid: SeriesInstanceUid | None) -> Peer:
        return self.trusted_space.get_peer(_series_of(manifest, uid).retrieve_host)


@dataclass(frozen=True, slots=True, repr=False)
class _Request:
    """What every request for one series has in common."""

    context: ConsultationContext
    access_token: str | None
    study: PriorStudy
    ranking: Ranking


def _series_of(manifest: Manifest, uid: SeriesInstanceUid | None) -> ReferencedSeries:
    return next(s for s in manifest.series if s.series_instance_uid == uid)


def _check_offered(instance: InstanceStream, offered: Ranking) -> None:
    """Check that an image came in a syntax that was named (VI-CO.27).

    PS3.5 A.4.4: JPEG 2000 lossless is also JPEG 2000, the one of the two that boxes name.
    """
    syntax = instance.transfer_syntax_uid
    wider = JPEG_2000 if syntax == JPEG_2000_LOSSLESS else syntax
    if wider not in {named for named, _ in offered}:
        raise RejectedByPartner("Source box", syntax, "a transfer syntax that was not offered")


def _context_of(caller: Caller) -> ConsultationContext:
    if caller.context is None:
        raise Refused("the Consommatrice serves the patient of a contextual call")
    return caller.context


def _hosts_of(manifest: Manifest) -> set[str]:
    return {series.retrieve_host for series in manifest.series}
