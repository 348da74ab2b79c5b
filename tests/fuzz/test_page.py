"""docs/fuzzing.md has a row for each family, and every row is of a whole run."""

import pytest
from tests.fuzz.families import FAMILIES
from tests.fuzz.page import NEVER, PAGE, fuzzing_page, read_rows, row_of

LOG = """
#1000000 DONE cov: 120 ft: 300
stat::slowest_input_ms: 3
stat::slowest_input_ms: 14
stat::number_of_executed_units: 1000003
stat::average_exec_per_sec:     2500
stat::new_units_added:          12
stat::slowest_unit_time_sec:    0
stat::peak_rss_mb:              156
"""


def test_the_page_lists_the_families_that_there_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == fuzzing_page(FAMILIES, read_rows(page)), "run python -m tests.fuzz.page"


def test_a_row_is_written_of_a_million_executions_or_more() -> None:
    rows = read_rows(PAGE.read_text(encoding="utf-8"))
    run = [row.split("|") for row in rows.values() if NEVER not in row]
    assert all(int(cells[4]) >= 1_000_000 for cells in run)
    assert all(int(cells[6]) <= 1000 for cells in run)


def test_a_run_becomes_a_row_and_leaves_the_others() -> None:
    row = row_of("mllp", LOG, "abc1234")
    assert row.startswith("| mllp | 20")
    assert row.endswith("| abc1234 | 1000003 | 2500 | 14 | 156 | nothing |\n")
    page = fuzzing_page(["mllp", "uid"], {"mllp": row})
    assert read_rows(page)["mllp"] == row
    assert NEVER in read_rows(page)["uid"]
    again = fuzzing_page(["uid", "mllp"], read_rows(page))
    assert read_rows(again) == read_rows(page)


def test_a_run_that_did_not_end_is_no_row() -> None:
    with pytest.raises(ValueError, match="number_of_executed_units"):
        row_of("mllp", LOG.partition("stat::number")[0], "abc1234")
