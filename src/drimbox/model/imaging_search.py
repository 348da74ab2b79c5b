"""What is asked of a function of the box before FHIR's own semantics are applied to its answer.

The widest safe question: whose exams, which of them by identifier, in which state. Everything else
is decided on the records themselves.
"""

from dataclasses import dataclass
from enum import Enum

from drimbox.model.clinical_document import DocumentKind
from drimbox.model.document_entry import KOS_TYPE, AvailabilityStatus, DocumentQuery
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.practice import Code
from drimbox.model.prior_study import UnreadableStudy
from drimbox.model.uids import StudyInstanceUid

IMAGING_REPORT_TYPE = DocumentKind.IMAGING_REPORT.value
IMAGING_TYPES = (KOS_TYPE, IMAGING_REPORT_TYPE)
"""What is shown as DocumentReference: the KOS of exams, and the reports on them."""


@dataclass(frozen=True, slots=True)
class PatientKey:
    """A patient as a caller names one: by logical id, or by an identifier (system None for any)."""

    logical_id: str | None = None
    system: str | None = None
    value: str | None = None

    def __repr__(self) -> str:
        return "PatientKey()"


_NOT_NARROWED = DocumentQuery("")


class Studies(Enum):
    """Whether the KOS themselves are to be read, beside their metadata."""

    NOT_NEEDED = "not-needed"
    IF_READABLE = "if-readable"
    REQUIRED = "required"  # one record a study: its newest KOS that could be read


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """None: no criterion; an empty tuple: nothing can answer.

    documents are logical ids (ImagingRecord.kos_id); with them the status is no criterion.
    has_manifests: the FHIR manifests made of the KOS are looked for beside them. has_relations: by
    what they replace, too, which of others is told where it is known; brings_relations: what the
    documents told of replaced goes along. types are those of the
    documents looked for: only a KOS is read as a study. narrowed_by is
    what a registry can apply by itself; its patient, types and states count for nothing.
    """

    patients: tuple[PatientKey, ...] | None = None
    studies: tuple[StudyInstanceUid, ...] | None = None
    documents: tuple[str, ...] | None = None
    statuses: frozenset[AvailabilityStatus] = frozenset({AvailabilityStatus.APPROVED})
    reads: Studies = Studies.REQUIRED
    has_manifests: bool = False
    has_relations: bool = False
    brings_relations: bool = False
    types: tuple[Code, ...] = (KOS_TYPE,)
    narrowed_by: DocumentQuery = _NOT_NARROWED


class Notice(Enum):
    """What a caller must know beside the records; the value is our stable code."""

    KOS_UNREADABLE = "kos-unreadable"
    KOS_ABSENT = "document-absent"
    LIST_PARTIAL = "list-partial"
    NO_DMP = "dmp-absent"
    DMP_CLOSED = "dmp-closed"
    TOO_MANY = "too-many"
    NOT_COUNTED = "not-counted"
    PATIENT_NOT_NAMED = "patient-not-named"


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """Records in no particular order; unreadable are the KOS that none was made of."""

    records: tuple[ImagingRecord, ...]
    notices: tuple[Notice, ...] = ()
    unreadable: tuple[UnreadableStudy, ...] = ()
