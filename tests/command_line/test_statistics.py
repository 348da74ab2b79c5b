"""`drimbox statistics`: days of the site, counts, and the columns of ModelStat."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.audit_events import made_up_event
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.administration import Administration
from drimbox.model.audit import AuditAction, AuditOutcome

pytestmark = pytest.mark.requirement("KPI")
PERIOD = ("--from", "2026-11-24", "--to", "2026-11-25")


def call(at: datetime, outcome: AuditOutcome = AuditOutcome.SUCCESS) -> object:
    return made_up_event(AuditAction.CONTEXTUAL_CALL, occurred_at=at, outcome=outcome)


@pytest.fixture
def box(source_box: SetUpBox) -> SetUpBox:
    """Four calls: one before midnight in Paris, two after, one of which failed; one too late."""
    events = [
        call(datetime(2026, 11, 24, 22, 59, tzinfo=UTC)),
        call(datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        call(datetime(2026, 11, 25, 9, 0, tzinfo=UTC), AuditOutcome.MINOR_FAILURE),
        call(datetime(2026, 11, 25, 23, 0, tzinfo=UTC)),
        made_up_event(
            AuditAction.IMAGES_SERVED, occurred_at=datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
        ),
    ]

    async def record(administration: Administration) -> None:
        for event in events:
            await administration.stores.audit.record(event)

    source_box.do(record)
    return source_box


def test_events_are_counted_by_the_days_of_the_site(box: SetUpBox) -> None:
    result = box.run("statistics", *PERIOD, "--json")
    assert result.exit_code == 0
    rows = [tuple(row.values()) for row in json.loads(result.stdout)]
    assert rows == [
        ("2026-11-24", "contextual-call", 1, 1, 0),
        ("2026-11-25", "contextual-call", 2, 1, 1),
        ("2026-11-25", "images-served", 1, 1, 0),
    ]


def test_model_stat_has_a_line_for_each_call_with_its_outcome(
    box: SetUpBox, tmp_path: Path
) -> None:
    file = tmp_path / "ModelStat.csv"
    assert box.run("statistics", *PERIOD, "--model-stat", str(file)).exit_code == 0
    assert file.read_text(encoding="utf-8-sig").splitlines() == [
        "Date_Appel;Nombre_Appel;Statut_Appel",
        "24/11/2026 23:59:00;1;succes",
        "25/11/2026 00:00:00;1;succes",
        "25/11/2026 10:00:00;1;erreur",
    ]


def test_nothing_that_happened_is_no_fault(source_box: SetUpBox) -> None:
    result = source_box.run("statistics", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_a_period_that_ends_before_it_begins_is_misuse(source_box: SetUpBox) -> None:
    assert source_box.run("statistics", "--from", "2026-11-25", "--to", "2026-11-24").exit_code == 2
