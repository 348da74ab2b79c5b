"""A box that the host gives no more file descriptors: it stays, and goes on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

import aiohttp
import psutil
import pytest
from tests.fakes.reports import message_of
from tests.fixtures.set_up_box import SetUpBox

from drimbox.sandbox.network.processes import Child, accepts_connections
from drimbox.sandbox.ris.mllp_client import send
from drimbox.settings.load import Settings, load_settings

pytestmark = [pytest.mark.anyio, pytest.mark.system]
SECONDS = 90
HELD_CONNECTIONS = 60
SPARE_DESCRIPTORS = 10


@pytest.fixture
def settings(source_box: SetUpBox) -> Settings:
    return load_settings(source_box.settings_file)


@pytest.fixture
async def box(source_box: SetUpBox, settings: Settings) -> AsyncIterator[psutil.Process]:
    """A Source at work, whose partners are all away."""
    arguments = ("-m", "drimbox", "serve", "--settings", str(source_box.settings_file))
    child = Child("box", arguments, source_box.folder / "box.log")
    await child.start()
    port = settings.operator.port
    await child.wait_until(lambda: accepts_connections("127.0.0.1", port), timeout_seconds=SECONDS)
    yield psutil.Process(child.pid)
    await child.stop()


@contextmanager
def connections_held(port: int) -> Iterator[None]:
    """Connect as often as the kernel lets us, and say nothing."""
    with ExitStack() as stack:
        for _ in range(HELD_CONNECTIONS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        yield


async def is_alive(settings: Settings) -> bool:
    url = f"http://127.0.0.1:{settings.browser.port}/health/live"
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(trust_env=False, timeout=timeout) as http,
            http.get(url) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def takes_a_report(settings: Settings) -> bool:
    assert settings.mllp is not None
    try:
        return (await send("127.0.0.1", settings.mllp.port, message_of())).code == "AA"
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        return False


@pytest.mark.parametrize("listener", ["browser", "mllp"])
async def test_a_box_without_descriptors_waits_for_some_and_goes_on(
    box: psutil.Process, settings: Settings, listener: str
) -> None:
    """It neither ends nor runs in circles; once there are some again it works as before."""
    held = getattr(settings, listener)
    few = box.num_fds() + SPARE_DESCRIPTORS
    before = box.rlimit(psutil.RLIMIT_NOFILE)
    box.rlimit(psutil.RLIMIT_NOFILE, (few, before[1]))
    with connections_held(held.port):
        async with asyncio.timeout(SECONDS):
            while box.num_fds() < few - 1:  # noqa: ASYNC110 - the box has no event for us
                await asyncio.sleep(0.1)
        used = sum(box.cpu_times()[:2])
        await asyncio.sleep(3)
        assert box.is_running()
        assert sum(box.cpu_times()[:2]) - used < 1.5, "it runs in circles"
    async with asyncio.timeout(SECONDS):
        while not await is_alive(settings):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        while not await takes_a_report(settings):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
