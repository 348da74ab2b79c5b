"""`drimbox demo`: the whole journey, on the PACS of its own and on real Orthancs; one Ctrl-C."""

import asyncio
import json
import shutil
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from tests.system.demo_session import DemoSession
from tests.system.ports import free_addresses

from drimbox.sandbox.journey.journey import walk

pytestmark = [pytest.mark.anyio, pytest.mark.system, pytest.mark.xdist_group("demo")]
STEPS = (
    "report sent (MDM over MLLP, ACK AA)",
    "KOS in the DMP",
    "contextual call (303)",
    "professional signed in",
    "exam listed",
    "FHIR ImagingStudy found",
    "first image",
    "whole study through both boxes, pixel-identical",
    "exported to the PACS of the Consommatrice under the local IPP",
    "audit complete",
)


async def start_demo(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    """Start the command as a person would; its state and what it prints stay in the folder."""
    base = str(free_addresses().base)
    with (folder / "output.txt").open("wb") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drimbox", "demo", "--port-base", base,
            "--data", folder / "demo", *arguments, stdout=output, stderr=output,
        )  # fmt: skip


async def test_the_whole_journey_goes_through(demo: DemoSession) -> None:
    told: list[tuple[str, bool]] = []

    def announce(what: str, seconds: float, *, is_well: bool = True) -> None:
        told.append((what, is_well))
        print(f"{seconds:7.2f} s  {what}")  # noqa: T201

    assert await walk(demo.running, announce), told[-1]
    assert [is_well for _, is_well in told] == [True] * len(STEPS)
    for step, (what, _) in zip(STEPS, told, strict=True):
        assert what.startswith(step)


@pytest.mark.skipif(
    shutil.which("Orthanc") is None,
    reason="no Orthanc here (apt-get install orthanc orthanc-dicomweb)",
)
async def test_the_same_with_two_orthancs(tmp_path: Path) -> None:
    process = await start_demo(tmp_path, "--check", "--pacs", "orthanc")
    async with asyncio.timeout(150):
        await process.wait()
    text = (tmp_path / "output.txt").read_text()
    print(text)  # noqa: T201
    assert process.returncode == 0, text
    assert [step for step in STEPS if f"✓ {step}" not in text] == []


async def test_one_ctrl_c_ends_every_process_and_frees_every_port(tmp_path: Path) -> None:
    descriptor = tmp_path / "descriptor.json"
    process = await start_demo(tmp_path, "--descriptor", str(descriptor))
    try:
        async with asyncio.timeout(60):
            while not descriptor.exists():
                assert process.returncode is None, (tmp_path / "output.txt").read_text()
                await asyncio.sleep(0.1)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 4, "two PACS and two boxes"
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (tmp_path / "output.txt").read_text()
    assert [child for child in children if child.is_running()] == []
    told = json.loads(descriptor.read_text())
    for address in (told["source"]["mllp"], told["source"]["dicom"], told["source_pacs"]):
        with closing(socket.socket()) as probe:
            assert probe.connect_ex((address["host"], address["port"])) != 0
