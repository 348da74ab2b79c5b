"""`drimbox alerts`: listed, closed, and the message of one taken up again."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from tests.fakes.publications import NOON, made_up_publication
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.administration import Administration
from drimbox.model.publication import Alert, AlertKind
from drimbox.model.uids import StudyInstanceUid

MISSING = Alert(
    AlertKind.STUDY_NOT_IN_PACS,
    "the PACS holds no image of this study",
    NOON,
    study_instance_uid=StudyInstanceUid("1.2.250.1.999.7.1"),
    report_id="2.25.41",
)
AWAY = Alert(AlertKind.PACS_UNAVAILABLE, "the PACS has been away for 15 minutes", NOON)


async def _stop_a_message(box: Administration, *, published: bool = False) -> None:
    """Receive a message and conclude it with an alert about it."""
    intake, register = box.stores.intake, box.stores.register
    await intake.keep("RIS^SITE^1", b"MSH|...", NOON)
    message = await intake.claim(NOON, 60)
    assert message is not None
    publications = [made_up_publication(study=2)] if published else []
    alert = replace(MISSING, message_id=message.message_id)
    await register.conclude(message.message_id, publications, [alert], NOON)


def listed(box: SetUpBox, *arguments: str) -> list[dict[str, object]]:
    result = box.run("alerts", "list", "--json", *arguments)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_a_command_leaves_the_schema_of_an_older_box_alone(source_box: SetUpBox) -> None:
    """After an upgrade of the package the old box still runs, until it is started anew."""
    assert source_box.run("alerts", "list").exit_code == 0
    with closing(sqlite3.connect(source_box.folder / "drimbox.sqlite")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = '0001'")
    refused = source_box.run("alerts", "list")
    assert refused.exit_code == 1
    assert "the next start of the box brings it forward" in refused.stderr
    with closing(sqlite3.connect(source_box.folder / "drimbox.sqlite")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


@pytest.mark.requirement("SO.21")
def test_open_alerts_are_listed_newest_first(source_box: SetUpBox) -> None:
    for alert in (MISSING, AWAY):
        source_box.do(lambda box, alert=alert: box.stores.alerts.raise_alert(alert))
    kinds = [row["kind"] for row in listed(source_box)]
    assert kinds == ["pacs-unavailable", "study-not-in-pacs"]
    (row,) = listed(source_box, "--kind", "study-not-in-pacs")
    assert (row["study_instance_uid"], row["report_id"]) == ("1.2.250.1.999.7.1", "2.25.41")


def test_a_table_has_a_line_for_each(source_box: SetUpBox) -> None:
    source_box.do(lambda box: box.stores.alerts.raise_alert(MISSING))
    lines = source_box.run("alerts", "list").stdout.splitlines()
    assert len(lines) == 2
    assert "study-not-in-pacs" in lines[1]


def test_a_closed_alert_is_gone(source_box: SetUpBox) -> None:
    source_box.do(lambda box: box.stores.alerts.raise_alert(MISSING))
    assert source_box.run("alerts", "close", "1").exit_code == 0
    assert listed(source_box) == []


@pytest.mark.requirement("SO.21")
def test_the_message_of_an_alert_is_taken_up_again(source_box: SetUpBox) -> None:
    source_box.do(_stop_a_message)
    result = source_box.run("alerts", "retry", "1")
    assert (result.exit_code, listed(source_box)) == (0, [])

    async def claim(box: Administration) -> bytes | None:
        message = await box.stores.intake.claim(box.clock.now(), 60)
        return message.content if message else None

    assert source_box.do(claim) == b"MSH|..."


def test_a_message_that_was_published_is_not_taken_up_again(source_box: SetUpBox) -> None:
    source_box.do(lambda box: _stop_a_message(box, published=True))
    result = source_box.run("alerts", "retry", "1")
    assert result.exit_code == 1
    assert "is done" in result.stderr
    assert [row["kind"] for row in listed(source_box)] == ["study-not-in-pacs"]


@pytest.mark.parametrize(("arguments", "code"), [
    pytest.param(["close", "7"], 1, id="close an unknown one"),
    pytest.param(["retry", "7"], 1, id="retry an unknown one"),
    pytest.param(["close", "0"], 2, id="no number"),
    pytest.param(["list", "--kind", "odd"], 2, id="no kind"),
])  # fmt: skip
def test_what_is_not_there_ends_with_one_and_misuse_with_two(
    source_box: SetUpBox, arguments: list[str], code: int
) -> None:
    result = source_box.run("alerts", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
