"""No two source files share thirty equal lines: what two places need has a name and one place."""

from collections import defaultdict

from tests.house.source_files import place, python_files

COPIED_LINES = 30


def test_no_two_source_files_share_a_passage() -> None:
    places = defaultdict(set)
    for path in python_files("src"):
        stripped = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
        lines = [line for line in stripped if line]
        for start in range(len(lines) - COPIED_LINES + 1):
            passage = hash(tuple(lines[start : start + COPIED_LINES]))
            places[passage].add(place(path))
    shared = {tuple(sorted(files)) for files in places.values() if len(files) > 1}
    assert not shared
