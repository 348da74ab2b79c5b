"""A real Orthanc in its own network: it serves, sends back to us, and leaves nothing behind."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from tests.sandbox.pacs.small_objects import STUDY, fill
from tests.system.ports import free_port

from drimbox.errors import RejectedByPartner, SettingsError
from drimbox.sandbox.pacs import orthanc
from drimbox.sandbox.pacs.network_namespace import (
    can_make_namespaces,
    make_namespace,
    remove_namespace,
)
from drimbox.sandbox.pacs.orthanc import OrthancPacs
from drimbox.sandbox.pacs.server import PeerAddress

# A browser gives its requests up when a network comes or goes: never beside tests that have one.
pytestmark = pytest.mark.xdist_group("demo")

_MOVER = "MOVER"
needs_root = pytest.mark.skipif(
    not can_make_namespaces(), reason="network namespaces need root and iproute2"
)


def _namespaces() -> str:
    return _printed("ip", "netns", "list")


def _printed(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _is_link(name: str) -> bool:
    return Path(f"/sys/class/net/{name}").exists()


def _is_installed() -> bool:
    return shutil.which("Orthanc") is not None or Path("/usr/sbin/Orthanc").exists()


def _own_namespaces() -> list[str]:
    return [n for n in _namespaces().splitlines() if n.startswith(f"drimbox-{os.getpid()}-")]


@pytest.fixture
async def pacs(tmp_path: Path) -> AsyncIterator[tuple[OrthancPacs, int]]:
    if not _is_installed():
        pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
    fill(tmp_path / "files")
    running = OrthancPacs("SOURCEPACS", tmp_path / "orthanc", is_without_delay=True)
    await running.prepare()
    port = free_port()
    peers = {_MOVER: PeerAddress(running.box_host, port)}
    try:
        await running.start(sorted((tmp_path / "files").iterdir()), peers)
        yield running, port
    finally:
        await running.stop()


@needs_root
@pytest.mark.system
@pytest.mark.anyio
async def test_it_serves_dicom_and_dicomweb_and_sends_back_to_us(
    pacs: tuple[OrthancPacs, int], tmp_path: Path
) -> None:
    running, port = pacs
    async with (
        aiohttp.ClientSession(trust_env=False) as session,
        session.get(
            f"{running.dicomweb_url}/studies", headers={"Accept": "application/dicom+json"}
        ) as answer,
    ):
        assert answer.status == 200
        assert len(await answer.json(content_type=None)) == 2
    received = tmp_path / "received"
    received.mkdir()
    moved = await asyncio.create_subprocess_exec(
        "movescu", "-aet", _MOVER, "-aem", _MOVER, "-aec", running.ae_title, "+P", str(port),
        "-od", str(received), "-S", "-k", "QueryRetrieveLevel=STUDY",
        "-k", f"StudyInstanceUID={STUDY}", running.host, str(running.dicom_port),
    )  # fmt: skip
    assert await moved.wait() == 0
    assert len(list(received.iterdir())) == 4


@needs_root
@pytest.mark.system
@pytest.mark.anyio
async def test_it_is_reached_only_through_its_cable(pacs: tuple[OrthancPacs, int]) -> None:
    running, _ = pacs
    assert running.warning is None
    for address in ("127.0.0.1", running.box_host):
        with pytest.raises(OSError, match="refused"), socket.socket() as probe:
            probe.connect((address, running.dicom_port))


@needs_root
@pytest.mark.system
@pytest.mark.anyio
async def test_stopping_leaves_no_namespace_and_no_cable(tmp_path: Path) -> None:
    running = OrthancPacs("SOURCEPACS", tmp_path)
    await running.start()
    (name,) = _own_namespaces()
    cable = f"drimbox{name.split()[0].rpartition('-')[2]}"
    assert _is_link(cable)
    await running.stop()
    assert _own_namespaces() == []
    # Its number is free again: the cable may be another run's by now.
    number = name.split()[0].rpartition("-")[2]
    is_anothers = any(n.split()[0].endswith(f"-{number}") for n in _namespaces().splitlines())
    assert is_anothers or not _is_link(cable)


@needs_root
@pytest.mark.system
@pytest.mark.anyio
async def test_a_file_it_refuses_stops_it(tmp_path: Path) -> None:
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(b"no object")
    running = OrthancPacs("SOURCEPACS", tmp_path / "orthanc")
    with pytest.raises(RejectedByPartner):
        await running.start([bad])
    assert _own_namespaces() == []


_CRASH = """
import asyncio, os, sys
from drimbox.sandbox.pacs.network_namespace import make_namespace
namespace = asyncio.run(make_namespace())
print(namespace.name, flush=True)
os._exit(9)
"""


@needs_root
@pytest.mark.system
@pytest.mark.anyio
async def test_what_a_crash_left_behind_is_removed_at_the_next_start() -> None:
    left = _printed(sys.executable, "-c", _CRASH).strip()
    assert left in _namespaces()
    namespace = await make_namespace()
    try:
        assert left not in _namespaces()
        assert namespace.name in _namespaces()
    finally:
        await remove_namespace(namespace)


@pytest.mark.anyio
async def test_an_absent_orthanc_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orthanc, "_PLUGIN", tmp_path / "absent.so")
    with pytest.raises(SettingsError, match="apt-get install orthanc orthanc-dicomweb"):
        await OrthancPacs("SOURCEPACS", tmp_path).prepare()


def test_without_a_namespace_nobody_remote_is_let_in(tmp_path: Path) -> None:
    configuration = OrthancPacs("SOURCEPACS", tmp_path)._configuration(
        {"BOX": PeerAddress("127.0.0.1", 11112)}
    )
    assert configuration["RemoteAccessAllowed"] is False
    assert configuration["DicomCheckModalityHost"] is True
    assert {
        value for name, value in configuration.items() if name.startswith("DicomAlwaysAllow")
    } == {False}
    modalities = configuration["DicomModalities"]
    assert isinstance(modalities, dict)
    assert [modality["Host"] for modality in modalities.values()] == ["127.0.0.1"]
