"""docs/conformance.md says what the tests say, and tests name requirements that exist."""

from tests.house.conformance_page import PAGE, conformance_page, read_markers, read_requirements


def test_the_page_is_the_one_that_the_tests_make() -> None:
    written = PAGE.read_text(encoding="utf-8")
    assert written == conformance_page(), "run scripts/conformance and commit the page"


def test_every_marker_names_a_requirement() -> None:
    known = {one for row in read_requirements() for one in row.members}
    unknown = {
        identifier: sorted(shown.file.name for shown in tests)
        for identifier, tests in read_markers().items()
        if identifier not in known
    }
    assert not unknown


def test_no_requirement_is_listed_twice() -> None:
    members = [one for row in read_requirements() for one in row.members]
    assert len(members) == len(set(members))
