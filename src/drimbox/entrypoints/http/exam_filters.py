"""The filters of the consultation page, as its address holds them (CO.55).

    ?modality=CT&modality=MR&region=67734004&from=2026-01-31&to=2026-11-24

Codes and days lead to nobody; numbers that do (accession number) stay with the context, never in an
address. Without `filtered` the criteria of the call hold.
"""

from datetime import date

from starlette.datastructures import QueryParams

from drimbox.errors import InvalidValue
from drimbox.model.search_criteria import DateRange, SearchCriteria

FILTERED = "filtered"


def parse_filters(query: QueryParams, of_the_call: SearchCriteria) -> SearchCriteria:
    """Return the criteria to search by.

    Raises:
        InvalidValue: a code that is in no value set, or a day that no calendar has.
    """
    if FILTERED not in query:
        return of_the_call
    first, last = _day(query.get("from")), _day(query.get("to"))
    keeps_number = "accession" in query
    return SearchCriteria(
        modalities=tuple(dict.fromkeys(query.getlist("modality"))),
        anatomic_regions=tuple(dict.fromkeys(query.getlist("region"))),
        study_dates=DateRange(first, last) if first or last else None,
        accession_number=of_the_call.accession_number if keeps_number else None,
        accession_number_issuer=of_the_call.accession_number_issuer if keeps_number else None,
    )


def _day(text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValue("date", "AAAA-MM-JJ") from None
