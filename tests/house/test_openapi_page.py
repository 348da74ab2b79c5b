"""The page of the HTTP interfaces is made of the files, and asks no other host for anything."""

import re

from tests.house.openapi_page import FOLDER, PAGE, openapi_page


def test_the_page_is_the_one_that_the_files_make() -> None:
    committed = PAGE.read_text(encoding="utf-8")
    assert committed == openapi_page(), "run `python -m tests.house.openapi_page`, and commit"


def test_the_page_runs_no_script_and_loads_nothing_from_elsewhere() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "<script" not in page
    assert not re.findall(r'\s(?:style|on[a-z]+)="', page)
    loaded = re.findall(r'(?:href|src)="([^"#]+)"', page)
    assert loaded
    assert not [one for one in loaded if not (FOLDER / one).is_file()]
