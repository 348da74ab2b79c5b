"""A search that names nobody, page by page through the whole register.

The order is the register's: the study first known last comes first, and a study keeps its place
when its KOS is replaced. So nothing that arrives between two pages moves what is still to come:
each study is told once, as it is when its page is read. A page reads a bounded part of the
register; where few records pass the filters it is short, or empty, and its `next` goes on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drimbox.flows.fhir_service import FhirService, WalkedRecords
from drimbox.model.access import Caller
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.imaging_search import Notice, RecordQuery
from drimbox.standards.fhir.derived_manifest import derived
from drimbox.standards.fhir.search import Search, Summary
from drimbox.standards.fhir.search_page import BEGINNING, Page, Position, accepts, logical_id

MAX_STUDIES = 500
"""Read for one page."""

# As many times that many are gone through for a total that was asked for.
_COUNTED = 10
# A register that is no larger is told with its total at once.
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class WalkedPage:
    """known are all the records that were read for the page."""

    page: Page[ImagingRecord]
    known: tuple[ImagingRecord, ...]
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordWalk:
    """One search on its way through what its caller may see; max_studies are read for a page."""

    service: FhirService
    caller: Caller
    query: RecordQuery
    search: Search[ImagingRecord]
    max_studies: int = MAX_STUDIES

    async def page(self, position: Position) -> WalkedPage | None:
        """Return the page of a position; None where find_records has it all.

        Raises:
            As FhirService.find_records.
        """
        matches: list[tuple[int, ImagingRecord]] = []
        known: list[ImagingRecord] = []
        start, left = position.place, self.max_studies
        wanted = self.search.count + 1
        while left > 0 and len(matches) < wanted:
            window = min(left, max(_AT_ONCE, wanted + 1))
            found = await self._read(start, window)
            if found is None:
                return None
            records = self._not_shown(self._records(found), position)
            known += [record for _, record in records]
            matches += [(place, r) for place, r in records if accepts(self.search, r)]
            start, left = found.next, left - window
            if start is None:
                break
        is_whole = start is None and position == BEGINNING
        total = len(matches) if is_whole else await self._total()
        shown = tuple(record for _, record in matches[: self.search.count])
        following = self._following(position, matches, start)
        notices = (Notice.NOT_COUNTED,) if total is None and self._is_counted else ()
        return WalkedPage(Page(total, shown, following), tuple(known), notices)

    @property
    def _is_counted(self) -> bool:
        return self.search.is_total_asked or self.search.summary is Summary.COUNT

    async def _total(self) -> int | None:
        """Count all matches, where that is asked for and no endless work."""
        if not self._is_counted:
            return None
        total, start = 0, None
        for _ in range(_COUNTED):
            found = await self._read(start, self.max_studies)
            if found is None:
                return None
            total += sum(accepts(self.search, record) for _, record in self._records(found))
            start = found.next
            if start is None:
                return total
        return None

    async def _read(self, start: int | None, max_studies: int) -> WalkedRecords | None:
        return await self.service.walk_records(self.caller, self.query, start, max_studies)

    def _records(self, found: WalkedRecords) -> Iterator[tuple[int, ImagingRecord]]:
        for place, record in found.records:
            yield place, record
            if self.query.has_manifests and record.document.is_kos:
                yield place, derived(record)

    def _not_shown(
        self, records: Iterator[tuple[int, ImagingRecord]], position: Position
    ) -> list[tuple[int, ImagingRecord]]:
        """Leave out what the page before showed of the study that it ended with."""
        if not position.after:
            return list(records)
        read = list(records)
        same = [self._id(record) for place, record in read if place == position.place]
        # What was shown last and is no longer listed: its study was told.
        shown = same.index(position.after) + 1 if position.after in same else len(same)
        return read[shown:]

    def _following(
        self, position: Position, matches: list[tuple[int, ImagingRecord]], start: int | None
    ) -> Position | None:
        count = self.search.count
        if count and len(matches) > count:
            place, last = matches[count - 1]
            return Position(position.offset + count, self._id(last), place)
        return None if start is None else Position(position.offset + len(matches), "", start)

    def _id(self, record: ImagingRecord) -> str:
        return logical_id(self.search, record)
