"""Exports are found again by context and by study, and a restart ends what was under way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.fake_exports import FakeExportRegister

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.export_register import SqlExportRegister
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.model.export import Export, ExportFailure, ExportState
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.export_register import ExportRegister

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
STUDY = StudyInstanceUid("1.2.3")


def made_up_export(number: int, **changes: object) -> Export:
    export = Export(
        identifier=f"export-{number}",
        context_identifier="context",
        user="899700000000",
        study_instance_uid=STUDY,
        destination="PACS",
        total=3,
        requested_at=NOW + timedelta(seconds=number),
    )
    return replace(export, **changes)  # type: ignore[arg-type]


@pytest.fixture
def register(database_or_fake: Database | None, sealing: Sealing) -> ExportRegister:
    if database_or_fake is None:
        return FakeExportRegister()
    return SqlExportRegister(database_or_fake, sealing)


@pytest.mark.requirement("CO.61")
async def test_exports_of_a_context_come_in_the_order_they_were_asked_for(
    register: ExportRegister,
) -> None:
    second, first = made_up_export(2), made_up_export(1)
    await register.save(second)
    await register.save(first)
    await register.save(made_up_export(3, context_identifier="other"))
    assert await register.find_of_context("context") == (first, second)


async def test_a_saved_export_replaces_the_former_one(register: ExportRegister) -> None:
    export = made_up_export(1)
    await register.save(export)
    running = replace(export, state=ExportState.RUNNING, stored=2)
    await register.save(running)
    assert await register.find_of_context("context") == (running,)


@pytest.mark.requirement("CO.79")
async def test_finished_exports_of_a_study_are_found_whoever_asked(
    register: ExportRegister,
) -> None:
    done = made_up_export(1, state=ExportState.DONE, context_identifier="other")
    await register.save(done)
    await register.save(made_up_export(2, state=ExportState.FAILED))
    await register.save(made_up_export(3))
    assert await register.find_done([STUDY]) == (done,)
    assert await register.find_done([StudyInstanceUid("1.2.4")]) == ()


@pytest.mark.requirement("CO.62")
async def test_what_a_professional_asked_for_last_is_found_in_later_calls(
    register: ExportRegister,
) -> None:
    assert await register.find_last_of_user("899700000000") is None
    older = made_up_export(1, destination="CONSOLE")
    newest = made_up_export(3, context_identifier="another call", state=ExportState.FAILED)
    for export in (newest, older, made_up_export(4, user="899700000001", destination="CONSOLE")):
        await register.save(export)
    assert await register.find_last_of_user("899700000000") == newest


async def test_a_restart_marks_what_was_under_way_as_interrupted(
    register: ExportRegister,
) -> None:
    queued, running = made_up_export(1), made_up_export(2, state=ExportState.RUNNING)
    done, later = made_up_export(3, state=ExportState.DONE), made_up_export(90)
    for export in (queued, running, done, later):
        await register.save(export)
    assert await register.interrupt(NOW + timedelta(seconds=60), NOW) == 2
    found = {e.identifier: e for e in await register.find_of_context("context")}
    for export in (queued, running):
        assert found[export.identifier].failure is ExportFailure.INTERRUPTED
    assert found[done.identifier] == done
    assert found[later.identifier] == later
