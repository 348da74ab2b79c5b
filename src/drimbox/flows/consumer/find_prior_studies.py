"""A consultation context -> the patient's exams, out of the DMP (TRA.04, CO.54, CO.55, UX.27).

    consent, by name -> situation -> TD0.2 access -> ITI-18 KOS of the patient -> ITI-43 in parallel
    -> parse_kos -> exams; what cannot be read is told, exam by exam, and stops nothing

Rights come first (flows/consumer/consult_dmp.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from drimbox.errors import NotFound
from drimbox.flows.consumer.list_documents import ListDocuments
from drimbox.flows.consumer.read_manifests import ReadManifests
from drimbox.model.access import ConsultationContext
from drimbox.model.document_entry import (
    KOS_TYPE,
    DocumentQuery,
    ReferenceId,
    ReferenceIdKind,
)
from drimbox.model.practice import Code
from drimbox.model.prior_study import PriorStudies, PriorStudy, told_of
from drimbox.model.search_criteria import EVERY_EXAM, SearchCriteria
from drimbox.model.uids import StudyInstanceUid


@dataclass(frozen=True, slots=True)
class FindPriorStudies:
    """modality_system and region_system are the code systems of the DMP's eventCodeList."""

    documents: ListDocuments
    manifests: ReadManifests
    modality_system: str
    region_system: str

    async def __call__(
        self, context: ConsultationContext, criteria: SearchCriteria | None = None
    ) -> PriorStudies:
        """Find the exams that answer the criteria (those of the call when None), newest first.

        Raises:
            ConsentMissing: opposed, or nobody asked.
            NotAuthenticated: nobody has signed in to this context.
            SituationNeeded: the professional must choose a situation first.
            DmpNotReadable: no DMP, a closed one, or no authorisation.
            Unavailable, RejectedByPartner: the DMP gave no list.
        """
        criteria = context.criteria if criteria is None else criteria
        entries = await self.documents.ask(context, self._query(context, criteria))
        identity = self.documents.dmp.situations.identity_of(context)
        studies, unreadable = await self.manifests(context, entries, identity, is_fresh=True)
        matching = [s for s in _newest_of_each(studies) if s.matches(criteria)]
        matching.sort(key=lambda s: s.study_date or date.min, reverse=True)
        return PriorStudies(tuple(matching), tuple(unreadable))

    async def get(
        self, context: ConsultationContext, study_instance_uid: StudyInstanceUid
    ) -> PriorStudy:
        """Return one exam of the patient, from what was read for this context, else the DMP.

        Raises:
            NotFound: the patient's DMP holds no KOS of it: the same as for no such exam (O11).
            DocumentAbsent, DocumentAltered, Unavailable, RejectedByPartner: it lists one that
                cannot be read, and says in its metadata that it is of this exam.
            Others: as when finding.
        """
        await self.documents.dmp.check_consent(context)
        kept = self.manifests.retrieved.find_study(context, study_instance_uid)
        if kept is not None:
            return kept
        found = await self(context, EVERY_EXAM)
        for study in found.studies:
            if study.study_instance_uid == study_instance_uid:
                return study
        for one in found.unreadable:
            if one.names(study_instance_uid):
                raise told_of(one.failure)
        raise NotFound("no such exam for this patient")

    def _query(self, context: ConsultationContext, criteria: SearchCriteria) -> DocumentQuery:
        """Ask by what the DMP compares exactly; `matches` then decides on the KOS itself.

        An accession number without its issuer is no XDS reference id, so it is compared here. The
        DMP's instants are UTC and the KOS's days local: a day more on each side.
        """
        days = criteria.study_dates
        return DocumentQuery(
            patient_id=context.patient.ins.xds_patient_id,
            type_codes=(KOS_TYPE,),
            modalities=tuple(Code(code, self.modality_system) for code in criteria.modalities),
            anatomic_regions=tuple(
                Code(code, self.region_system) for code in criteria.anatomic_regions
            ),
            reference_ids=_reference_ids(criteria),
            service_start_from=_midnight(days.first, -1) if days and days.first else None,
            service_start_to=_midnight(days.last, +2) if days and days.last else None,
        )


def _newest_of_each(studies: Sequence[PriorStudy]) -> list[PriorStudy]:
    """Keep one KOS a study: a replaced one may still be listed for a moment."""
    newest: dict[StudyInstanceUid, PriorStudy] = {}
    for study in sorted(studies, key=lambda s: s.document.creation_time):
        newest[study.study_instance_uid] = study
    return list(newest.values())


def _reference_ids(criteria: SearchCriteria) -> tuple[ReferenceId, ...]:
    number, issuer = criteria.accession_number, criteria.accession_number_issuer
    if number is None or issuer is None or issuer.universal_id is None:
        return ()
    return (ReferenceId(number, ReferenceIdKind.ACCESSION.value, issuer),)


def _midnight(day: date, days_after: int) -> datetime:
    try:
        return datetime.combine(day + timedelta(days=days_after), time.min, UTC)
    except OverflowError:
        return datetime.combine(day, time.min, UTC)
