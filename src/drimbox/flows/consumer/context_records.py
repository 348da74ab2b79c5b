"""The exams of a context's patient, for FHIR callers: of nobody else (SMART patient/ scopes).

    patient asked for is the context's -> one ITI-18, as narrow as is safe -> KOS where needed

A registry compares reference ids to the letter, and boxes write the assigning authority of a study
UID in several ways: where one finds nothing, all of the patient's documents are listed instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from drimbox.errors import (
    MalformedMessage,
    Mismatch,
    NotFound,
    Refused,
    TooLarge,
    Unavailable,
    UnsupportedMessage,
)
from drimbox.flows.consumer.consult_dmp import DmpNotReadable, DmpState
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.read_documents import ReadDocuments
from drimbox.flows.fhir_service import WalkedRecords
from drimbox.model.access import Caller, ConsultationContext, Peer
from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentEntry,
    DocumentQuery,
    PartialDocuments,
    RegisteredSet,
    UnknownPatientDocuments,
)
from drimbox.model.document_list import DocumentList, FoundLists, ListQuery
from drimbox.model.imaging_record import (
    OWN_IMAGES,
    ImagePlaces,
    ImagingRecord,
    Subject,
    logical_id,
    logical_id_of,
    one_a_study,
)
from drimbox.model.imaging_search import (
    IMAGING_TYPES,
    FoundRecords,
    Notice,
    PatientKey,
    RecordQuery,
    Studies,
)
from drimbox.model.practice import Code
from drimbox.model.prior_study import PriorStudy, UnreadableStudy
from drimbox.ports.dmp import DocumentAbsent, DocumentUnreadable
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.standards.fhir.patient_reference import patient_id
from drimbox.standards.fhir.patient_search import has_identifier_of, is_named

_NOTICES = {DmpState.ABSENT: Notice.NO_DMP, DmpState.CLOSED: Notice.DMP_CLOSED}
# In this order, so that the same states are always the same question.
_STATES = (
    AvailabilityStatus.APPROVED,
    AvailabilityStatus.ARCHIVED,
    AvailabilityStatus.DEPRECATED,
)
_SET_STATES = (AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED)
_UUID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class ContextRecords:
    """Implements flows.fhir_service.FhirService for the Consommatrice."""

    find_prior_studies: FindPriorStudies
    read_documents: ReadDocuments
    trusted_space: TrustedSpace

    async def find_records(self, caller: Caller, query: RecordQuery) -> FoundRecords:
        """See FhirService."""
        context = context_of(caller)
        await self.find_prior_studies.documents.dmp.check_consent(context)
        subject = subject_of(context)
        if query.patients is not None and not is_named(subject, query.patients):
            return FoundRecords(())
        try:
            entries, notices = await self._entries(context, query)
            if query.reads is Studies.NOT_NEEDED:
                replaced = await self._replaced(context, entries, query)
                records = tuple(_record(subject, entry, replaced=replaced) for entry in entries)
                return FoundRecords(records, notices)
            found = await self._read(context, subject, entries, query)
            return replace(found, notices=(*notices, *found.notices))
        except DmpNotReadable as error:
            if error.state not in _NOTICES:
                raise
            return FoundRecords((), (_NOTICES[error.state],))

    async def walk_records(
        self, caller: Caller, query: RecordQuery, start: int | None, max_studies: int
    ) -> WalkedRecords | None:
        """See FhirService: a context has one patient, whose exams are listed at once."""
        del caller, query, start, max_studies
        return None

    async def find_lists(self, caller: Caller, query: ListQuery) -> FoundLists:
        """See FhirService: submission sets of which a document is shown to this professional."""
        everything = RecordQuery(
            patients=query.patients,
            statuses=frozenset(_STATES),
            reads=Studies.NOT_NEEDED,
            types=IMAGING_TYPES,
        )
        found = await self.find_records(caller, everything)
        statuses = _SET_STATES if query.lists is not None else query.statuses
        if not found.records or not statuses:
            return FoundLists((), found.notices)
        context = context_of(caller)
        asked = replace(
            query.narrowed_by,
            patient_id=context.patient.ins.xds_patient_id,
            statuses=tuple(state for state in _SET_STATES if state in statuses),
        )
        sets = await self.find_prior_studies.documents.find_sets(context, asked)
        shown = {record.kos_id: record for record in found.records}
        lists = (_list(subject_of(context), one, shown) for one in sets)
        return FoundLists(tuple(one for one in lists if one.documents), found.notices)

    async def find_subjects(
        self, caller: Caller, patients: tuple[PatientKey, ...]
    ) -> tuple[Subject, ...]:
        context = context_of(caller)
        await self.find_prior_studies.documents.dmp.check_consent(context)
        subject = subject_of(context)
        return (subject,) if is_named(subject, patients) else ()

    async def knows_domain(self, caller: Caller, system: str) -> bool:
        return has_identifier_of(subject_of(context_of(caller)), system)

    async def retrieve_report(self, caller: Caller, record: ImagingRecord) -> bytes:
        """See FhirService: as a person who opens it, of the same patient, with the same trace."""
        try:
            found = await self.read_documents.retrieve(context_of(caller), record.document)
        except Mismatch:
            raise NotFound("no such document") from None
        except (UnsupportedMessage, MalformedMessage, TooLarge):
            raise DocumentUnreadable("no CDA that can be read") from None
        return found.content

    async def find_places(self, caller: Caller) -> ImagePlaces:
        found = await self.find_records(caller, RecordQuery())
        sources = [source for r in found.records for source in r.image_sources]
        return ImagePlaces(
            tuple(dict.fromkeys((OWN_IMAGES, *sources))),
            tuple(r.study.study_instance_uid for r in found.records if r.study and r.is_viewed),
        )

    async def _entries(
        self, context: ConsultationContext, query: RecordQuery
    ) -> tuple[Sequence[DocumentEntry], tuple[Notice, ...]]:
        """Return the metadata, and whether the DMP said that there is more."""
        documents = self.find_prior_studies.documents
        states = tuple(state for state in _STATES if state in query.statuses)
        if query.reads is Studies.REQUIRED and AvailabilityStatus.DEPRECATED in states:
            # Whether a study is cancelled, only its KOS in force tells.
            states = _STATES
        if query.documents is not None:
            return await self._named(context, query), ()
        if not states:
            return (), ()
        everything = DocumentQuery(
            context.patient.ins.xds_patient_id, type_codes=query.types, statuses=states
        )
        asked = replace(
            query.narrowed_by,
            patient_id=everything.patient_id,
            type_codes=everything.type_codes,
            statuses=states,
        )
        entries = await documents.find(context, asked)
        if not entries and asked.reference_ids:
            entries = await documents.find(context, replace(asked, reference_ids=()))
        # GetDocuments, and a list kept for a wider question, know no states.
        kept = [
            e
            for e in _of_types(entries, query.types)
            if (e.status or AvailabilityStatus.APPROVED) in states
        ]
        return kept, _notices(entries)

    async def _replaced(
        self, context: ConsultationContext, entries: Sequence[DocumentEntry], query: RecordQuery
    ) -> Mapping[str, tuple[str, ...]]:
        """Ask what replaces what, where somebody asks or a replaced document is listed."""
        is_asked = query.has_relations or query.documents is not None
        concerned = [e for e in entries if is_asked or e.status is AvailabilityStatus.DEPRECATED]
        return await self.find_prior_studies.documents.find_replaced(context, entries, concerned)

    async def _named(
        self, context: ConsultationContext, query: RecordQuery
    ) -> Sequence[DocumentEntry]:
        """Return the documents of the logical ids of a query, whatever their state."""
        identifiers = query.documents or ()
        documents = self.find_prior_studies.documents
        await documents.dmp.check_consent(context)
        kept = documents.kept.find_named(context, identifiers)
        if kept is not None:
            return _of_types(kept, query.types)
        asked = DocumentQuery(
            context.patient.ins.xds_patient_id, type_codes=query.types, statuses=_STATES
        )
        if all(len(identifier) == _UUID_LENGTH for identifier in identifiers):
            asked = replace(asked, entry_uuids=tuple(f"urn:uuid:{i}" for i in identifiers))
        entries = await documents.find(context, asked)
        named = [entry for entry in entries if logical_id(entry) in identifiers]
        return _of_types(named, query.types)

    async def _read(
        self,
        context: ConsultationContext,
        subject: Subject,
        entries: Sequence[DocumentEntry],
        query: RecordQuery,
    ) -> FoundRecords:
        find = self.find_prior_studies
        identity = find.documents.dmp.situations.identity_of(context)
        others = [entry for entry in entries if not entry.is_kos]
        readable = [e for e in entries if e.is_kos and e.status is not AvailabilityStatus.DELETED]
        studies, unreadable = await find.manifests(context, readable, identity)
        boxes = self._boxes(studies)
        records = [_record(subject, study.document, study, boxes) for study in studies]
        if query.reads is Studies.REQUIRED:
            records = one_a_study(records)
        else:
            records += [
                replace(_record(subject, one.document), failure=one.failure) for one in unreadable
            ]
            records += [_record(subject, entry) for entry in others]
        return FoundRecords(tuple(records), _notices_of(unreadable), tuple(unreadable))

    def _boxes(self, studies: Sequence[PriorStudy]) -> Mapping[str, Peer]:
        """Return the boxes of the white list that KOS name, by host; the others are unknown."""
        hosts = {series.retrieve_host for study in studies for series in study.manifest.series}
        boxes: dict[str, Peer] = {}
        for host in hosts:
            try:
                boxes[host] = self.trusted_space.get_peer(host)
            except (Refused, Unavailable):
                continue
        return boxes


def _notices(entries: Sequence[DocumentEntry]) -> tuple[Notice, ...]:
    """Return what a registry told of its list."""
    if isinstance(entries, UnknownPatientDocuments):
        return (Notice.NO_DMP,)
    return (Notice.LIST_PARTIAL,) if isinstance(entries, PartialDocuments) else ()


def _notices_of(unreadable: Sequence[UnreadableStudy]) -> tuple[Notice, ...]:
    """Tell apart what the DMP no longer has from what may be read another time."""
    told = (
        Notice.KOS_ABSENT if isinstance(one.failure, DocumentAbsent) else Notice.KOS_UNREADABLE
        for one in unreadable
    )
    return tuple(dict.fromkeys(told))


def _of_types(entries: Sequence[DocumentEntry], types: Sequence[Code]) -> list[DocumentEntry]:
    """Keep documents of these types: GetDocuments brings whatever an id names."""
    wanted = {code.value for code in types}
    return [entry for entry in entries if entry.type_code.value in wanted]


def context_of(caller: Caller) -> ConsultationContext:
    """Return the caller's context.

    Raises:
        Refused: there is none: a client of the site, or a session of several patients.
    """
    if caller.context is None:
        raise Refused("the Consommatrice serves the patient of a contextual call")
    return caller.context


def subject_of(context: ConsultationContext) -> Subject:
    return Subject(patient_id(context), context.patient, context.local_patient_id)


def _list(
    subject: Subject, found: RegisteredSet, shown: Mapping[str, ImagingRecord]
) -> DocumentList:
    members = dict.fromkeys(logical_id_of(uuid) for uuid in found.members)
    return DocumentList(
        subject,
        logical_id_of(found.entry_uuid),
        found.submission_set,
        tuple(shown[identifier] for identifier in members if identifier in shown),
        found.entry_uuid,
        found.status,
    )


def _record(
    subject: Subject,
    document: DocumentEntry,
    study: PriorStudy | None = None,
    boxes: Mapping[str, Peer] | None = None,
    replaced: Mapping[str, tuple[str, ...]] | None = None,
) -> ImagingRecord:
    uuids = (replaced or {}).get(document.entry_uuid or "", ())
    return ImagingRecord(
        subject,
        document,
        document.creation_time,
        study,
        boxes or {},
        replaces=tuple(logical_id_of(uuid) for uuid in uuids),
        has_viewer=True,
    )
