"""A submission set as FHIR callers see one: a list of the imaging documents submitted together."""

from dataclasses import dataclass

from drimbox.model.document_entry import AvailabilityStatus, SetQuery, SubmissionSet
from drimbox.model.imaging_record import ImagingRecord, Subject
from drimbox.model.imaging_search import Notice, PatientKey

_NOT_NARROWED = SetQuery("")


@dataclass(frozen=True, slots=True)
class DocumentList:
    """identifier is the logical id; documents are those that are shown as DocumentReference.

    entry_uuid (`urn:uuid:...`) is None where no registry has told it.
    """

    subject: Subject
    identifier: str
    submission_set: SubmissionSet
    documents: tuple[ImagingRecord, ...]
    entry_uuid: str | None = None
    status: AvailabilityStatus = AvailabilityStatus.APPROVED

    def __repr__(self) -> str:
        return f"DocumentList({self.submission_set.unique_id})"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """The widest question for lists; None: no criterion, an empty tuple: nothing can answer.

    lists are logical ids; with them the status is no criterion. narrowed_by is what a registry can
    apply by itself; its patient and states count for nothing.
    """

    patients: tuple[PatientKey, ...] | None = None
    lists: tuple[str, ...] | None = None
    statuses: frozenset[AvailabilityStatus] = frozenset({AvailabilityStatus.APPROVED})
    narrowed_by: SetQuery = _NOT_NARROWED


@dataclass(frozen=True, slots=True)
class FoundLists:
    """Lists in no particular order."""

    lists: tuple[DocumentList, ...]
    notices: tuple[Notice, ...] = ()
