"""docs/soak.md: the last soak of twenty minutes or more, and what it measured."""

import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.reliability.soak.figures import Figures
from tests.reliability.soak.verdict import Form, Row

PAGE = Path(__file__).resolve().parents[3] / "docs" / "soak.md"
_HEAD = """# Soak

Written by `scripts/soak`; do not edit. Two boxes of a demo under a mixed load (R9): some 50
requests a second to their doors, a study into the PACS and its report to the Source each second, a
whole study through both boxes every ten. Memory is resident, by the line that fits best after
warming up; descriptors and threads at rest, before and after; the event loop by
`drimbox_event_loop_held_seconds`. Clients, PACS and the national services share the machine.
What a shorter form cannot tell from noise is in
`tests/reliability/soak/verdict.py`; the stated numbers are those of the long form.
"""


def soak_page(form: Form, figures: Figures, rows: Sequence[Row], machine: Mapping[str, str]) -> str:
    """Return the page of one run."""
    facts = {
        "Run": f"{datetime.now(UTC):%Y-%m-%d}, on {_commit()}",
        "Form": f"{form.name}, {form.seconds:.0f} s, after {form.warm_up_seconds:.0f} s warm",
        "Load": f"{len(figures.answers)} answers, {figures.reports_acknowledged} reports",
        **machine,
    }
    told = "".join(f"- {name}: {value}\n" for name, value in facts.items())
    return f"{_HEAD}\n{told}\n{table(rows)}"


def table(rows: Sequence[Row]) -> str:
    lines = ["| figure | unit | measured | at most | holds |", "|---|---|---:|---:|---|"]
    lines += [
        f"| {row.what} | {row.unit} | {row.measured:.3g} | {row.most:.3g} |"
        f" {'yes' if row.is_well else '**no**'} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=PAGE.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "an unknown commit"
