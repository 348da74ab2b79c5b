"""`drimbox backup`: a copy made while the box writes, and what a restore brings back (R14)."""

import stat
from pathlib import Path

import anyio
import pytest
from tests.fakes.audit_events import made_up_event
from tests.fakes.publications import NOON
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.administration import Administration, administration
from drimbox.model.audit import AuditAction
from drimbox.settings.load import load_settings

pytestmark = pytest.mark.requirement("SO.24")
ACKNOWLEDGED = 30


async def _receive(box: Administration, number: int) -> None:
    await box.stores.intake.keep(f"RIS^SITE^{number}", b"MSH|" * 500, NOON)
    await box.stores.audit.record(made_up_event(AuditAction.REPORT_RECEIVED))


def _restored(box: SetUpBox, copy: Path) -> SetUpBox:
    """Put the copy in place of the file, as operations.md says."""
    database = box.folder / "drimbox.sqlite"
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    database.write_bytes(copy.read_bytes())
    return box


def test_a_copy_under_load_has_all_that_was_acknowledged_before_it(
    source_box: SetUpBox, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.sqlite"

    async def work() -> None:
        async with administration(load_settings(source_box.settings_file)) as box:
            for number in range(ACKNOWLEDGED):
                await _receive(box, number)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(box.stores.database.copy_to, copy)
                for number in range(ACKNOWLEDGED, ACKNOWLEDGED + 20):
                    tasks.start_soon(_receive, box, number)

    anyio.run(work)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    restored = _restored(source_box, copy)

    async def count(box: Administration) -> tuple[int, int]:
        taken = 0
        while await box.stores.intake.claim(NOON, 3600) is not None:
            taken += 1
        return taken, await box.stores.audit.verify()

    taken, events = restored.do(count)
    assert taken >= ACKNOWLEDGED
    assert events >= ACKNOWLEDGED


def test_a_file_that_is_there_is_never_overwritten(source_box: SetUpBox, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(b"of yesterday")
    result = source_box.run("backup", str(copy))
    assert (result.exit_code, copy.read_bytes()) == (1, b"of yesterday")


def test_a_copy_that_cannot_be_whole_leaves_nothing(source_box: SetUpBox, tmp_path: Path) -> None:
    copy = tmp_path / "no-such-folder" / "copy.sqlite"
    result = source_box.run("backup", str(copy))
    assert (result.exit_code, copy.exists()) == (1, False)


@pytest.mark.system
def test_of_postgresql_its_own_tool_is_named(
    source_box: SetUpBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: object
) -> None:
    monkeypatch.setenv("DRIMBOX_STORAGE__URL", postgresql_server.create_database())  # type: ignore[attr-defined]
    result = source_box.run("backup", str(tmp_path / "copy.sqlite"))
    assert result.exit_code == 1
    assert "pg_dump" in result.stderr
