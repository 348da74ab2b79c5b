"""R15: certificates are replaced while the box works: no handshake fails, and none is restarted."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from starlette.types import Receive, Scope, Send
from tests.fakes.boxes import SOURCE, ListedBoxes, box
from tests.fakes.conditions import until
from tests.fakes.replaced_files import ReplacedFiles

from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.entrypoints.http.hardened import client_certificate
from drimbox.entrypoints.http.listener import HttpListener, following, peer_tls_context
from drimbox.gateway.renewals import Renewals
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name
from drimbox.settings.renewed import Renewed

ROTATIONS = 100
CALLERS = 4
LENGTH = [(b"content-length", b"2")]
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# The box runs on uvloop, whose TLS is its own.
ON_UVLOOP = pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop")], scope="module"
)
pytestmark = [pytest.mark.anyio, ON_UVLOOP]


@dataclass
class Site:
    """A peer listener and a box that calls it, each with a certificate that is replaced."""

    pki: TestPki
    server: ReplacedFiles
    client: ReplacedFiles
    renewals: Renewals = field(default_factory=Renewals)
    port: int = 0
    seen_of_server: set[int] = field(default_factory=set)
    seen_of_client: set[int] = field(default_factory=set)
    is_over: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        der = client_certificate(scope)
        assert der is not None
        self.seen_of_client.add(x509.load_der_x509_certificate(der).serial_number)
        await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
        await send({"type": "http.response.body", "body": b"ok"})

    async def handshakes(self) -> int:
        """Shake hands anew for each request until it is over; whatever fails is raised."""
        done, tls = 0, _client_context(self, self.pki)
        while not self.is_over:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.port, ssl=tls, server_hostname=SOURCE
            )
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self.seen_of_server.add(x509.load_der_x509_certificate(shown).serial_number)
            writer.write(REQUEST)
            assert (await reader.read()).endswith(b"ok")
            writer.close()
            done += 1
        return done

    async def requests(self, connection: PeerConnection) -> int:
        """Ask as a Consommatrice does, on connections that it keeps, until it is over."""
        done = 0
        while not self.is_over:
            async with connection.request(box(SOURCE).peer, "GET", "/") as answer:
                assert answer.status == 200
                await answer.read()
            done += 1
            await asyncio.sleep(0)
        return done


def _issue(pki: TestPki, number: int) -> tuple[Issued, Issued]:
    name = organisation_name(SOURCE, structure="31", organisation="SITE")
    return (
        pki.issue_server(f"server-{number}", [SOURCE], name),
        pki.issue_client(f"client-{number}", name),
    )


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[None]:
    files = site.server.files
    contexts = Renewed(
        files.every_file,
        lambda: peer_tls_context(files.certificate_file, files.key_file, files.ca_file),
    )
    site.renewals.follow({"peer.tls": contexts})
    listener = HttpListener(site, "127.0.0.1", 0, tls=following(contexts))
    await listener.start()
    site.port = listener.port
    try:
        yield
    finally:
        await listener.stop()


@asynccontextmanager
async def calling(site: Site) -> AsyncIterator[PeerConnection]:
    connection = PeerConnection(
        site.client.files, ListedBoxes(port=site.port), allow_private_addresses=True
    )
    site.renewals.follow({"peer_client": connection.tls})
    await connection.start()
    try:
        yield connection
    finally:
        await connection.stop()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    pki = TestPki(tmp_path / "pki")
    server, client = _issue(pki, 0)
    return Site(
        pki,
        ReplacedFiles.in_folder(tmp_path / "server", server, pki.ca_file),
        ReplacedFiles.in_folder(tmp_path / "client", client, pki.ca_file),
    )


async def test_no_handshake_fails_while_both_sides_rotate_a_hundred_times_under_load(
    site: Site,
) -> None:
    async with listening(site), calling(site) as connection:
        load = [asyncio.create_task(site.handshakes()) for _ in range(CALLERS)]
        load += [asyncio.create_task(site.requests(connection)) for _ in range(CALLERS)]
        for number in range(1, ROTATIONS + 1):
            server, client = _issue(site.pki, number)
            # A look between the two files finds a key of another certificate, and keeps the former.
            site.server.replace(server, between=site.renewals.renew)
            site.client.replace(client, between=site.renewals.renew)
            await asyncio.to_thread(site.renewals.renew)
            await until(_seen(site.seen_of_server, server, load))
            await until(_seen(site.seen_of_client, client, load))
        site.is_over = True
        done = await asyncio.gather(*load)
    assert min(done) > 0
    assert sum(done) >= 2 * ROTATIONS


def _seen(serials: set[int], issued: Issued, load: list[asyncio.Task[int]]) -> Callable[[], bool]:
    """Tell whether a handshake has shown this certificate; a caller that failed ends the wait."""
    serial = issued.certificate.serial_number

    def look() -> bool:
        for task in load:
            if task.done():
                task.result()
        return serial in serials

    return look


async def test_authorities_are_replaced_too_those_of_before_are_believed_no_more(
    site: Site, tmp_path: Path
) -> None:
    other = TestPki(tmp_path / "other")
    async with listening(site):
        assert await _is_let_in(site, site.pki)
        assert not await _is_let_in(site, other)
        files = site.server.files
        beside = files.ca_file.with_suffix(".new")
        beside.write_bytes(other.ca_file.read_bytes())
        beside.replace(files.ca_file)
        site.renewals.renew()
        assert await _is_let_in(site, other)
        assert not await _is_let_in(site, site.pki)


def _client_context(site: Site, pki: TestPki) -> ssl.SSLContext:
    """Return that of a caller with a certificate of this PKI."""
    _, client = _issue(pki, 0)
    tls = ssl.create_default_context(cafile=str(site.pki.ca_file))
    tls.load_cert_chain(client.certificate_file, client.key_file)
    return tls


async def _is_let_in(site: Site, pki: TestPki) -> bool:
    tls = _client_context(site, pki)
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", site.port, ssl=tls, server_hostname=SOURCE
        )
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
    except OSError:  # TLS 1.3 tells a refused certificate on the first read
        return False
    return answer.endswith(b"ok")
