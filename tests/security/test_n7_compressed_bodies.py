"""N7: a compressed body is refused (415) at every door that reads one, and never inflated."""

import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from tests.fakes.boxes import ListedBoxes
from tests.fixtures.set_up_box import SetUpBox

from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.gateway.box import Box
from drimbox.settings.load import Settings, load_settings
from drimbox.settings.partners import TlsFiles

pytestmark = pytest.mark.anyio
BOMB = gzip.compress(bytes(16 * 1024 * 1024))
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.fixture
async def settings(source_box: SetUpBox) -> AsyncIterator[Settings]:
    """Of a Source at work."""
    loaded = load_settings(source_box.settings_file)
    box = Box(loaded, on_failure=lambda: None)
    await box.start()
    yield loaded
    await box.stop()


def _browser(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.browser.port}"


def _peer(settings: Settings) -> str:
    assert settings.peer is not None
    return f"https://127.0.0.1:{settings.peer.port}"


def _operator(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.operator.port}"


DOORS = (
    (_browser, "/oauth2/token", FORM),
    (_browser, "/oauth2/introspect", FORM),
    (_peer, "/oauth2/token", FORM),
    (_operator, "/admin/audit/search", JSON),
)


async def test_a_compressed_body_is_refused_at_every_door(
    source_box: SetUpBox, settings: Settings
) -> None:
    client = source_box.keys.consumer.peer_client
    files = TlsFiles(
        certificate_file=client.certificate_file,
        key_file=client.key_file,
        ca_file=source_box.keys.anchors,
    )
    tls = PeerConnection(files, ListedBoxes()).tls.current
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session:
        for listener, path, media_type in DOORS:
            for coding in ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, identity"):
                headers = {"Content-Type": media_type, "Content-Encoding": coding}
                url = f"{listener(settings)}{path}"
                async with session.post(url, data=BOMB, headers=headers) as answer:
                    assert answer.status == 415, (path, coding)
                    await answer.read()
