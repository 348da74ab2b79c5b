"""A peer box or a client of the site -> the images of a published study (journey C, RAD-107).

    peer     profession (SO.34), scope and consent where the token is ours (O10)
             -> KOS-SOPInstanceUID named -> it is the stored one of that study
    client   scope of its token -> the study has a KOS here
    then     series and instance in the manifest -> audit -> PACS, streamed

Handshake, white list and token come before, at the door (entrypoints/http/bearer.py).
"""

from dataclasses import dataclass

from drimbox.errors import DrimboxError, InvalidValue, NotFound, Refused
from drimbox.flows.opened_study import OpenedStudy, check_in_manifest
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.source.search_published import SearchPublished
from drimbox.flows.source.source_images import SourceImages
from drimbox.model.access import Caller, CallerKind
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.consent import check_may_consult
from drimbox.model.publication import Publication, PublicationState
from drimbox.model.retrieval import DicomQuery, MatchPage, TargetResource
from drimbox.model.scopes import Permission, check_scope
from drimbox.model.uids import (
    SopInstanceUid,
    StudyInstanceUid,
)
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock
from drimbox.ports.study_register import StudyRegister

_SERVED_STATES = frozenset({PublicationState.PENDING, PublicationState.PUBLISHED})


@dataclass(frozen=True, slots=True)
class ServeStudy:
    """Implements flows.opened_study.ImageService for the Source."""

    register: StudyRegister
    images: SourceImages
    audit: AuditRepository
    clock: Clock
    allowed_professions: frozenset[str]
    find_published: SearchPublished
    accesses: RecentAccesses

    async def open_study(
        self, caller: Caller, target: TargetResource, kos_sop_instance_uid: str | None
    ) -> OpenedStudy:
        """See ImageService; a refusal is recorded too, before it is told.

        Each request of a peer is an access of its own: it brings a whole series.
        """
        recent = None
        if caller.peer is None:
            recent = self.accesses.find(caller, target.study_instance_uid)
        if recent is not None:
            check_in_manifest(recent.manifest, target)
            return recent
        opened = await self._open_anew(caller, target, kos_sop_instance_uid)
        if caller.peer is None:
            self.accesses.keep(caller, opened)
        return opened

    async def search(self, caller: Caller, query: DicomQuery) -> MatchPage:
        """See ImageService: what has no KOS here does not exist (threat O11)."""
        check_scope(caller.scopes, "ImagingStudy", Permission.SEARCH)
        if caller.kind is not CallerKind.SYSTEM:
            raise Refused("a professional comes to the Source through the Consommatrice")
        return await self.find_published(query)

    async def _open_anew(
        self, caller: Caller, target: TargetResource, kos_sop_instance_uid: str | None
    ) -> OpenedStudy:
        try:
            publication = await self._authorise(caller, target, kos_sop_instance_uid)
        except DrimboxError as error:
            await self._record(caller, target, error=error)
            raise
        await self._record(caller, target, publication=publication)
        return self.images.open(publication)

    async def _authorise(
        self, caller: Caller, target: TargetResource, kos: str | None
    ) -> Publication:
        if caller.peer is not None:
            publication = await self._authorise_peer(caller, target, kos)
        else:
            check_scope(caller.scopes, "ImagingStudy", Permission.READ)
            if caller.kind is not CallerKind.SYSTEM:
                raise Refused("a professional comes to the Source through the Consommatrice")
            publication = await self._current(target.study_instance_uid)
        check_in_manifest(publication.manifest, target)
        return publication

    async def _authorise_peer(
        self, caller: Caller, target: TargetResource, kos: str | None
    ) -> Publication:
        professional = caller.professional
        if professional is None:
            raise Refused("a peer asks in the name of a professional")
        if professional.profession_code not in self.allowed_professions:
            raise Refused("this profession may not see images")
        if caller.consent is not None:
            check_scope(caller.scopes, "ImagingStudy", Permission.READ)
            check_may_consult(caller.consent)
        if not kos:
            raise InvalidValue("KOS-SOPInstanceUID", "the KOS that led here")
        try:
            # The KOS that is being replaced serves until the DMP has the new one.
            publication = await self.register.find_by_kos(SopInstanceUid(kos))
        except InvalidValue:
            publication = None
        if (
            publication is None
            or publication.state not in _SERVED_STATES
            or publication.study_instance_uid != target.study_instance_uid
        ):
            raise NotFound("this KOS is not the one of this study")
        return publication

    async def _current(self, study_instance_uid: StudyInstanceUid) -> Publication:
        publication = await self.register.find_current(study_instance_uid)
        if publication is None or publication.state not in _SERVED_STATES:
            raise NotFound("no such study")
        return publication

    async def _record(
        self,
        caller: Caller,
        target: TargetResource,
        *,
        publication: Publication | None = None,
        error: DrimboxError | None = None,
    ) -> None:
        professional = caller.professional
        name = f"{professional.family_name} {professional.given_name}" if professional else ""
        await self.audit.record(
            AuditEvent(
                action=AuditAction.ACCESS_REFUSED if error else AuditAction.IMAGES_SERVED,
                outcome=AuditOutcome.MINOR_FAILURE if error else AuditOutcome.SUCCESS,
                occurred_at=self.clock.now(),
                user=caller.subject,
                user_name=name,
                user_role=professional.profession_code if professional else "",
                destination=caller.peer.db_host if caller.peer else "",
                patient_id=publication.patient_id if publication else None,
                study_instance_uid=target.study_instance_uid,
                document_unique_id=publication.kos_sop_instance_uid if publication else None,
                consent=caller.consent.value if caller.consent else None,
                description=str(error) if error else "",
            )
        )
