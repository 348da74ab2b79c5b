"""Kept exams come back whole, the last one first, and no longer than their time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.fake_kept_exams import FakeKeptExams
from tests.fakes.manifests import made_up_ins, made_up_manifest

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.kept_exams import SqlKeptExams
from drimbox.adapters.storage_sql.purge import Purge
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import kept_exams
from drimbox.model.kept_exam import KeptExam
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.kept_exams import KeptExams

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def made_up_exam(number: int, hours: float = 1, value: str = "C001") -> KeptExam:
    manifest = made_up_manifest(study_instance_uid=StudyInstanceUid(f"1.2.3.{number}"))
    identifier = LocalPatientId(value, AssigningAuthority("CLINIQUE"))
    return KeptExam(manifest, made_up_ins(), identifier, NOON + timedelta(hours=hours))


@pytest.fixture
def exams(database_or_fake: Database | None, sealing: Sealing) -> KeptExams:
    if database_or_fake is None:
        return FakeKeptExams()
    return SqlKeptExams(database_or_fake, sealing)


async def test_what_was_kept_is_found_whole_the_last_first(exams: KeptExams) -> None:
    first, second = made_up_exam(1, hours=1), made_up_exam(2, hours=2)
    await exams.keep(first)
    await exams.keep(second)
    assert await exams.find(NOON) == (second, first)


async def test_one_that_is_opened_again_is_kept_once_and_longer(exams: KeptExams) -> None:
    await exams.keep(made_up_exam(1, hours=1))
    again = made_up_exam(1, hours=3, value="C002")
    await exams.keep(again)
    assert await exams.find(NOON + timedelta(hours=2)) == (again,)


async def test_one_whose_time_is_over_is_found_no_more(exams: KeptExams) -> None:
    await exams.keep(made_up_exam(1, hours=1))
    assert await exams.find(NOON + timedelta(hours=1)) == ()


async def test_it_is_sealed_at_rest_and_purged_at_its_end(
    database: Database, sealing: Sealing
) -> None:
    exam = replace(made_up_exam(1), kept_until=NOON)
    await SqlKeptExams(database, sealing).keep(exam)
    (row,) = await database.read(lambda c: c.execute(kept_exams.select()).all())
    assert b"QUERETTE" not in row.exam
    await Purge(database, session_idle_seconds=60)(NOON)
    assert await database.read(lambda c: c.execute(kept_exams.select()).all()) == []
