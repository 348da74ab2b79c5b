"""One running demo for the system tests of a worker; tests of group "demo" share it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from tests.system.demo_session import DemoSession
from tests.system.ports import free_addresses

from drimbox.sandbox.chromium import Chromium, running_chromium
from drimbox.sandbox.network.descriptor import descriptor_of
from drimbox.sandbox.network.network import DemoOptions, demo_network

IMAGE_CACHE = Path("~/.cache/drimbox/images").expanduser()
_FIRST = "test_memory.py"
_LAST = "test_logs_tell_nobody.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Weigh the boxes before they remember much; search the logs after all that wrote them."""
    items.sort(key=lambda item: (item.path.name != _FIRST, item.path.name == _LAST))


@pytest.fixture(scope="session")
async def demo(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DemoSession]:
    """The whole network, running: `drimbox demo` without its command line."""
    options = DemoOptions(
        folder=tmp_path_factory.mktemp("demo"),
        image_cache=IMAGE_CACHE,
        addresses=free_addresses(),
    )
    timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)
    async with (
        demo_network(options, lambda *_: None) as running,
        aiohttp.ClientSession(
            timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as http,
    ):
        yield DemoSession(descriptor=descriptor_of(running), http=http, running=running)


@pytest.fixture(scope="module")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """A browser that nobody has signed in with yet."""
    async with running_chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
