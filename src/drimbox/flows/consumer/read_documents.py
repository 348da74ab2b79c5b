"""Reports and other CDA of the DMP, for one patient's professional to read (CO.58, CO.95).

    rights (consult_dmp.py) -> ITI-18 by type -> list
    one document asked for  -> ITI-43 -> parse_clinical_document -> same patient? -> shown

Nothing is retrieved before it is asked for, and nothing outlives its context (CO.69).
"""

from dataclasses import dataclass
from datetime import tzinfo

from drimbox.errors import DrimboxError, Mismatch, NotFound, UnsupportedMessage
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.consultation_audit import Trace
from drimbox.flows.consumer.kept_by_context import KeptByContext
from drimbox.flows.consumer.retrieved_studies import RetrievedStudies
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.clinical_document import KIND_OF_TYPE, ClinicalDocument, DocumentKind
from drimbox.model.document_entry import DocumentEntry, DocumentQuery
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.prior_study import PriorStudy
from drimbox.model.search_criteria import EVERY_EXAM, SearchCriteria
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock
from drimbox.standards.cda.clinical_document import parse_clinical_document

_MAX_CONTEXTS = 500
_MAX_OCTETS = 128 * 1024 * 1024
_CDA_TYPES = frozenset({"text/xml", "application/xml"})


@dataclass(frozen=True, slots=True)
class RetrievedDocument:
    """One document: what a person reads of it, and its octets as the DMP gave them."""

    document: ClinicalDocument
    content: bytes

    def __repr__(self) -> str:
        return f"RetrievedDocument({len(self.content)} octets)"


class RetrievedDocuments:
    """The documents read for one context, and the list that they were chosen from."""

    def __init__(self, clock: Clock) -> None:
        self.lists: KeptByContext[tuple[DocumentEntry, ...]] = KeptByContext(
            clock, max_contexts=_MAX_CONTEXTS, max_octets=_MAX_OCTETS
        )
        self.documents: KeptByContext[RetrievedDocument] = KeptByContext(
            clock, max_contexts=_MAX_CONTEXTS, max_octets=_MAX_OCTETS
        )

    def forget(self, context_identifier: str) -> None:
        """Forget a context; unknown is no error."""
        self.lists.forget(context_identifier)
        self.documents.forget(context_identifier)


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """One document of the list; studies are the exams read in this context that it is about."""

    entry: DocumentEntry
    kind: DocumentKind
    studies: tuple[StudyInstanceUid, ...]

    @property
    def author(self) -> str:
        """The first person named as author; empty where there is none."""
        people = (author.person for author in self.entry.authors if not author.is_device)
        person = next((one for one in people if one is not None), None)
        return f"{person.given_name} {person.family_name}".strip() if person else ""


@dataclass(frozen=True, slots=True)
class ReadDocuments:
    """studies are the exams read before; local_zone is that of instants which name none."""

    dmp: ConsultDmp
    studies: RetrievedStudies
    retrieved: RetrievedDocuments
    local_zone: tzinfo

    async def find(
        self, context: ConsultationContext, criteria: SearchCriteria = EVERY_EXAM
    ) -> tuple[ListedDocument, ...]:
        """List what the patient's DMP holds to read and answers the criteria, newest first.

        Raises:
            What ConsultDmp.enter and find_documents raise.
        """
        known = self.studies.find_all(context)
        return tuple(
            ListedDocument(
                entry,
                KIND_OF_TYPE[entry.type_code.value],
                tuple(study.study_instance_uid for study in known if is_about(entry, study)),
            )
            for entry in await self._list(context)
            if _answers(entry, criteria)
        )

    async def get(self, context: ConsultationContext, unique_id: str) -> ClinicalDocument:
        """Return one document of the patient.

        Raises:
            NotFound: the patient's DMP lists no such document.
            Others: as for retrieve and find.
        """
        kept = await self._kept(context, unique_id)
        if kept is None:
            kept = await self.retrieve(context, await self._entry(context, unique_id))
        return kept.document

    async def retrieve(
        self, context: ConsultationContext, entry: DocumentEntry
    ) -> RetrievedDocument:
        """Return a document that the DMP lists, once it is sure to be this patient's.

        Raises:
            DocumentAbsent: the DMP lists it and does not give it.
            DocumentAltered: what it gives is not what it lists.
            Mismatch: the document names another patient, or none (D6); recorded.
            UnsupportedMessage: of a form that cannot be shown.
            MalformedMessage, TooLarge: it cannot be read.
            Unavailable, RejectedByPartner: the DMP gives nothing now.
            What ConsultDmp.enter raises.
        """
        kept = await self._kept(context, entry.unique_id)
        if kept is not None:
            return kept
        if entry.mime_type not in _CDA_TYPES:
            raise UnsupportedMessage("a CDA document", where="mimeType")
        identity = await self.dmp.enter(context)
        found = await self.dmp.retrieve_documents(context, [entry], identity)
        content = found[entry.unique_id]
        if isinstance(content, DrimboxError):
            raise content
        document = parse_clinical_document(content, local_zone=self.local_zone)
        if document.patient_ins is None or document.patient_ins.value != context.patient.ins.value:
            await self._record_other_patient(context, entry)
            raise Mismatch("the document names another patient")
        retrieved = RetrievedDocument(document, content)
        # Its octets, and about as much again of what was read in them.
        self.retrieved.documents.keep(context, entry.unique_id, retrieved, 2 * len(content))
        return retrieved

    async def _kept(self, context: ConsultationContext, unique_id: str) -> RetrievedDocument | None:
        kept = self.retrieved.documents.find(context, unique_id)
        if kept is not None:
            await self.dmp.check_consent(context)
        return kept

    async def _record_other_patient(
        self, context: ConsultationContext, entry: DocumentEntry
    ) -> None:
        trace = Trace(document=entry.unique_id, description="the document names another patient")
        await self.dmp.audit.record(
            AuditAction.ACCESS_REFUSED, context, AuditOutcome.SERIOUS_FAILURE, trace
        )

    async def _list(self, context: ConsultationContext) -> tuple[DocumentEntry, ...]:
        identity = await self.dmp.enter(context)
        query = DocumentQuery(
            patient_id=context.patient.ins.xds_patient_id,
            type_codes=tuple(kind.value for kind in DocumentKind),
        )
        found = await self.dmp.find_documents(context, query, identity)
        readable = (entry for entry in found if entry.type_code.value in KIND_OF_TYPE)
        entries = tuple(sorted(readable, key=lambda entry: entry.creation_time, reverse=True))
        self.retrieved.lists.keep(context, "", entries, len(entries))
        return entries

    async def _entry(self, context: ConsultationContext, unique_id: str) -> DocumentEntry:
        listed = self.retrieved.lists.find(context, "")
        if listed is None:
            listed = await self._list(context)
        for entry in listed:
            if entry.unique_id == unique_id:
                return entry
        raise NotFound("no such document in this patient's DMP")


def is_about(entry: DocumentEntry, study: PriorStudy) -> bool:
    """Tell whether a document's metadata lead to the exam: its study, its order, or its start."""
    identifiers = {reference.value for reference in entry.reference_ids}
    if identifiers & {study.study_instance_uid, *study.accession_numbers}:
        return True
    start = study.document.service_start_time
    return start is not None and entry.service_start_time == start


def _answers(entry: DocumentEntry, criteria: SearchCriteria) -> bool:
    """Tell whether metadata answer the criteria; what they do not say answers everything."""
    codes = {code.value for code in entry.event_codes}
    modalities, regions = codes & set(MODALITIES), codes & set(ANATOMIC_REGIONS)
    day = (entry.service_start_time or entry.creation_time).date()
    return all(
        (
            not criteria.modalities or not modalities or modalities & set(criteria.modalities),
            not criteria.anatomic_regions
            or not regions
            or regions & set(criteria.anatomic_regions),
            criteria.study_dates is None or criteria.study_dates.contains(day),
        )
    )
