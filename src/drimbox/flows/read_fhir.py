"""FHIR reads and searches: scope, then the records, then what FHIR's rules leave, then the trace.

scope of the token on the resource -> the function's own rights (context, consent, system)
-> records -> filters, order, page -> one audit event for each patient told of -> answer
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic

from drimbox.errors import NotFound, Refused
from drimbox.flows.fhir_service import FhirService, UnknownDomain
from drimbox.flows.fhir_trail import FhirTrail, Request, check_right
from drimbox.flows.walk_records import MAX_STUDIES, RecordWalk, WalkedPage
from drimbox.model.access import Caller
from drimbox.model.document_entry import KOS_TYPE, AvailabilityStatus
from drimbox.model.document_list import DocumentList, ListQuery
from drimbox.model.imaging_record import ImagePlaces, ImagingRecord, Subject, kos_id_of
from drimbox.model.imaging_search import IMAGING_TYPES, Notice, PatientKey, RecordQuery, Studies
from drimbox.model.prior_study import told_of
from drimbox.model.scopes import Permission
from drimbox.standards.fhir.derived_manifest import derived
from drimbox.standards.fhir.patient import INS_SYSTEMS
from drimbox.standards.fhir.patient_search import patient_keys
from drimbox.standards.fhir.search import Search
from drimbox.standards.fhir.search_page import BEGINNING, Page, Position, select
from drimbox.standards.fhir.search_parameters import Record


class DocumentGone(NotFound):
    """A document that was replaced or withdrawn (410, ITI-68 3.68.4.1.3)."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[Record]):
    """One page, and what must be told beside it; related are documents that its own replaced."""

    page: Page[Record]
    notices: tuple[Notice, ...] = ()
    related: tuple[ImagingRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadFhir:
    """serves_superseded gives the octets of what was replaced, which MHD would call gone (D16).

    max_studies are read for a page of a search that names nobody.
    """

    service: FhirService
    trail: FhirTrail
    serves_superseded: bool = False
    max_studies: int = MAX_STUDIES

    async def search_records(
        self,
        caller: Caller,
        request: Request,
        search: Search[ImagingRecord],
        query: RecordQuery,
        position: Position = BEGINNING,
    ) -> Answer[ImagingRecord]:
        """Search studies or documents.

        Raises:
            Refused, ConsentMissing: a right is missing.
            Unavailable, RejectedByPartner: the DMP gave no list.
        """

        async def work() -> Answer[ImagingRecord]:
            walk = RecordWalk(self.service, caller, query, search, self.max_studies)
            found = None if search.is_sort_asked else await walk.page(position)
            if found is None:
                found = await self._ordered(caller, search, query, position)
            if not query.brings_relations:
                return Answer(found.page, found.notices)
            related = await self._replaced(caller, found.page.matches, found.known)
            return Answer(found.page, found.notices, related)

        return await self.trail.traced(
            caller, request, work, lambda a: [r.subject for r in a.page.matches]
        )

    async def _ordered(
        self,
        caller: Caller,
        search: Search[ImagingRecord],
        query: RecordQuery,
        position: Position,
    ) -> WalkedPage:
        """Read all that answers, and cut the page out of its order."""
        found = await self.service.find_records(caller, query)
        records = found.records
        if query.has_manifests:
            records = (*records, *(derived(one) for one in records if one.document.is_kos))
        return WalkedPage(select(search, records, position), found.records, found.notices)

    async def _replaced(
        self, caller: Caller, matches: Iterable[ImagingRecord], known: Iterable[ImagingRecord]
    ) -> tuple[ImagingRecord, ...]:
        """Return what the matches replaced: of what was found already, else by its id."""
        wanted = dict.fromkeys(target for record in matches for target in record.replaces)
        found = {record.kos_id: record for record in known if record.kos_id in wanted}
        missing = tuple(target for target in wanted if target not in found)
        if missing:
            reads = Studies.NOT_NEEDED
            query = RecordQuery(documents=missing, reads=reads, types=IMAGING_TYPES)
            more = await self.service.find_records(caller, query)
            found |= {record.kos_id: record for record in more.records}
        return tuple(found[target] for target in wanted if target in found)

    async def search_lists(
        self,
        caller: Caller,
        request: Request,
        search: Search[DocumentList],
        query: ListQuery,
        position: Position = BEGINNING,
    ) -> Answer[DocumentList]:
        """Search lists of documents (ITI-66); raises as search_records."""

        async def work() -> Answer[DocumentList]:
            found = await self.service.find_lists(caller, query)
            return Answer(select(search, found.lists, position), found.notices)

        return await self.trail.traced(
            caller, request, work, lambda a: [one.subject for one in a.page.matches]
        )

    async def get_list(self, caller: Caller, request: Request, identifier: str) -> DocumentList:
        """Return one list.

        Raises:
            NotFound: no such list for this caller.
        """

        async def work() -> DocumentList:
            found = await self.service.find_lists(caller, ListQuery(lists=(identifier,)))
            for one in found.lists:
                if one.identifier == identifier:
                    return one
            raise NotFound("no such list")

        return await self.trail.traced(caller, request, work, lambda found: (found.subject,))

    async def search_patients(
        self, caller: Caller, request: Request, search: Search[Subject], position: Position
    ) -> Answer[Subject]:
        """Search patients; only by what names one: this is no directory.

        Raises:
            UnknownDomain: nobody can be named so here.
        """

        async def work() -> Answer[Subject]:
            keys = _named_patients(search)
            subjects = await self.service.find_subjects(caller, keys) if keys else ()
            if keys and not subjects:
                await self._check_domains(caller, keys)
            notices = () if keys else (Notice.PATIENT_NOT_NAMED,)
            return Answer(select(search, subjects, position), notices)

        return await self.trail.traced(caller, request, work, lambda answer: answer.page.matches)

    async def _check_domains(self, caller: Caller, keys: Iterable[PatientKey]) -> None:
        for key in keys:
            if key.system is None or key.system in INS_SYSTEMS:
                return
            if await self.service.knows_domain(caller, key.system):
                return
        raise UnknownDomain("no identifier of such a domain is known here")

    async def find_places(self, caller: Caller, request: Request) -> ImagePlaces:
        """List where images come from and are looked at, for Endpoints."""

        async def work() -> ImagePlaces:
            return await self.service.find_places(caller)

        return await self.trail.traced(caller, request, work, lambda _: ())

    async def check_read(self, caller: Caller, request: Request) -> None:
        """Check and record a read of what is about nobody: this box, who runs it."""

        async def work() -> None:
            return None

        await self.trail.traced(caller, request, work, lambda _: ())

    async def get_record(
        self, caller: Caller, request: Request, query: RecordQuery
    ) -> ImagingRecord:
        """Return the record of the one study that the query names.

        Raises:
            NotFound: no such thing for this caller: the same for another patient's (O11).
            DocumentAbsent, DocumentAltered, Unavailable, RejectedByPartner: its KOS is listed, and
                cannot be read.
        """

        async def work() -> ImagingRecord:
            found = await self.service.find_records(caller, query)
            for record in found.records:
                if record.study is not None and record.study.study_instance_uid in (
                    query.studies or ()
                ):
                    return record
            for one in found.unreadable:
                if any(one.names(study) for study in query.studies or ()):
                    raise told_of(one.failure)
            raise NotFound("no such resource")

        return await self.trail.traced(caller, request, work, lambda record: (record.subject,))

    async def get_document(
        self, caller: Caller, request: Request, identifier: str, *, needs_study: bool = False
    ) -> ImagingRecord:
        """Return the record of that logical id: a KOS, the FHIR manifest made of it, a report.

        Raises:
            NotFound: no such document for this caller.
            What _read raises, with needs_study.
        """

        async def work() -> ImagingRecord:
            record = await self._document(caller, identifier, needs_study=needs_study)
            return _read(record) if needs_study else record

        return await self.trail.traced(caller, request, work, lambda record: (record.subject,))

    async def get_manifest(
        self, caller: Caller, request: Request, identifier: str
    ) -> ImagingRecord:
        """Return the record of a FHIR manifest, its KOS read.

        Raises:
            NotFound: no such document for this caller.
            DocumentGone: replaced or withdrawn.
            What _read raises.
        """

        async def work() -> ImagingRecord:
            record = _read(await self._content(caller, identifier))
            if not record.is_derived:
                raise NotFound("no such manifest")
            return record

        return await self.trail.traced(caller, request, work, lambda record: (record.subject,))

    async def get_octets(
        self, caller: Caller, request: Request, identifier: str
    ) -> tuple[ImagingRecord, bytes]:
        """Return a document and its octets (ITI-68): those of a KOS, or of a report.

        Raises:
            NotFound: no such document for this caller, or it is another patient's.
            DocumentGone: replaced or withdrawn.
            DocumentAbsent, DocumentAltered, Unavailable, RejectedByPartner: listed, and not given,
                or not as it is listed.
        """

        async def work() -> tuple[ImagingRecord, bytes]:
            record = await self._content(caller, identifier)
            if record.is_derived:
                raise NotFound("a FHIR manifest is read as a Bundle")
            if not record.document.is_kos:
                return record, await self.service.retrieve_report(caller, record)
            study = _read(record).study
            return record, study.kos if study is not None else b""

        return await self.trail.traced(caller, request, work, lambda found: (found[0].subject,))

    async def _content(self, caller: Caller, identifier: str) -> ImagingRecord:
        record = await self._document(caller, identifier, needs_study=True)
        if self._is_gone(record):
            raise DocumentGone("the document was replaced or withdrawn")
        return record

    def _is_gone(self, record: ImagingRecord) -> bool:
        is_superseded = record.document.status is AvailabilityStatus.DEPRECATED
        is_withdrawn = record.document.status is AvailabilityStatus.DELETED
        return is_withdrawn or (is_superseded and not self.serves_superseded)

    async def _document(
        self, caller: Caller, identifier: str, *, needs_study: bool
    ) -> ImagingRecord:
        kos_id = kos_id_of(identifier)
        wanted = kos_id or identifier
        reads = Studies.IF_READABLE if needs_study else Studies.NOT_NEEDED
        types = IMAGING_TYPES if kos_id is None else (KOS_TYPE,)
        query = RecordQuery(documents=(wanted,), reads=reads, types=types)
        found = await self.service.find_records(caller, query)
        record = next((r for r in found.records if r.kos_id == wanted), None)
        if record is None:
            raise NotFound("no such document")
        return derived(record) if kos_id is not None else record

    async def get_patient(self, caller: Caller, request: Request, identifier: str) -> Subject:
        """Return one patient.

        Raises:
            NotFound: nobody this caller may know of.
        """

        async def work() -> Subject:
            found = await self.service.find_subjects(caller, (PatientKey(identifier),))
            if not found:
                raise NotFound("no such patient")
            return found[0]

        return await self.trail.traced(caller, request, work, lambda subject: (subject,))

    def may_include(self, caller: Caller, resource: str) -> bool:
        """Tell whether a resource may go along with matches: it could be read by itself."""
        try:
            check_right(caller, resource, Permission.READ)
        except Refused:
            return False
        return True


def _read(record: ImagingRecord) -> ImagingRecord:
    """Return the record of a KOS that could be read.

    Raises:
        NotFound: it names another patient, or is no KOS.
        DocumentAbsent, DocumentAltered, Unavailable, RejectedByPartner: the DMP lists it, and does
            not give it, or not as listed.
    """
    if record.failure is not None:
        raise told_of(record.failure)
    if record.study is None:
        raise NotFound("the document is no KOS")
    return record


def _named_patients(search: Search[Subject]) -> tuple[PatientKey, ...]:
    by_id = [PatientKey(key.value) for key in patient_keys(search.filters_of("_id")) or ()]
    return tuple(by_id) or patient_keys(search.filters_of("identifier")) or ()
