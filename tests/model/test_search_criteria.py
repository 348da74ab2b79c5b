"""Dates and codes that exams are looked for by."""

from datetime import date

import pytest

from drimbox.errors import InvalidValue
from drimbox.model.search_criteria import EVERY_EXAM, DateRange, SearchCriteria


@pytest.mark.parametrize(
    ("text", "day", "inside"),
    [
        ("20220910", date(2022, 9, 10), True),
        ("20220910", date(2022, 9, 11), False),
        ("20220910-20220912", date(2022, 9, 12), True),
        ("-20220910", date(1900, 1, 1), True),
        ("-20220910", date(2022, 9, 11), False),
        ("20220910-", date(2100, 1, 1), True),
        ("20220910-", date(2022, 9, 9), False),
    ],
)
def test_both_ends_belong_to_a_range(text: str, day: date, inside: bool) -> None:
    assert DateRange.parse(text).contains(day) is inside


@pytest.mark.parametrize("text", ["", "-", "2022", "20220931", "20220910-2022", "--", "²0220910"])
def test_no_range_is_made_of_anything_else(text: str) -> None:
    with pytest.raises(InvalidValue):
        DateRange.parse(text)


def test_criteria_of_no_value_set_cannot_exist() -> None:
    with pytest.raises(InvalidValue):
        SearchCriteria(modalities=("XX",))
    with pytest.raises(InvalidValue):
        SearchCriteria(anatomic_regions=("CT",))


def test_the_empty_criteria_ask_for_every_exam() -> None:
    assert EVERY_EXAM.is_empty
    assert not SearchCriteria(modalities=("CT",)).is_empty


def test_a_repr_tells_no_number() -> None:
    assert "123" not in repr(SearchCriteria(accession_number="123"))
