"""What ports.audit_repository.AuditRepository promises."""

from dataclasses import replace
from datetime import timedelta, timezone

import anyio
import pytest
from lxml import etree
from sqlalchemy import select, text
from tests.fakes.audit_events import KOS, LEA, NOON, PATIENT, QUERY, STUDY, made_up_event
from tests.fakes.fake_audit_repository import FakeAuditRepository

from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import audit_events
from drimbox.errors import Mismatch
from drimbox.model.audit import AuditAction
from drimbox.ports.audit_repository import AuditRepository, AuditSearch
from drimbox.standards.atna.audit_message import AuditSource

BOX = AuditSource("db1.test")
SERVED = made_up_event(AuditAction.IMAGES_SERVED)
QUERIED = made_up_event(AuditAction.DMP_QUERIED, occurred_at=NOON + timedelta(minutes=1))
RECEIVED = made_up_event(
    AuditAction.REPORT_RECEIVED, occurred_at=NOON + timedelta(minutes=2), patient_id="other"
)


@pytest.fixture
def repository(database_or_fake: Database | None, sealing: Sealing) -> AuditRepository:
    if database_or_fake is None:
        return FakeAuditRepository()
    return SqlAuditRepository(database_or_fake, sealing, BOX)


@pytest.fixture
def sql_repository(database: Database, sealing: Sealing) -> SqlAuditRepository:
    return SqlAuditRepository(database, sealing, BOX)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("search", "found"),
    [
        pytest.param(AuditSearch(), [RECEIVED, QUERIED, SERVED], id="all, newest first"),
        pytest.param(AuditSearch(patient_id=PATIENT), [QUERIED, SERVED], id="of one patient"),
        pytest.param(AuditSearch(user=LEA), [QUERIED, SERVED], id="of one professional"),
        pytest.param(AuditSearch(document=KOS), [SERVED], id="of one document"),
        pytest.param(AuditSearch(document=STUDY), [SERVED], id="of one study"),
        pytest.param(
            AuditSearch(actions=(AuditAction.DMP_QUERIED, AuditAction.REPORT_RECEIVED)),
            [RECEIVED, QUERIED],
            id="of some actions",
        ),
        pytest.param(
            AuditSearch(since=QUERIED.occurred_at), [RECEIVED, QUERIED], id="from an instant"
        ),
        pytest.param(AuditSearch(until=QUERIED.occurred_at), [QUERIED, SERVED], id="to an instant"),
        pytest.param(AuditSearch(limit=1), [RECEIVED], id="so many at most"),
        pytest.param(AuditSearch(user=LEA, document="2.25.404"), [], id="every criterion holds"),
    ],
)
@pytest.mark.requirement("CS.10")
@pytest.mark.requirement("CS.06")
async def test_events_are_found_as_recorded(
    repository: AuditRepository, search: AuditSearch, found: list[object]
) -> None:
    for event in (SERVED, QUERIED, RECEIVED):
        await repository.record(event)
    assert await repository.find(search) == tuple(found)
    assert await repository.verify() == 3


@pytest.mark.anyio
@pytest.mark.requirement("KPI")
async def test_what_happened_is_counted_from_an_instant_to_before_another(
    repository: AuditRepository,
) -> None:
    assert isinstance(repository, SqlAuditRepository | FakeAuditRepository)
    for event in (QUERIED, SERVED, RECEIVED):
        await repository.record(event)
    outcomes = await repository.find_outcomes(SERVED.occurred_at, RECEIVED.occurred_at)
    assert [(o.occurred_at, o.action, o.outcome) for o in outcomes] == [
        (e.occurred_at, e.action, e.outcome) for e in (SERVED, QUERIED)
    ]


@pytest.mark.anyio
async def test_each_event_keeps_the_message_it_was_told_by(
    database: Database, sealing: Sealing, sql_repository: SqlAuditRepository
) -> None:
    await sql_repository.record(QUERIED)
    statement = select(audit_events.c.sequence, audit_events.c.message)
    row = await database.read(lambda c: c.execute(statement).one())
    place = "audit_events", "message", str(row.sequence)
    root = etree.fromstring(sealing.unseal(row.message, *place))
    assert root.tag == "AuditMessage"
    assert root.xpath("string(AuditSourceIdentification/@AuditSourceID)") == "db1.test"
    (event,) = await sql_repository.find(AuditSearch())
    assert event.query == QUERY


@pytest.mark.anyio
async def test_whatever_its_texts_and_time_zone_an_event_verifies(
    sql_repository: SqlAuditRepository,
) -> None:
    paris = NOON.astimezone(timezone(timedelta(hours=1)))
    hostile = "nul \x00 lone \ud800 line\nend"
    await sql_repository.record(
        replace(SERVED, occurred_at=paris, study_instance_uid=hostile, document_unique_id=hostile)
    )
    assert await sql_repository.verify() == 1


@pytest.mark.anyio
@pytest.mark.requirement("CS.08")
async def test_the_chain_holds_when_two_hosts_record_at_once(
    storage_url: str, database: Database, sealing: Sealing
) -> None:
    other = Database(storage_url)
    hosts = [SqlAuditRepository(each, sealing, BOX) for each in (database, other)]
    async with anyio.create_task_group() as group:
        for number in range(60):
            group.start_soon(hosts[number % 2].record, SERVED)
    assert await hosts[0].verify() == 60
    await other.close()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE audit_events SET outcome = 8 WHERE sequence = 2", id="altered"),
        pytest.param("UPDATE audit_events SET occurred_at = 0 WHERE sequence = 2", id="redated"),
        pytest.param("DELETE FROM audit_events WHERE sequence = 2", id="removed"),
        pytest.param("DELETE FROM audit_events WHERE sequence = 3", id="last one removed"),
        pytest.param("DELETE FROM audit_events", id="emptied"),
        pytest.param(
            "DELETE FROM audit_events WHERE sequence = 3; UPDATE audit_head SET event_count = 2, "
            "digest = (SELECT digest FROM audit_events WHERE sequence = 2)",
            id="last one removed, head set to match",
        ),
        pytest.param(
            "INSERT INTO audit_events SELECT 4, occurred_at, action, outcome, user_index, "
            "patient_index, study_instance_uid, document_unique_id, event, message, digest "
            "FROM audit_events WHERE sequence = 3",
            id="inserted",
        ),
        pytest.param(
            "UPDATE audit_events SET event = (SELECT event FROM audit_events WHERE sequence = 1) "
            "WHERE sequence = 2",
            id="swapped",
        ),
        pytest.param("DELETE FROM audit_head", id="head removed"),
    ],
)
@pytest.mark.requirement("CS.08")
@pytest.mark.requirement("CS.09")
async def test_a_change_is_refused_and_if_forced_found_out(
    database: Database, sql_repository: SqlAuditRepository, change: str
) -> None:
    for event in (SERVED, QUERIED, RECEIVED):
        await sql_repository.record(event)
    if change.startswith(("UPDATE audit_events", "DELETE FROM audit_events")):
        with pytest.raises(Exception, match="append-only"):
            _execute(database, change)
    assert await sql_repository.verify() == 3
    _drop_protection(database)
    _execute(database, change)
    with pytest.raises(Mismatch):
        await sql_repository.verify()


@pytest.mark.anyio
async def test_no_identity_is_readable_in_the_trail(
    database: Database, sql_repository: SqlAuditRepository
) -> None:
    await sql_repository.record(SERVED)
    with database.transaction("DEFERRED") as connection:
        (row,) = connection.execute(text("SELECT * FROM audit_events")).all()
    stored = b"".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
    for canary in (PATIENT.partition("^")[0], LEA, "RADIO", "192.0.2.7"):
        assert canary.encode() not in stored


def _execute(database: Database, statements: str) -> None:
    with database.transaction("IMMEDIATE") as connection:
        for statement in statements.split("; "):
            connection.exec_driver_sql(statement)


def _drop_protection(database: Database) -> None:
    if database.is_sqlite:
        _execute(
            database, "DROP TRIGGER audit_events_no_update; DROP TRIGGER audit_events_no_delete"
        )
    else:
        _execute(database, "DROP TRIGGER audit_events_append_only ON audit_events")
