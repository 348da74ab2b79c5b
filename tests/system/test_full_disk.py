"""R6: a full or read-only disk refuses reports, keeps the acknowledged ones, heals by itself."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from pathlib import Path

import pytest
from tests.fakes.publications import NOON
from tests.fakes.reports import message_of
from tests.fixtures.storage import open_database
from tests.system.small_disk import fill, small_disk

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.system_clock import SystemClock
from drimbox.entrypoints.mllp.report_messages import ControlIds, ReportMessages
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.standards.atna.audit_message import AuditSource

pytestmark = [pytest.mark.anyio, pytest.mark.system]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", mebibytes=8) as folder:
        yield folder


@pytest.fixture
async def database(disk: Path, sealing: Sealing) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{disk / 'box.sqlite'}", sealing) as opened:
        yield opened


@pytest.fixture
def messages(database: Database, sealing: Sealing) -> ReportMessages:
    """The door of the RIS, over that disk."""
    clock = SystemClock()
    receive_report = ReceiveReport(
        intake=SqlIntake(database, sealing),
        alerts=SqlAlerts(database, clock),
        audit=SqlAuditRepository(database, sealing, AuditSource("db1.test")),
        clock=clock,
        local_zone=UTC,
        is_test=True,
    )
    return ReportMessages(receive_report, clock, ControlIds(clock))


async def send(messages: ReportMessages, number: int) -> bool:
    """Send a report, a different one for each number; True when it was accepted."""
    content = message_of().replace(b"|MSG1|", f"|MSG-{number}|".encode())
    answer = await messages.answer(content, source_address="192.0.2.7")
    assert answer.count(b"MSA|") == 1
    return b"MSA|AA|" in answer


async def claim_all(intake: SqlIntake) -> int:
    count = 0
    while await intake.claim(NOON, 3600):
        count += 1
    return count


async def test_a_full_disk_refuses_then_heals_and_loses_nothing(
    disk: Path, database: Database, sealing: Sealing, messages: ReportMessages
) -> None:
    accepted = sum([await send(messages, number) for number in range(5)])
    assert accepted == 5
    fill(disk / "filler")
    answers = [await send(messages, number) for number in range(5, 60)]
    accepted += sum(answers)
    assert not all(answers), "the disk did not fill up"
    assert not answers[-1]
    (disk / "filler").unlink()
    assert await send(messages, 60), "it heals as soon as there is space again"
    accepted += 1
    assert await claim_all(SqlIntake(database, sealing)) >= accepted
    assert await SqlAuditRepository(database, sealing, AuditSource("db1.test")).verify() > 0


async def test_a_read_only_disk_refuses_then_heals(
    disk: Path, database: Database, messages: ReportMessages
) -> None:
    assert await send(messages, 1)
    await database.close()  # a read-only remount wants no file open for writing
    remount(disk, "ro")
    try:
        assert not await send(messages, 2)
    finally:
        await database.close()
        remount(disk, "rw")
    assert await send(messages, 3)


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", disk], check=True)
