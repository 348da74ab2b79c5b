"""docs/fuzzing.md: the last whole run of each family; `scripts/fuzz` adds a row when one is over.

python -m tests.fuzz.page FAMILY LOG COMMIT    what libFuzzer printed at the end, into the page
python -m tests.fuzz.page                      the page of the families that there are now
"""

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fuzzing.md"
NEVER = "not run yet"
_HEAD = """# Fuzzing

Written by `scripts/fuzz`; do not edit. Each family is one reader of what others send, driven by
atheris (coverage-guided, libFuzzer) in one process at the lowest priority: a million executions or
more (R8). A run fails on an exception that is none of ours, an answer of 5xx, an input that takes
more than a second of processor time, or a growth of more than 64 MiB. What a run found was mended,
with a test of that input, before the row of the next run was written. `tests/fuzz/families.py`
names what each family reads; in CI mutations of the same inputs go through the same readers.

| family | day | commit | executions | a second | slowest input, ms | peak memory, MiB | found |
|---|---|---|---:|---:|---:|---:|---|
"""
_FIGURES = (
    "number_of_executed_units",
    "average_exec_per_sec",
    "slowest_input_ms",
    "peak_rss_mb",
)


def fuzzing_page(names: Iterable[str], rows: Mapping[str, str]) -> str:
    """Return the page with a row for each of these families."""
    return _HEAD + "".join(rows.get(name, f"| {name} | {NEVER} |||||||\n") for name in names)


def read_rows(page: str) -> Mapping[str, str]:
    """Return the rows of a page, by family."""
    rows = re.findall(r"^\| (\S+) \| (?:\d{4}-|not run).*\n", page, re.MULTILINE)
    lines = page.splitlines(keepends=True)
    return {name: next(one for one in lines if one.startswith(f"| {name} |")) for name in rows}


def row_of(name: str, log: str, commit: str) -> str:
    """Return the row of a run that found nothing, from what it printed.

    Raises:
        ValueError: the run did not come to its end.
    """
    told = dict(re.findall(r"^stat::(\w+): *(\d+)", log, re.MULTILINE))
    missing = [figure for figure in _FIGURES if figure not in told]
    if missing:
        raise ValueError(f"{name}: the log lacks {', '.join(missing)}")
    figures = " | ".join(told[figure] for figure in _FIGURES)
    return f"| {name} | {datetime.now(UTC):%Y-%m-%d} | {commit} | {figures} | nothing |\n"


def main() -> None:
    from tests.fuzz.families import FAMILIES

    rows = dict(read_rows(PAGE.read_text(encoding="utf-8"))) if PAGE.exists() else {}
    if len(sys.argv) > 1:
        name, log, commit = sys.argv[1:]
        rows[name] = row_of(name, Path(log).read_text("utf-8", errors="replace"), commit)
    PAGE.write_text(fuzzing_page(FAMILIES, rows), encoding="utf-8")


if __name__ == "__main__":
    main()
