"""R9: two boxes under a mixed load hold no more at its end than at its beginning, and no slower.

A minute here, eight hours with `scripts/test --long`, twenty minutes with `scripts/soak`: the same
code, with limits that can be told from noise in that time (tests/reliability/soak/verdict.py).
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from tests.reliability.soak.page import table
from tests.reliability.soak.soak import soak
from tests.reliability.soak.verdict import LONG, SHORT, judge

pytestmark = [pytest.mark.anyio, pytest.mark.system]
FORM = LONG if os.environ.get("DRIMBOX_TEST_LONG") else SHORT
REQUESTS_A_SECOND = 50


async def test_under_a_mixed_load_nothing_grows_slows_down_or_fails(tmp_path: Path) -> None:
    figures = await soak(FORM, tmp_path)
    rows = judge(figures, FORM)
    print(f"\n{table(rows)}")  # noqa: T201
    problems = Counter(f"{one.work}: {one.problem}" for one in figures.answers if one.problem)
    assert not [row for row in rows if not row.is_well], problems.most_common(5)
    assert len(figures.answers) >= REQUESTS_A_SECOND * FORM.seconds
    assert figures.reports_acknowledged >= FORM.seconds - 1
