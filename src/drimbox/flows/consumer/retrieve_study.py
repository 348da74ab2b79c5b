"""A manifest of the DMP -> the images, from this host's copy, else from the Source (journey B).

    consent, by name -> the exam is one of this patient's -> series and instance in its manifest
    -> audit -> copy on disk? else white list -> token that this box takes
    -> RAD-107 to the Source, series by series
    -> INS of each image compared with the call's (CO.68) -> streamed as it arrives

The host is looked up in the white list by exact name and the address rebuilt from it; the URL of
the KOS itself is never dialled (threat S1).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from drimbox.errors import DrimboxError, NotAuthenticated, NotFound, Refused
from drimbox.flows.consumer.consultation_audit import ConsultationAudit, Trace
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.image_streams import close, of_patient
from drimbox.flows.opened_study import OpenedStudy, check_in_manifest
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.model.access import Caller, ConsultationContext, Peer
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.manifest import Manifest
from drimbox.model.prior_study import PriorStudy
from drimbox.model.retrieval import DicomQuery, InstanceStream, MatchPage, TargetResource
from drimbox.model.scopes import Permission, check_scope
from drimbox.model.search_criteria import EVERY_EXAM
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import ImageCache, SeriesCopy, SeriesKey
from drimbox.ports.peer_drimbox import PeerDrimbox
from drimbox.ports.peer_tokens import PeerTokens
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.standards.dicomweb.manifest_matches import STUDY_UID, find_in_manifests

# The ten syntaxes of the DRIM-M exchange, with the q of its lossless profile.
LOSSLESS_FIRST = tuple(
    (TransferSyntaxUid(f"1.2.840.10008.1.2.{suffix}"), q)
    for suffix, q in (
        ("4.70", 0.9),
        ("4.80", 0.8),
        ("4.91", 0.6),
        ("4.50", 0.5),
        ("4.51", 0.5),
        ("4.100", 0.5),
        ("4.101", 0.5),
        ("4.102", 0.5),
        ("4.103", 0.5),
        ("1", 0.4),
    )
)


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
        manifest = study.manifest

        def open_series(uid: SeriesInstanceUid) -> SeriesCopy:
            key = SeriesKey(manifest.study_instance_uid, uid)
            return self.cache.open_series(
                key,
                lambda: of_patient(
                    self._from_source(context, access_token, study, uid), context.patient.ins
                ),
            )

        async def retrieve(
            target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
        ) -> AsyncIterator[InstanceStream]:
            del syntaxes
            for series in manifest.series:
                if target.series_instance_uid in {None, series.series_instance_uid}:
                    copy = open_series(series.series_instance_uid)
                    async for instance in copy.streams(target.sop_instance_uid):
                        yield instance

        return OpenedStudy(manifest, retrieve, open_series)

    async def _from_source(
        self,
        context: ConsultationContext,
        access_token: str | None,
        study: PriorStudy,
        uid: SeriesInstanceUid,
    ) -> AsyncIterator[InstanceStream]:
        """Retrieve with the token that this box takes; one that it refuses is asked for anew once.

        A refusal comes before the first instance, so that nothing is yielded twice.
        """
        if access_token is None:
            raise NotAuthenticated("the professional's own token is needed to ask a Source")
        peer = self._peer_of(study.manifest, uid)
        for is_last in (False, True):
            received = self.peer.retrieve(
                peer,
                TargetResource(study.study_instance_uid, uid),
                access_token=await self.peer_tokens.token_for(peer, context, access_token),
                kos_sop_instance_uid=study.kos_sop_instance_uid,
                transfer_syntaxes=LOSSLESS_FIRST,
            )
            try:
                async for instance in received:
                    yield instance
            except NotAuthenticated:
                if is_last or not self.peer_tokens.forget(peer, context):
                    raise
            else:
                return
            finally:
                await close(received)

    def _peer_of(self, manifest: Manifest, uid: SeriesInstanceUid) -> Peer:
        series = next(s for s in manifest.series if s.series_instance_uid == uid)
        return self.trusted_space.get_peer(series.retrieve_host)


def _context_of(caller: Caller) -> ConsultationContext:
    if caller.context is None:
        raise Refused("the Consommatrice serves the patient of a contextual call")
    return caller.context


def _hosts_of(manifest: Manifest) -> set[str]:
    return {series.retrieve_host for series in manifest.series}
