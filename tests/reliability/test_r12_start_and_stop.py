"""R12: `drimbox serve` is there at once, whatever the ANS does, and ends what it has begun."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from tests.fixtures.set_up_box import SetUpBox

from drimbox.gateway.box import Box
from drimbox.sandbox.network.processes import Child, accepts_connections
from drimbox.sandbox.trusted_space.server import SandboxTrustedSpace
from drimbox.settings.load import load_settings

pytestmark = pytest.mark.anyio
PATIENCE_SECONDS = 90
COLD_START_SECONDS = 3
BODY = b"grant_type=client_credentials"


@asynccontextmanager
async def serving(
    source_box: SetUpBox, port: int, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    arguments = ("-m", "drimbox", "serve", "--settings", str(source_box.settings_file))
    child = Child("box", arguments, source_box.folder / "box.log")
    await child.start(variables)
    try:
        await child.wait_until(
            lambda: accepts_connections("127.0.0.1", port), timeout_seconds=PATIENCE_SECONDS
        )
        yield child
    finally:
        await child.stop()


@pytest.mark.system
async def test_a_cold_start_takes_less_than_three_seconds(
    source_box: SetUpBox, tmp_path: Path
) -> None:
    """Of a processor: it waits for nobody, and what else the machine does is not its own."""
    # Compiled before, as scripts/install does it.
    compiled = {"PYTHONPYCACHEPREFIX": str(tmp_path / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
    imported = [sys.executable, "-c", "import drimbox.command_line.serve"]
    await asyncio.to_thread(subprocess.run, imported, env={**os.environ, **compiled}, check=True)
    port = load_settings(source_box.settings_file).operator.port
    async with serving(source_box, port, compiled) as child:
        times = psutil.Process(child.pid).cpu_times()
    assert times.user + times.system < COLD_START_SECONDS


@pytest.mark.system
async def test_a_request_that_is_still_being_sent_is_answered_by_a_box_that_stops(
    source_box: SetUpBox,
) -> None:
    settings = load_settings(source_box.settings_file)
    async with serving(source_box, settings.operator.port) as child:
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.browser.port)
        head = (
            "POST /oauth2/token HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(BODY)}\r\n\r\n"
        )
        writer.write(head.encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            # Only who reads the body says so: the request is under way.
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
            stopping = asyncio.create_task(child.stop())
            while await accepts_connections("127.0.0.1", settings.browser.port):
                pass
            writer.write(BODY)
            answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 401")
            assert b"invalid_client" in answer
            await stopping
        assert "box_stopped" in child.last_lines()
        writer.close()


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_box_does_not_wait_for_a_white_list_that_does_not_come(
    source_box: SetUpBox, silent_server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one is in force then; it is asked for again in the background."""
    keys = source_box.keys
    published = SandboxTrustedSpace(keys.pki, keys.white_list_signer, keys.peers)
    await published.start("127.0.0.1", 0)
    for name, url in (
        ("WHITE_LIST_URL", published.white_list_url),
        ("CRL_URLS", f'["{published.crl_url}"]'),
    ):
        monkeypatch.setenv(f"DRIMBOX_TRUSTED_SPACE__{name}", url)
    first = Box(load_settings(source_box.settings_file), on_failure=lambda: None)
    await first.start()
    await first.stop()
    await published.stop()
    silent = f"http://127.0.0.1:{silent_server}/"
    monkeypatch.setenv("DRIMBOX_TRUSTED_SPACE__WHITE_LIST_URL", silent)
    settings = load_settings(source_box.settings_file)
    box = Box(settings, on_failure=lambda: None)
    async with asyncio.timeout(20):  # a download may be silent for 30 s
        await box.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.operator.port)
    writer.write(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await box.stop()
    assert answer.startswith(b"HTTP/1.1 200"), answer
