"""`drimbox serve --workers 2`: a worker that is killed is replaced, none outlives the first one."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest
from tests.fakes.conditions import until
from tests.fixtures.set_up_box import SetUpBox

from drimbox.sandbox.network.processes import Child, accepts_connections
from drimbox.settings.load import load_settings

pytestmark = [pytest.mark.anyio, pytest.mark.system]
SECONDS = 90


@pytest.fixture
async def first(source_box: SetUpBox) -> AsyncIterator[psutil.Process]:
    """The first worker of two, once it listens."""
    port = load_settings(source_box.settings_file).operator.port
    arguments = ("-m", "drimbox", "serve", "--settings", str(source_box.settings_file))
    child = Child("box", (*arguments, "--workers", "2"), source_box.folder / "box.log")
    await child.start()
    await child.wait_until(lambda: accepts_connections("127.0.0.1", port), timeout_seconds=SECONDS)
    yield psutil.Process(child.pid)
    await child.stop()


def _is_over(process: psutil.Process) -> bool:
    """Whether it has ended, be it that nobody has taken note yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _serves(process: psutil.Process) -> bool:
    """Whether it is a living `drimbox serve`; it may end while we look."""
    try:
        return not _is_over(process) and "serve" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


async def _only_other(first: psutil.Process) -> psutil.Process:
    """Wait for the one process of `drimbox serve` that it has started, and return it."""
    async with asyncio.timeout(SECONDS):
        while len(others := [one for one in first.children() if _serves(one)]) != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return others[0]


async def test_a_worker_that_was_killed_is_replaced_and_none_is_left_behind(
    first: psutil.Process,
) -> None:
    killed = await _only_other(first)
    killed.kill()
    killed.wait(SECONDS)
    other = await _only_other(first)
    assert other.pid != killed.pid
    first.kill()
    await until(lambda: _is_over(other), SECONDS)
