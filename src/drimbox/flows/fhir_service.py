"""What the FHIR door asks of a function of the box, as flows.opened_study is for images.

Implemented by flows/source/register_records.py and flows/consumer/context_records.py.
"""

from dataclasses import dataclass
from typing import Protocol

from drimbox.errors import NotFound
from drimbox.model.access import Caller
from drimbox.model.document_list import FoundLists, ListQuery
from drimbox.model.imaging_record import ImagePlaces, ImagingRecord, Subject
from drimbox.model.imaging_search import FoundRecords, PatientKey, RecordQuery


class UnknownDomain(NotFound):
    """A patient is named by identifiers of domains that nobody here has (PDQm 3.78.4.1.3)."""


@dataclass(frozen=True, slots=True)
class WalkedRecords:
    """Records of some studies, each with the place of its study; next is None at the end."""

    records: tuple[tuple[int, ImagingRecord], ...]
    next: int | None


class FhirService(Protocol):
    """Every method checks first that this caller may see anything here."""

    async def find_records(self, caller: Caller, query: RecordQuery) -> FoundRecords:
        """Find at least what answers the query among what the caller may see.

        Raises:
            Refused, ConsentMissing: a right is missing.
            Unavailable, RejectedByPartner: the DMP gave no list.
        """

    async def walk_records(
        self, caller: Caller, query: RecordQuery, start: int | None, max_studies: int
    ) -> WalkedRecords | None:
        """Go through all that the caller may see, from a place on; raises as find_records.

        None where the query names whom or what it looks for, so that find_records has it all.
        """

    async def find_lists(self, caller: Caller, query: ListQuery) -> FoundLists:
        """Find at least the lists that answer the query, each with a document at least.

        Raises:
            As for find_records.
        """

    async def find_subjects(
        self, caller: Caller, patients: tuple[PatientKey, ...]
    ) -> tuple[Subject, ...]:
        """Find the patients that the keys name, among those the caller may see."""

    async def knows_domain(self, caller: Caller, system: str) -> bool:
        """Tell whether a patient here may have an identifier of this system, beside an INS."""

    async def retrieve_report(self, caller: Caller, record: ImagingRecord) -> bytes:
        """Bring the octets of a document found a moment ago that is no KOS.

        Raises:
            NotFound: it names another patient, or this function of the box keeps no reports;
                DocumentAbsent, where the DMP lists it and does not give it.
            DocumentAltered: it is not as listed, or cannot be read.
            Unavailable, RejectedByPartner: the DMP gives nothing now.
        """

    async def find_places(self, caller: Caller) -> ImagePlaces:
        """List where images come from, and where they are looked at."""
