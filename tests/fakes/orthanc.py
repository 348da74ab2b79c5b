"""A real Orthanc in a network namespace of its own, joined to this one by a pair of interfaces.

Debian's Orthanc listens on every address, so it does not run in the namespace of the machine.
"""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

AE_TITLE = "ORTHANC"
DICOM_PORT = 4242
HTTP_PORT = 8042


@dataclass(frozen=True, slots=True)
class Orthanc:
    """Where it answers; own_host is this side of the pair, ours to listen on."""

    host: str
    own_host: str

    @property
    def http(self) -> str:
        return f"http://{self.host}:{HTTP_PORT}"

    def store(self, file: Path) -> None:
        request = urllib.request.Request(f"{self.http}/instances", data=file.read_bytes())  # noqa: S310
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextlib.contextmanager
def running_orthanc(
    folder: Path, *, move_port: int, environment: dict[str, str] | None = None
) -> Iterator[Orthanc]:
    """Start it; it may C-MOVE to DRIMBOX at own_host:move_port. Skips where it cannot run."""
    if not shutil.which("Orthanc") or os.geteuid() != 0:
        pytest.skip("needs root and apt-get install orthanc orthanc-dicomweb")
    name = f"drb{os.getpid() % 10000}{move_port % 1000}"
    net = f"10.{move_port % 100 + 150}.{os.getpid() % 200 + 20}"
    orthanc = Orthanc(host=f"{net}.2", own_host=f"{net}.1")
    with _joined_namespace(name, orthanc):
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(_configuration(folder, orthanc, move_port)))
        with (folder / "orthanc.log").open("wb") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", name, "Orthanc", str(configuration)],
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        try:
            _wait_until_it_answers(orthanc)
            yield orthanc
        finally:
            # It would wait for connections that clients keep alive.
            process.kill()
            process.wait()


@contextlib.contextmanager
def _joined_namespace(name: str, orthanc: Orthanc) -> Iterator[None]:
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError:
        pytest.skip("this machine makes no network namespaces")
    try:
        _ip("link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}n", "netns", name)
        _ip("addr", "add", f"{orthanc.own_host}/30", "dev", f"{name}h")
        _ip("link", "set", f"{name}h", "up")
        _ip("-n", name, "addr", "add", f"{orthanc.host}/30", "dev", f"{name}n")
        _ip("-n", name, "link", "set", f"{name}n", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield
    finally:
        _ip("netns", "delete", name)


def _configuration(folder: Path, orthanc: Orthanc, move_port: int) -> dict[str, object]:
    return {
        "Name": "TEST",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": HTTP_PORT,
        "RemoteAccessAllowed": True,
        "AuthenticationEnabled": False,
        "TcpNoDelay": True,
        "KeepAlive": True,
        "DicomAet": AE_TITLE,
        "DicomPort": DICOM_PORT,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "MaximumPduLength": 131072,
        "DefaultEncoding": "Latin1",
        "DicomModalities": {
            "drimbox": {
                "AET": "DRIMBOX",
                "Host": orthanc.own_host,
                "Port": move_port,
                "AllowTranscoding": False,
            }
        },
        "Plugins": ["/usr/share/orthanc/plugins/libOrthancDicomWeb.so"],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }


def _wait_until_it_answers(orthanc: Orthanc) -> None:
    for _ in range(100):
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{orthanc.http}/system", timeout=2).close()  # noqa: S310
            return
        time.sleep(0.1)
    pytest.fail("Orthanc does not answer")
