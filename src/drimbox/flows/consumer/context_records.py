"""The exams of a context's patient, for FHIR callers: of nobody else (SMART patient/ scopes)."""

from collections.abc import Iterable
from dataclasses import dataclass

from drimbox.errors import Refused
from drimbox.flows.consumer.consult_dmp import DmpNotReadable, DmpState
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.model.access import Caller, ConsultationContext
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry
from drimbox.model.imaging_record import OWN_IMAGES, ImageSource, ImagingRecord, Subject
from drimbox.model.imaging_search import FoundRecords, Notice, PatientKey, RecordQuery
from drimbox.model.prior_study import PriorStudy
from drimbox.model.search_criteria import EVERY_EXAM
from drimbox.standards.fhir.patient_reference import patient_id
from drimbox.standards.fhir.patient_search import is_named

_NOTICES = {DmpState.ABSENT: Notice.NO_DMP, DmpState.CLOSED: Notice.DMP_CLOSED}


@dataclass(frozen=True, slots=True)
class ContextRecords:
    """Implements flows.fhir_service.FhirService for the Consommatrice."""

    find_prior_studies: FindPriorStudies

    async def find_records(self, caller: Caller, query: RecordQuery) -> FoundRecords:
        """See FhirService; the DMP is asked for every exam, so that FHIR's rules decide here."""
        context = context_of(caller)
        await self.find_prior_studies.check_consent(context)
        subject = subject_of(context)
        if query.patients is not None and not is_named(subject, query.patients):
            return FoundRecords(())
        try:
            return await self._find(context, subject, query)
        except DmpNotReadable as error:
            if error.state not in _NOTICES:
                raise
            return FoundRecords((), (_NOTICES[error.state],))

    async def find_subjects(
        self, caller: Caller, patients: tuple[PatientKey, ...]
    ) -> tuple[Subject, ...]:
        context = context_of(caller)
        await self.find_prior_studies.check_consent(context)
        subject = subject_of(context)
        return (subject,) if is_named(subject, patients) else ()

    async def find_sources(self, caller: Caller) -> tuple[ImageSource, ...]:
        found = await self.find_records(caller, RecordQuery())
        sources = [source for r in found.records for source in r.image_sources]
        return tuple(dict.fromkeys((OWN_IMAGES, *sources)))

    async def _find(
        self, context: ConsultationContext, subject: Subject, query: RecordQuery
    ) -> FoundRecords:
        records: list[ImagingRecord] = []
        notices: tuple[Notice, ...] = ()
        if query.documents is not None or AvailabilityStatus.APPROVED in query.statuses:
            found = await self.find_prior_studies(context, EVERY_EXAM)
            records = [_record(subject, study.document, study) for study in found.studies]
            records += [_record(subject, one.document) for one in found.unreadable]
            notices = (Notice.KOS_UNREADABLE,) if found.unreadable else ()
        if self._needs_superseded(query, records):
            entries = await self.find_prior_studies.find_superseded(context)
            records += [_record(subject, entry) for entry in entries]
        return FoundRecords(tuple(records), notices)

    def _needs_superseded(self, query: RecordQuery, records: Iterable[ImagingRecord]) -> bool:
        if query.documents is None:
            return AvailabilityStatus.DEPRECATED in query.statuses
        return not set(query.documents) <= {record.document_id for record in records}


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


def _record(
    subject: Subject, document: DocumentEntry, study: PriorStudy | None = None
) -> ImagingRecord:
    return ImagingRecord(subject, document, document.creation_time, study)
