"""What an operator types beside two boxes at work: each command, in a process of its own."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.system.demo_session import DemoSession

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]


async def drimbox(*arguments: str, ends_with: int = 0) -> str:
    """Run the command; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "drimbox", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, error = await process.communicate()
    assert process.returncode == ends_with, error.decode()
    return out.decode()


async def on_box(demo: DemoSession, role: str, *arguments: str) -> Any:
    settings = str(demo.running.folder / f"{role}.toml")
    return json.loads(await drimbox(*arguments, "--settings", settings, "--json"))


@pytest.mark.requirement("EC-3")
@pytest.mark.requirement("CS.05")
@pytest.mark.parametrize("role", ["source", "consumer"])
async def test_the_doctor_finds_two_boxes_at_work_well(demo: DemoSession, role: str) -> None:
    findings = await on_box(demo, role, "doctor")
    assert [f for f in findings if not f["is_well"]] == []
    told = {f["subject"]: f["detail"] for f in findings}
    assert "C-ECHO" in told["pacs"]
    assert "mesimagesmedicales.fr" in told["white list"]


async def test_the_published_lots_are_done_and_their_trail_is_whole(demo: DemoSession) -> None:
    lots = await on_box(demo, "source", "publications", "list")
    assert lots
    assert {lot["state"] for lot in lots} == {"done"}
    assert (await on_box(demo, "source", "audit", "verify"))["is_whole"]
    counted = await on_box(demo, "source", "statistics")
    published = sum(row["succeeded"] for row in counted if row["event"] == "kos-published")
    assert published >= len(lots)


async def test_a_kos_built_beside_the_box_says_what_the_published_one_does(
    demo: DemoSession, tmp_path: Path
) -> None:
    newest, *_ = await on_box(demo, "source", "publications", "list", "--limit", "1")
    study, output = newest["study_instance_uid"], tmp_path / "kos.dcm"
    built = await on_box(demo, "source", "kos", "build", study, "--output", str(output))
    shown = json.loads(await drimbox("kos", "show", str(output), "--json"))
    assert shown == built
    assert shown["study_instance_uid"] == study
    assert shown["instance_count"] > 0


@pytest.mark.requirement("SO.24")
async def test_the_database_is_copied_while_the_box_works(
    demo: DemoSession, tmp_path: Path
) -> None:
    copy, settings = tmp_path / "copy.sqlite", str(demo.running.folder / "source.toml")
    await drimbox("backup", str(copy), "--settings", settings)
    assert copy.read_bytes().startswith(b"SQLite format 3\0")
    await drimbox("backup", str(copy), "--settings", settings, ends_with=1)
