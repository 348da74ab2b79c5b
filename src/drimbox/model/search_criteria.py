"""What exams are looked for: the criteria of a contextual call, then those of the page's filters.

StudyDate: AAAAMMJJ, AAAAMMJJ-AAAAMMJJ, -AAAAMMJJ or AAAAMMJJ- (Tableau 1); both ends belong to it.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Self

from drimbox.errors import InvalidValue
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.patient import AssigningAuthority
from drimbox.model.uids import StudyInstanceUid

_DAY = re.compile(r"[0-9]{8}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class DateRange:
    """Days from first to last, both included; None where the range is open."""

    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise InvalidValue("StudyDate", "la première date ne peut suivre la seconde")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one day or a range.

        Raises:
            InvalidValue: any other text, or a day that no calendar has.
        """
        if "-" not in text:
            day = _parse_day(text)
            return cls(day, day)
        first, last = text.split("-", 1)
        if not first and not last:
            raise _not_a_date()
        return cls(
            _parse_day(first) if first else None,
            _parse_day(last) if last else None,
        )

    def contains(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True, repr=False)
class SearchCriteria:
    """Codes of the two value sets, days, an order's number; an empty one asks for every exam.

    study_instance_uid, when given, opens the viewer on that exam at once.
    """

    modalities: tuple[str, ...] = ()
    anatomic_regions: tuple[str, ...] = ()
    study_dates: DateRange | None = None
    accession_number: str | None = None
    accession_number_issuer: AssigningAuthority | None = None
    study_instance_uid: StudyInstanceUid | None = None

    def __post_init__(self) -> None:
        check_codes("Modality", self.modalities, frozenset(MODALITIES))
        check_codes("AnatomicRegion", self.anatomic_regions, frozenset(ANATOMIC_REGIONS))

    def __repr__(self) -> str:
        """Hide the numbers: they lead to a patient."""
        return "SearchCriteria()"

    @property
    def is_empty(self) -> bool:
        return self == EVERY_EXAM


def check_codes(parameter: str, codes: tuple[str, ...], value_set: frozenset[str]) -> None:
    """Let only codes of the value set through.

    Raises:
        InvalidValue: another code.
    """
    if not value_set.issuperset(codes):
        jdv = "618" if parameter == "Modality" else "695"
        raise InvalidValue(parameter, f"codes du JDV 1.2.250.1.213.1.1.5.{jdv}")


def _parse_day(text: str) -> date:
    if not _DAY.match(text):
        raise _not_a_date()
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise _not_a_date() from None


def _not_a_date() -> InvalidValue:
    return InvalidValue("StudyDate", "AAAAMMJJ, AAAAMMJJ-AAAAMMJJ, -AAAAMMJJ ou AAAAMMJJ-")


# After check_codes, which building it calls.
EVERY_EXAM = SearchCriteria()
