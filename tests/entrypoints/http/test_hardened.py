"""The listener against hostile connections: N1, N3, N4, N5, N6, N9 of the security page."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path

import pytest
from cryptography import x509
from starlette.types import Receive, Scope, Send

from drimbox.entrypoints.http import hardened, listener
from drimbox.entrypoints.http.hardened import client_certificate
from drimbox.entrypoints.http.listener import HttpListener, browser_tls_context, peer_tls_context
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name

pytestmark = pytest.mark.anyio
NAME = organisation_name("db1.test.mesimagesmedicales.fr", structure="31", organisation="SITE")


class Recorder:
    """An application that notes what reached it."""

    def __init__(self) -> None:
        self.certificates: list[bytes | None] = []
        self.has_no_delay: list[bool] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        self.has_no_delay.append(_has_no_delay(send))
        self.certificates.append(client_certificate(scope))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def _has_no_delay(send: Send) -> bool:
    """Tell whether the connection behind uvicorn's send has TCP_NODELAY."""
    transport = attrgetter("__self__.cycle.transport")(send)
    accepted = transport.get_extra_info("socket")
    return bool(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@asynccontextmanager
async def plain_listener(recorder: Recorder) -> AsyncIterator[HttpListener]:
    made = HttpListener(recorder, "127.0.0.1", 0)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def plain(recorder: Recorder) -> AsyncIterator[HttpListener]:
    async with plain_listener(recorder) as made:
        yield made


@pytest.fixture
def pki(tmp_path: Path) -> TestPki:
    return TestPki(tmp_path / "pki")


@asynccontextmanager
async def mutual_listener(pki: TestPki, recorder: Recorder) -> AsyncIterator[HttpListener]:
    server = pki.issue_server("server", ["db1.test.mesimagesmedicales.fr"], NAME)
    context = peer_tls_context(server.certificate_file, server.key_file, pki.ca_file)
    made = HttpListener(recorder, "127.0.0.1", 0, tls=context)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def mutual(pki: TestPki, recorder: Recorder) -> AsyncIterator[HttpListener]:
    async with mutual_listener(pki, recorder) as made:
        yield made


async def exchange(
    port: int, request: bytes, tls: ssl.SSLContext | None = None, name: str | None = None
) -> bytes:
    """Send, then read until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 15)
    finally:
        writer.close()


def _peer_side(issued: Issued, authorities: Path) -> ssl.SSLContext:
    return peer_tls_context(issued.certificate_file, issued.key_file, authorities)


def _browser_side(issued: Issued, authorities: Path) -> ssl.SSLContext:
    del authorities
    return browser_tls_context(issued.certificate_file, issued.key_file)


def client_context(pki: TestPki, issued: Issued | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(pki.ca_file))
    if issued is not None:
        context.load_cert_chain(issued.certificate_file, issued.key_file)
    return context


GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


async def test_the_application_sees_the_certificate_of_the_handshake(
    mutual: HttpListener, pki: TestPki, recorder: Recorder
) -> None:
    client = pki.issue_client("client", NAME)
    answer = await exchange(mutual.port, GET + b"\r\n", client_context(pki, client))
    assert answer.startswith(b"HTTP/1.1 200")
    seen = recorder.certificates[0]
    assert seen is not None
    assert x509.load_der_x509_certificate(seen) == client.certificate


async def test_a_forged_certificate_header_is_not_a_certificate(
    plain: HttpListener, recorder: Recorder
) -> None:
    forged = b"Client-Cert: :MIIB:\r\nX-SSL-Client-Verify: SUCCESS\r\nX_SSL_Client: 1\r\n\r\n"
    await exchange(plain.port, GET + forged)
    assert recorder.certificates == [None]


@pytest.mark.requirement("SO.90")
@pytest.mark.requirement("SO.98")
@pytest.mark.requirement("S-cert")
async def test_hostile_certificates_never_reach_the_application(
    mutual: HttpListener, pki: TestPki, recorder: Recorder, tmp_path: Path
) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    foreign = TestPki(tmp_path / "foreign")
    hostile = {
        "no certificate": None,
        "of another authority": foreign.issue_client("foreign", NAME),
        "expired": pki.issue_client("expired", NAME, not_after=yesterday),
        "for servers only": pki.issue_server("other", ["x.test"], NAME),
        "for signing only": pki.issue_signing("signing", NAME),
    }
    for label, issued in hostile.items():
        try:
            answer = await exchange(mutual.port, GET + b"\r\n", client_context(pki, issued))
        except (ssl.SSLError, ConnectionError):
            answer = b""
        assert answer == b"", label
    assert recorder.certificates == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(GET + b"A: " + b"a" * 40_000 + b"\r\n\r\n", b"431", id="one header of 40 kB"),
        pytest.param(GET + b"A: b\r\n" * 20_000 + b"\r\n", b"431", id="20 000 headers"),
        pytest.param(b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431", id="URL"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"400",
            id="Content-Length with Transfer-Encoding",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            b"400",
            id="two lengths",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            b"400",
            id="unknown transfer coding",
        ),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", b"400", id="TLS on a plain port"),
    ],
)
async def test_a_request_over_the_limits_or_ambiguous_is_refused_once(
    plain: HttpListener, recorder: Recorder, request_bytes: bytes, status: bytes
) -> None:
    answer = await exchange(plain.port, request_bytes)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1
    assert recorder.certificates == []


async def test_half_a_header_is_answered_408_at_its_deadline(
    plain: HttpListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardened, "HEADER_DEADLINE_SECONDS", 0.3)
    answer = await exchange(plain.port, b"GET / HTTP/1.1\r\nHost: x\r\nA: b")
    assert answer.startswith(b"HTTP/1.1 408")


async def test_a_handshake_that_does_not_begin_is_given_up_at_its_deadline(
    pki: TestPki, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert listener.HANDSHAKE_SECONDS <= 12
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 0.3)
    async with mutual_listener(pki, recorder) as mutual:
        assert await exchange(mutual.port, b"") == b""


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        pytest.param(ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0", id="TLS 1.0"),
        pytest.param(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0", id="TLS 1.1"),
        pytest.param(ssl.TLSVersion.TLSv1_2, "ECDHE+AES+SHA256:@SECLEVEL=0", id="CBC"),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("make", [_peer_side, _browser_side], ids=["peer", "browser"])
async def test_what_is_weak_of_tls_is_refused(
    make: Callable[[Issued, Path], ssl.SSLContext],
    version: ssl.TLSVersion,
    ciphers: str,
    pki: TestPki,
    recorder: Recorder,
) -> None:
    """N9: 1.2 at least, and authenticated encryption, on both listeners."""
    server = pki.issue_server("server", ["db1.test.mesimagesmedicales.fr"], NAME)
    made = HttpListener(recorder, "127.0.0.1", 0, tls=make(server, pki.ca_file))
    weak = client_context(pki, pki.issue_client("peer", NAME))
    weak.minimum_version = ssl.TLSVersion.TLSv1
    weak.maximum_version = version
    weak.set_ciphers(ciphers)
    good = client_context(pki, pki.issue_client("peer2", NAME))
    name = "db1.test.mesimagesmedicales.fr"
    await made.start()
    try:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await exchange(made.port, GET + b"\r\n", weak, name)
        assert recorder.certificates == []
        assert (await exchange(made.port, GET + b"\r\n", good, name)).startswith(b"HTTP/1.1 200")
    finally:
        await made.stop()


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_hundreds_that_say_nothing_are_let_go_and_keep_nobody_waiting(
    pki: TestPki, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, *, is_encrypted: bool
) -> None:
    """Half a header each, or no handshake at all."""
    monkeypatch.setattr(listener, "HANDSHAKE_SECONDS", 2)
    monkeypatch.setattr(hardened, "HEADER_DEADLINE_SECONDS", 2)
    async with mutual_listener(pki, recorder) if is_encrypted else plain_listener(recorder) as one:
        silent = [await asyncio.open_connection("127.0.0.1", one.port) for _ in range(300)]
        for _, writer in silent:
            writer.write(b"" if is_encrypted else b"GET / HTTP/1.1\r\nHost: x\r\nA: b")
        tls = client_context(pki, pki.issue_client("peer", NAME)) if is_encrypted else None
        name = "db1.test.mesimagesmedicales.fr" if is_encrypted else None
        assert (await exchange(one.port, GET + b"\r\n", tls, name)).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*(reader.read() for reader, _ in silent))
        for _, writer in silent:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    assert {end[:12] for end in ends} == {b"" if is_encrypted else b"HTTP/1.1 408"}


async def test_a_second_request_on_the_connection_has_its_own_deadline(
    plain: HttpListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardened, "HEADER_DEADLINE_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", plain.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"0\r\n\r\n")
    await asyncio.sleep(0.5)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_body_of_an_answer_does_not_wait_for_its_head_to_be_acknowledged(
    plain: HttpListener, recorder: Recorder
) -> None:
    await exchange(plain.port, GET + b"\r\n")
    assert recorder.has_no_delay == [True]
