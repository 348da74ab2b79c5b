"""docs/integrators.md runs as it stands, against the demo."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.node_judge import NODE_TESTS, why_no_node
from tests.house.source_files import ROOT
from tests.system.demo_session import DemoSession

from drimbox.sandbox.patients.scenario import Holder
from drimbox.sandbox.patients.studies import STUDIES

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]

GUIDE = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(demo: DemoSession, tmp_path: Path) -> Path:
    """Where a reader stands: the descriptor is there, and what npm has installed."""
    (tmp_path / "demo.json").write_text(json.dumps(demo.descriptor), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(NODE_TESTS / "node_modules")
    return tmp_path


def _blocks(language: str) -> str:
    found = [text for name, text in BLOCK.findall(GUIDE) if name == language]
    assert found
    return "\n".join(found)


async def _run(folder: Path, *command: str | Path) -> str:
    """Return what the program prints; the demo answers on this loop, so it runs beside it."""

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=120
        )

    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _exams_of_the_first_patient(demo: DemoSession) -> set[str]:
    studies = demo.descriptor["patients"][0]["studies"]
    return {one["study_instance_uid"] for one in studies if one["published"]}


@pytest.mark.requirement("FA.1")
@pytest.mark.requirement("FA.2")
@pytest.mark.requirement("CO.72")
async def test_the_blocks_of_curl_find_and_open_an_exam(demo: DemoSession, folder: Path) -> None:
    (folder / "guide.sh").write_text("set -euo pipefail\n" + _blocks("sh"), encoding="utf-8")
    printed = await _run(folder, "bash", "guide.sh")
    assert "ImagingStudy: read, vread, search-type" in printed
    for uid in _exams_of_the_first_patient(demo):
        assert f"images, {uid}" in printed
    assert "a picture: ffd8ff" in printed
    assert "<title>" in printed
    assert "a viewer until 20" in printed
    ipp = demo.descriptor["patients"][0]["ipp"]
    # By C-FIND, and in the image that came by C-MOVE.
    assert printed.count(f"LO [{ipp}") >= 2
    assert "CS [CT]" in printed


@pytest.mark.requirement("FA.4")
async def test_the_python_client_reads_what_the_site_published(
    demo: DemoSession, folder: Path
) -> None:
    (folder / "guide.py").write_text(_blocks("python"), encoding="utf-8")
    printed = await _run(folder, sys.executable, "guide.py")
    # Other tests of this demo may have sent the reports that were still to come.
    held = {str(study.study_instance_uid) for study in STUDIES if study.holder is Holder.SOURCE}
    found = {line.split()[0] for line in printed.splitlines()}
    assert found
    assert found <= held
    assert all(line.split()[1] in {"CT", "PT"} for line in printed.splitlines())


@pytest.mark.requirement("FA.2")
async def test_the_javascript_client_pages_through_the_exams(
    demo: DemoSession, folder: Path
) -> None:
    if (missing := why_no_node()) is not None:
        pytest.skip(missing)
    (folder / "guide.mjs").write_text(_blocks("js"), encoding="utf-8")
    printed = await _run(folder, "node", "guide.mjs")
    assert {line.split()[0] for line in printed.splitlines()} == _exams_of_the_first_patient(demo)
