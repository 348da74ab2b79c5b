"""What the DMP tells of a patient's exams: one KOS and its metadata an exam."""

from dataclasses import dataclass, field
from datetime import date

from drimbox.errors import DrimboxError, Mismatch, NotFound
from drimbox.model.document_entry import DocumentEntry, ReferenceIdKind
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES, REGION_CODE_SYSTEM
from drimbox.model.manifest import Manifest
from drimbox.model.practice import Code
from drimbox.model.search_criteria import SearchCriteria
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid


@dataclass(frozen=True, slots=True)
class PriorStudy:
    """One exam: what its KOS says, the DMP's metadata of that KOS, and the KOS itself.

    written keeps what is made of it again and again, by what that depends on beside it.
    """

    manifest: Manifest
    document: DocumentEntry
    kos: bytes
    written: dict[object, bytes] = field(default_factory=dict, compare=False)

    def __repr__(self) -> str:
        return f"PriorStudy({self.document.unique_id})"

    @property
    def study_instance_uid(self) -> StudyInstanceUid:
        return self.manifest.study_instance_uid

    @property
    def kos_sop_instance_uid(self) -> SopInstanceUid:
        return self.manifest.sop_instance_uid

    @property
    def study_date(self) -> date | None:
        """The day of the exam: the KOS's word, else the metadata's (start of the act)."""
        if self.manifest.study_date is not None:
            return self.manifest.study_date
        start = self.document.service_start_time
        return start.date() if start is not None else None

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities of the series, and those of the metadata, each once."""
        published = (c.value for c in self.document.event_codes if c.value in MODALITIES)
        return tuple(dict.fromkeys((*self.manifest.modalities, *published)))

    @property
    def anatomic_regions(self) -> tuple[Code, ...]:
        """Regions of the metadata, each once."""
        regions = (c for c in self.document.event_codes if is_region(c))
        return tuple({code.value: code for code in regions}.values())

    @property
    def accession_numbers(self) -> tuple[str, ...]:
        """Numbers of the KOS and of the metadata, each once."""
        numbers = [
            reference.value
            for reference in self.document.reference_ids
            if reference.kind == ReferenceIdKind.ACCESSION.value
        ]
        order = self.manifest.order
        if order is not None and order.accession_number is not None:
            numbers.insert(0, order.accession_number.value)
        return tuple(dict.fromkeys(numbers))

    @property
    def title(self) -> str:
        """What the exam is called on screens: its description, else its act."""
        return self.manifest.study_description or self.manifest.act_display

    def matches(self, criteria: SearchCriteria) -> bool:
        """Tell whether the exam answers every criterion; an unknown date answers any range."""
        regions = {code.value for code in self.anatomic_regions}
        day = self.study_date
        return all(
            (
                not criteria.modalities or not set(criteria.modalities).isdisjoint(self.modalities),
                not criteria.anatomic_regions or not regions.isdisjoint(criteria.anatomic_regions),
                criteria.study_dates is None or day is None or criteria.study_dates.contains(day),
                criteria.accession_number is None
                or criteria.accession_number in self.accession_numbers,
            )
        )


@dataclass(frozen=True, slots=True)
class UnreadableStudy:
    """A KOS that the DMP lists and that is not shown as an exam, and what stood in the way.

    Mismatch: it names another patient.
    """

    document: DocumentEntry
    failure: DrimboxError

    def names(self, study_instance_uid: StudyInstanceUid) -> bool:
        """Tell whether its metadata say that it is of that study."""
        kind = ReferenceIdKind.STUDY_INSTANCE_UID.value
        return any(
            reference.kind == kind and reference.value == study_instance_uid
            for reference in self.document.reference_ids
        )


@dataclass(frozen=True, slots=True)
class PriorStudies:
    """Answer of a search: the exams, newest first, and what could not be read."""

    studies: tuple[PriorStudy, ...]
    unreadable: tuple[UnreadableStudy, ...] = ()


def told_of(failure: DrimboxError) -> DrimboxError:
    """Return what is raised for who names an unreadable document: another patient's is not there.

    A failure is kept for a moment and raised by many; each begins a traceback of its own.
    """
    if isinstance(failure, Mismatch):
        return NotFound("no such document")
    return failure.with_traceback(None)


def is_region(code: Code) -> bool:
    return code.system == REGION_CODE_SYSTEM or code.value in ANATOMIC_REGIONS
