"""What ports.study_register.Alerts promises."""

from dataclasses import replace

import pytest
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_study_register import FakeAlerts
from tests.fakes.publications import NOON

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.engine import Database
from drimbox.errors import NotFound
from drimbox.model.publication import Alert, AlertKind
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.study_register import Alerts

STUDY = StudyInstanceUid("1.2.3")
ALERT = Alert(AlertKind.PATIENT_MISMATCH, "IPP differs", NOON, STUDY, "2.25.1", 7)


@pytest.fixture
def alerts(database_or_fake: Database | None) -> Alerts:
    return FakeAlerts() if database_or_fake is None else SqlAlerts(database_or_fake, FakeClock())


@pytest.fixture
def sql_alerts(database: Database) -> SqlAlerts:
    return SqlAlerts(database, FakeClock())


@pytest.mark.anyio
@pytest.mark.requirement("SO.21")
async def test_an_alert_is_listed_as_it_was_raised(alerts: Alerts) -> None:
    await alerts.raise_alert(ALERT)
    (found,) = await alerts.find_open()
    assert replace(found, alert_id=0) == ALERT
    assert found.alert_id > 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("other", "count"),
    [
        pytest.param(ALERT, 1, id="the same is raised once"),
        pytest.param(replace(ALERT, text="other"), 1, id="other words for the same are once"),
        pytest.param(replace(ALERT, message_id=8), 1, id="another message about it is once"),
        pytest.param(replace(ALERT, report_id="2.25.2"), 2, id="another report is another alert"),
        pytest.param(replace(ALERT, study_instance_uid=None), 2, id="no study is another alert"),
        pytest.param(
            replace(ALERT, kind=AlertKind.ACCESSION_MISMATCH), 2, id="another kind is another"
        ),
    ],
)
async def test_one_open_alert_for_each_thing(alerts: Alerts, other: Alert, count: int) -> None:
    await alerts.raise_alert(ALERT)
    await alerts.raise_alert(other)
    assert len(await alerts.find_open()) == count


@pytest.mark.anyio
async def test_messages_that_name_nothing_are_told_apart(sql_alerts: SqlAlerts) -> None:
    unreadable = replace(ALERT, study_instance_uid=None, report_id=None)
    await sql_alerts.raise_alert(unreadable)
    await sql_alerts.raise_alert(replace(unreadable, message_id=8))
    await sql_alerts.raise_alert(replace(unreadable, message_id=8))
    assert [alert.message_id for alert in await sql_alerts.find_open()] == [8, 7]


@pytest.mark.anyio
async def test_a_closed_alert_may_be_raised_again(alerts: Alerts) -> None:
    await alerts.raise_alert(ALERT)
    (first,) = await alerts.find_open()
    await alerts.close(first.alert_id)
    assert await alerts.find_open() == ()
    await alerts.raise_alert(ALERT)
    (second,) = await alerts.find_open()
    assert replace(second, alert_id=0) == ALERT


@pytest.mark.anyio
async def test_closing_what_is_not_open_is_not_found(alerts: Alerts) -> None:
    with pytest.raises(NotFound):
        await alerts.close(404)
