"""`drimbox audit`: events found and told, the search recorded, a touched trail found wrong."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from tests.fakes.audit_events import KOS, LEA, NOON, PATIENT, made_up_event
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.administration import Administration
from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditSearch

SERVED = made_up_event(AuditAction.IMAGES_SERVED)
OTHER = made_up_event(
    AuditAction.REPORT_RECEIVED, occurred_at=NOON + timedelta(minutes=2), patient_id="other"
)


@pytest.fixture
def box(source_box: SetUpBox) -> SetUpBox:
    async def record(administration: Administration) -> None:
        for event in (SERVED, OTHER):
            await administration.stores.audit.record(event)

    source_box.do(record)
    return source_box


@pytest.mark.requirement("CS.10")
@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        pytest.param([], ["report-received", "images-served"], id="all, newest first"),
        pytest.param(["--patient", PATIENT], ["images-served"], id="of a patient"),
        pytest.param(["--user", LEA], ["images-served"], id="of a professional"),
        pytest.param(["--document", KOS], ["images-served"], id="of a document"),
        pytest.param(["--action", "report-received"], ["report-received"], id="of an action"),
        pytest.param(["--since", "2026-11-24T12:01:00+0000"], ["report-received"], id="since"),
        pytest.param(["--until", "2026-11-24T12:01:00+0000"], ["images-served"], id="until"),
        pytest.param(["--limit", "1"], ["report-received"], id="so many"),
    ],
)
def test_events_are_found_by_their_criteria(
    box: SetUpBox, criteria: list[str], found: list[str]
) -> None:
    result = box.run("audit", "search", "--json", *criteria)
    assert result.exit_code == 0
    assert [row["action"] for row in json.loads(result.stdout)] == found


def test_a_patient_may_be_named_on_standard_input(box: SetUpBox) -> None:
    result = box.run("audit", "search", "--patient", "-", "--json", stdin=f"{PATIENT}\n")
    assert [row["patient_id"] for row in json.loads(result.stdout)] == [PATIENT]


@pytest.mark.requirement("CS.10")
def test_a_search_is_recorded_with_who_made_it_and_about_whom(
    box: SetUpBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "admin.durand")
    box.run("audit", "search", "--patient", PATIENT)
    wanted = AuditSearch(actions=(AuditAction.AUDIT_SEARCHED,))
    (event,) = box.do(lambda opened: opened.stores.audit.find(wanted))
    assert (event.user, event.patient_id, event.description) == (
        "admin.durand",
        PATIENT,
        "1 events",
    )


def test_the_table_tells_no_patient(box: SetUpBox) -> None:
    result = box.run("audit", "search")
    assert "images-served" in result.stdout
    assert PATIENT.partition("^")[0] not in result.stdout


@pytest.mark.requirement("CS.08")
def test_a_whole_trail_is_counted(box: SetUpBox) -> None:
    result = box.run("audit", "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"events": 2, "is_whole": True})


@pytest.mark.requirement("CS.08")
@pytest.mark.parametrize(
    "touch",
    [
        pytest.param("UPDATE audit_events SET outcome = 8 WHERE sequence = 1", id="altered"),
        pytest.param("DELETE FROM audit_events WHERE sequence = 2", id="removed"),
    ],
)
def test_a_touched_trail_is_found_wrong(box: SetUpBox, touch: str) -> None:
    """By someone who may write to the file, and so may drop what forbids it."""
    steps = ["DROP TRIGGER audit_events_no_update", "DROP TRIGGER audit_events_no_delete", touch]

    async def by_hand(administration: Administration) -> None:
        for step in steps:
            await administration.stores.database.write(lambda c, step=step: c.execute(text(step)))

    box.do(by_hand)
    result = box.run("audit", "verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "audit" in result.stderr


@pytest.mark.parametrize(
    "arguments", [["search", "--action", "nope"], ["search", "--since", "noon"], ["search", "-x"]]
)
def test_misuse_ends_with_two(box: SetUpBox, arguments: list[str]) -> None:
    assert box.run("audit", *arguments).exit_code == 2
