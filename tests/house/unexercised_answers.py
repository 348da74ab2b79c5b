"""Which published answers no test gave: run it on the file that DRIMBOX_ANSWERS_FILE named.

    DRIMBOX_ANSWERS_FILE=answers .venv/bin/python -m pytest tests/entrypoints tests/gateway
    .venv/bin/python -m tests.house.unexercised_answers answers

tests/fakes/published_answers.py writes that file, and fails the test that is given an answer which
is not published.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from tests.fakes.published_answers import operations


def unexercised(lines: Iterable[str]) -> list[str]:
    """Return each published answer that no line tells, as `method path status`."""
    given = set(lines)
    every = {
        f"{one.method} {one.path} {status}"
        for one in operations()
        for status in one.statuses - {"default"}
    }
    return sorted(every - given)


if __name__ == "__main__":
    told = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    sys.stdout.write("".join(f"{missing}\n" for missing in unexercised(told)))
