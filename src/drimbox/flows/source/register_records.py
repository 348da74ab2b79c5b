"""What this Source has published, for FHIR clients of the site: the register, as in the DMP."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from drimbox.errors import InvalidValue, NotFound, Refused
from drimbox.flows.fhir_service import WalkedRecords
from drimbox.flows.source.submitted_lots import SubmittedLots
from drimbox.model.access import Caller, CallerKind
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry, SubmissionSet
from drimbox.model.document_list import DocumentList, FoundLists, ListQuery
from drimbox.model.imaging_record import (
    OWN_IMAGES,
    ImagePlaces,
    ImageSource,
    ImagingRecord,
    Subject,
    one_a_study,
)
from drimbox.model.imaging_search import FoundRecords, Notice, PatientKey, RecordQuery, Studies
from drimbox.model.patient import Ins, InsAuthority
from drimbox.model.prior_study import PriorStudy
from drimbox.model.publication import Publication, PublicationState
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid
from drimbox.ports.study_register import StudyRegister
from drimbox.standards.fhir.code_systems import OID_PREFIX
from drimbox.standards.fhir.patient_ids import PatientIds
from drimbox.standards.fhir.patient_search import has_identifier_of, is_named

# More than any patient has; who asks for more in an order of its own must narrow the search.
MAX_PUBLICATIONS = 500
_STATUSES = {
    PublicationState.PENDING: AvailabilityStatus.APPROVED,
    PublicationState.PUBLISHED: AvailabilityStatus.APPROVED,
    PublicationState.REPLACED: AvailabilityStatus.DEPRECATED,
    PublicationState.WITHDRAWN: AvailabilityStatus.DELETED,
}
_EVER_IN_THE_DMP = (
    PublicationState.PUBLISHED,
    PublicationState.REPLACED,
    PublicationState.WITHDRAWN,
)
_LISTED = {
    PublicationState.PUBLISHED: AvailabilityStatus.APPROVED,
    PublicationState.REPLACED: AvailabilityStatus.DEPRECATED,
}


@dataclass(frozen=True, slots=True)
class RegisterRecords:
    """Implements flows.fhir_service.FhirService for the Source.

    sources are what the box writes in its KOS; max_publications are read at once.
    """

    register: StudyRegister
    patient_ids: PatientIds
    sources: tuple[ImageSource, ...] = (OWN_IMAGES,)
    lots: SubmittedLots = field(default_factory=SubmittedLots)
    max_publications: int = MAX_PUBLICATIONS

    async def find_records(self, caller: Caller, query: RecordQuery) -> FoundRecords:
        """See FhirService; without patient nor identifier the newest publications only."""
        _check_system(caller)
        publications, is_partial = await self._publications(query)
        records = await self._told(query, publications)
        return FoundRecords(tuple(records), (Notice.TOO_MANY,) if is_partial else ())

    async def walk_records(
        self, caller: Caller, query: RecordQuery, start: int | None, max_studies: int
    ) -> WalkedRecords | None:
        """See FhirService: the places are those of the register."""
        _check_system(caller)
        names_patients = query.patients is not None and all(map(self._ins_of, query.patients))
        if query.documents is not None or query.studies is not None or names_patients:
            return None
        states = _states(query)
        if not states:
            return WalkedRecords((), None)
        walk = await self.register.walk_studies(start=start, limit=max_studies, states=states)
        places = {str(p.publication.kos_sop_instance_uid): p.place for p in walk.publications}
        told = await self._told(query, [one.publication for one in walk.publications])
        records = tuple((places[record.document.unique_id], record) for record in told)
        return WalkedRecords(records, walk.next)

    async def find_lists(self, caller: Caller, query: ListQuery) -> FoundLists:
        """See FhirService: the lots that carried the KOS, each by the id of its KOS.

        A lot is never replaced: its KOS is.
        """
        _check_system(caller)
        if query.lists is None and AvailabilityStatus.APPROVED not in query.statuses:
            return FoundLists(())
        publications, is_partial = await self._publications(
            RecordQuery(
                patients=query.patients,
                documents=query.lists,
                statuses=frozenset(_LISTED.values()),
                reads=Studies.NOT_NEEDED,
            )
        )
        lists = (
            DocumentList(record.subject, record.kos_id, submission_set, (record,))
            for record, submission_set in await self._read(publications)
        )
        return FoundLists(tuple(lists), (Notice.TOO_MANY,) if is_partial else ())

    async def find_subjects(
        self, caller: Caller, patients: tuple[PatientKey, ...]
    ) -> tuple[Subject, ...]:
        found = await self.find_records(caller, RecordQuery(patients=patients))
        subjects = {record.subject.identifier: record.subject for record in found.records}
        return tuple(s for s in subjects.values() if is_named(s, patients))

    async def knows_domain(self, caller: Caller, system: str) -> bool:
        """See FhirService: told by the newest publications, as an IPP is looked for."""
        found = await self.find_records(caller, RecordQuery())
        return any(has_identifier_of(record.subject, system) for record in found.records)

    async def retrieve_report(self, caller: Caller, record: ImagingRecord) -> bytes:
        """See FhirService: reports are published by who wrote them, the register has only KOS."""
        del caller, record
        raise NotFound("a Source keeps no reports")

    async def find_places(self, caller: Caller) -> ImagePlaces:
        """See FhirService: nobody looks at images at a Source."""
        _check_system(caller)
        return ImagePlaces(self.sources)

    async def _told(
        self, query: RecordQuery, publications: Sequence[Publication]
    ) -> list[ImagingRecord]:
        """Return the records of publications, in their order, in the form that is asked for."""
        records = [record for record, _ in await self._read(publications)]
        if query.reads is Studies.REQUIRED:
            return one_a_study(records)
        if _asks_for_relations(query, records):
            return await self._with_replaced(records)
        return records

    async def _publications(self, query: RecordQuery) -> tuple[list[Publication], bool]:
        """Ask by what the register has indexes for; tell whether there may be more."""
        if query.documents is not None:
            found = [await self._by_kos(identifier) for identifier in query.documents]
            return [p for p in found if p is not None], False
        states = _states(query)
        if not states:
            return [], False
        if query.studies is not None:
            return await self._of_studies(query.studies, states), False
        if query.patients is not None:
            known = [self._ins_of(key) for key in query.patients]
            if all(known):
                patients = [ins for one in known for ins in one]
                return await self._of_patients(patients, states), False
        newest = await self.register.find_published(limit=self.max_publications + 1, states=states)
        return list(newest[: self.max_publications]), len(newest) > self.max_publications

    async def _with_replaced(self, records: Sequence[ImagingRecord]) -> list[ImagingRecord]:
        """Tell of each KOS which one it replaced: that of its study before it, unless withdrawn."""
        studies = {r.study.study_instance_uid for r in records if r.study is not None}
        known = await self.register.find_published(studies=studies, states=_EVER_IN_THE_DMP)
        replaced: dict[str, str] = {}
        newer: dict[StudyInstanceUid, Publication] = {}
        for publication in known:
            after = newer.get(publication.study_instance_uid)
            if after is not None and publication.state is PublicationState.REPLACED:
                replaced[after.kos_sop_instance_uid] = publication.kos_sop_instance_uid
            newer[publication.study_instance_uid] = publication
        ids = {r.document.unique_id: r.kos_id for r in records}
        return [
            replace(r, replaces=(ids.get(old, old),)) if old is not None else r
            for r in records
            for old in (replaced.get(r.document.unique_id),)
        ]

    async def _of_studies(
        self, studies: Collection[StudyInstanceUid], states: Collection[PublicationState]
    ) -> list[Publication]:
        """Return the KOS in force of each, waiting for the DMP or not, and those replaced."""
        found = [await self.register.find_current(uid) for uid in studies]
        publications = [p for p in found if p is not None and PublicationState.PUBLISHED in states]
        if PublicationState.REPLACED in states:
            publications += await self.register.find_published(
                studies=studies, states=(PublicationState.REPLACED,)
            )
        return publications

    async def _of_patients(
        self, patients: Iterable[Ins], states: Collection[PublicationState]
    ) -> list[Publication]:
        publications: list[Publication] = []
        for ins in patients:
            publications += await self.register.find_published(
                ins.xds_patient_id, limit=self.max_publications, states=states
            )
        return publications

    async def _by_kos(self, identifier: str) -> Publication | None:
        try:
            return await self.register.find_by_kos(SopInstanceUid(identifier))
        except InvalidValue:
            return None

    def _ins_of(self, key: PatientKey) -> tuple[Ins, ...]:
        """Return the INS that a key can be; none where it is another identifier (an IPP)."""
        if key.logical_id is not None:
            try:
                return (self.patient_ids.open(key.logical_id),)
            except NotFound:
                return ()
        authorities = [a for a in InsAuthority if key.system in {None, OID_PREFIX + a.value}]
        found = []
        for authority in authorities:
            try:
                found.append(Ins(key.value or "", authority))
            except InvalidValue:
                continue
        return tuple(found)

    async def _read(
        self, publications: Sequence[Publication]
    ) -> list[tuple[ImagingRecord, SubmissionSet]]:
        """Return each record with its lot; a KOS without a qualified patient is never published."""
        told = [p for p in publications if p.manifest.patient is not None and p.state in _STATUSES]
        lots = await self.lots.read(told)
        found = ((p, lots.get(p.kos_sop_instance_uid)) for p in told)
        return [(self._record(p, lot.entry), lot.submission_set) for p, lot in found if lot]

    def _record(self, publication: Publication, entry: DocumentEntry) -> ImagingRecord:
        traits = publication.manifest.patient
        assert traits is not None  # noqa: S101  # _read has looked
        document = replace(entry, status=_STATUSES[publication.state])
        return ImagingRecord(
            Subject(self.patient_ids.seal(traits.ins), traits, entry.source_patient_id),
            document,
            publication.published_at or publication.created_at,
            PriorStudy(publication.manifest, document, publication.kos),
        )


def _asks_for_relations(query: RecordQuery, records: Iterable[ImagingRecord]) -> bool:
    """Tell whether to look for what was replaced: the same rule as at the Consommatrice."""
    if query.has_relations or query.documents is not None:
        return True
    return any(r.document.status is AvailabilityStatus.DEPRECATED for r in records)


def _states(query: RecordQuery) -> tuple[PublicationState, ...]:
    """Return what is listed; whether a study is cancelled, only its KOS in force tells."""
    states = [state for state, status in _LISTED.items() if status in query.statuses]
    if query.reads is Studies.REQUIRED and PublicationState.REPLACED in states:
        return tuple(_LISTED)
    return tuple(states)


def _check_system(caller: Caller) -> None:
    if caller.kind is not CallerKind.SYSTEM:
        raise Refused("a professional comes to the Source through the Consommatrice")
