"""S1: the Retrieve URL of a KOS is looked up in the white list, and never dialled."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.boxes import SOURCE
from tests.fakes.manifests import made_up_series
from tests.fakes.peer_source import NUMBERS, PeerSource, peer_source
from tests.fakes.two_boxes import TwoBoxes, consommatrice

from drimbox.errors import DrimboxError, Refused

pytestmark = pytest.mark.anyio
PATH = "/dicom-web/studies/1/series/2"
OTHER_HOSTS = [
    "127.0.0.1",
    "127.1",
    "localhost",
    "0.0.0.0",  # noqa: S104
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[fe80::1%25eth0]",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "192.168.1.1:104",
    "127.0.0.1.nip.io",
    "metadata.google.internal",
    "pacs.hopital.test:8042",
    f"{SOURCE}.attacker.test",
    f"{SOURCE}.",
    f"{SOURCE}..",
    f"x{SOURCE}",
    f"evil-{SOURCE}",
    f"{SOURCE}%00.attacker.test",
    f"{SOURCE}%2eattacker.test",
    f"{SOURCE}%2f@attacker.test",
    f"{SOURCE}:443@attacker.test",
    f"{SOURCE}@attacker.test",
    f"{SOURCE}\\@attacker.test",
    f"user:pass@{SOURCE}.attacker.test",
    f"attacker.test#{SOURCE}",
    f"attacker.test?{SOURCE}",
    f"attacker.test/{SOURCE}",
    f"attacker.test\\{SOURCE}",
    f"attacker.test;{SOURCE}",
    f"attacker.test,{SOURCE}",
    f"attacker.test {SOURCE}",
    f"attacker.test\r\nHost: {SOURCE}",
    f"attacker.test\t{SOURCE}",
    SOURCE.replace(".", "\u3002"),
    SOURCE.replace(".", "\uff0e"),
    SOURCE.replace("e", "\u0435"),
    SOURCE.replace("db1", "db\u00b9"),
    SOURCE.replace("db1", "db8"),
    SOURCE.replace("test.", "test.test."),
    SOURCE.replace("mes", "*"),
    "mesimagesmedicales.fr",
    "*",
    "",
]
URLS = [f"https://{host}{PATH}" for host in OTHER_HOSTS] + [
    "file:///etc/passwd",
    "gopher://127.0.0.1:104/_",
    "dict://127.0.0.1:11211/",
    "ftp://attacker.test/a",
    "javascript:alert(1)",
    "data:text/html,x",
    "//attacker.test/a",
    "\\\\attacker.test\\a",
    "/etc/passwd",
    "../../../etc/passwd",
    "https:attacker.test",
    "https:///attacker.test",
    "http://[",
    "https://[::1",
    "",
]


class Attempts:
    """Names and addresses that this process looks up or connects to, while it is told to watch."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.is_watching = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.is_watching:
            return
        if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname"}:
            self.seen.append(f"{event} {arguments[1] if event == 'socket.connect' else arguments}")

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        self.seen, self.is_watching = [], True
        try:
            yield self.seen
        finally:
            self.is_watching = False


ATTEMPTS = Attempts()


@pytest.fixture(scope="module")
async def source(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PeerSource]:
    async with peer_source(tmp_path_factory.mktemp("source")) as running:
        yield running


@pytest.fixture
async def boxes(source: PeerSource, tmp_path: Path) -> AsyncIterator[TwoBoxes]:
    async with consommatrice(source, tmp_path) as running:
        yield running


def name_in_kos(boxes: TwoBoxes, url: str) -> None:
    series = (made_up_series(2, len(NUMBERS), retrieve_url=url),)
    boxes.site.dmp.entries.clear()
    boxes.site.dmp.hold(replace(boxes.manifest, series=series))


def test_there_are_sixty_of_them() -> None:
    assert len(set(URLS)) >= 60


@pytest.mark.parametrize("url", URLS)
@pytest.mark.requirement("EC-1")
async def test_what_is_not_on_the_white_list_is_connected_to_by_nobody(
    boxes: TwoBoxes, url: str
) -> None:
    name_in_kos(boxes, url)
    caller = boxes.caller
    with ATTEMPTS.watched() as seen:
        try:
            await boxes.hashes(caller)
        except DrimboxError as error:
            failure: DrimboxError | None = error
        else:
            failure = None
    assert seen == []
    assert isinstance(failure, Refused), failure


@pytest.mark.parametrize(
    "url",
    [
        f"https://{SOURCE}{PATH}",
        f"https://{SOURCE.upper()}{PATH}",
        f"https://{SOURCE}:8443/somewhere/else/studies/9.9/series/../../../../admin?x=%0d%0a#y",
        f"https://user:secret@{SOURCE}/",
        f"http://{SOURCE}/plain",
    ],
)
async def test_of_a_white_listed_host_nothing_but_the_name_is_used(
    boxes: TwoBoxes, url: str
) -> None:
    """Scheme, port, user, path and query are ours; and the watcher does see a connection."""
    name_in_kos(boxes, url)
    caller = boxes.caller
    with ATTEMPTS.watched() as seen:
        assert len(await boxes.hashes(caller)) == len(NUMBERS)
    port = boxes.source.boxes.port
    assert set(seen) == {f"socket.connect ('127.0.0.1', {port})"}
