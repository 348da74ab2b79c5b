"""Who sends a body, or takes an answer, at a drip (N4): let go in time, nobody waits for him."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from drimbox.entrypoints.http import slow_peers
from drimbox.entrypoints.http.listener import HttpListener, peer_tls_context
from drimbox.entrypoints.http.slow_peers import SlowPeerWatch
from drimbox.sandbox.trusted_space.pki import TestPki, organisation_name

HOST = "db1.test.mesimagesmedicales.fr"
NAME = organisation_name(HOST, structure="31", organisation="SITE")
PIECE = bytes(256 * 1024)
ANSWER_BYTES = 64 * 1024 * 1024
_WAIT_SECONDS = 60.0


class Site:
    """A listener whose handlers read a whole body, or send a long answer."""

    def __init__(self, pki: TestPki | None) -> None:
        self.pki = pki
        self.under_way = 0
        self.client: ssl.SSLContext | None = None
        server: ssl.SSLContext | None = None
        if pki is not None:
            issued = pki.issue_server("server", [HOST], NAME)
            server = peer_tls_context(issued.certificate_file, issued.key_file, pki.ca_file)
            peer = pki.issue_client("peer", NAME)
            self.client = ssl.create_default_context(cafile=str(pki.ca_file))
            self.client.load_cert_chain(peer.certificate_file, peer.key_file)
        routes = [
            Route("/form", self._read, methods=["POST"]),
            Route("/images", self._send),
            Route("/small", self._send_at_once),
        ]
        self.listener = HttpListener(Starlette(routes=routes), "127.0.0.1", 0, tls=server)

    async def _read(self, request: Request) -> Response:
        self.under_way += 1
        try:
            return PlainTextResponse(str(len(await request.body())))
        finally:
            self.under_way -= 1

    async def _send(self, request: Request) -> Response:
        del request
        return StreamingResponse(self._pieces(), media_type="application/octet-stream")

    async def _send_at_once(self, request: Request) -> Response:
        del request
        return Response(PIECE * 16)

    async def _pieces(self) -> AsyncIterator[bytes]:
        self.under_way += 1
        try:
            for _ in range(ANSWER_BYTES // len(PIECE)):
                yield PIECE
        finally:
            self.under_way -= 1

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as one who reads no more than he must."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", self.listener.port))
        name = HOST if self.client else None
        return await asyncio.open_connection(
            sock=plain, ssl=self.client, server_hostname=name, limit=1024
        )

    async def is_served(self) -> bool:
        """Tell whether somebody else gets his answer."""
        scheme = "https" if self.client else "http"
        connector = aiohttp.TCPConnector(ssl=self.client or False)
        async with (
            aiohttp.ClientSession(connector=connector, trust_env=False) as http,
            http.post(
                f"{scheme}://127.0.0.1:{self.listener.port}/form",
                data=b"x" * 1000,
                server_hostname=HOST if self.client else None,
            ) as answer,
        ):
            return await answer.text() == "1000"

    async def wait_until_let_go(self) -> None:
        async with asyncio.timeout(_WAIT_SECONDS):
            while self.under_way or self.listener._server.server_state.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.fixture(params=[False, True], ids=["plain", "mutual TLS"])
async def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Site]:
    assert slow_peers.PATIENCE_SECONDS <= 30, "two spans within the minute of N4"
    monkeypatch.setattr(slow_peers, "PATIENCE_SECONDS", 1.0)
    made = Site(TestPki(tmp_path / "pki") if request.param else None)
    await made.listener.start()
    yield made
    await made.listener.stop()


@asynccontextmanager
async def dripping(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Send an octet every now and then, until the other side has had enough."""

    async def drip() -> None:
        with suppress(ConnectionError):
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.1)

    task = asyncio.create_task(drip())
    yield
    task.cancel()
    writer.transport.abort()


@pytest.mark.anyio
@pytest.mark.parametrize("head", ["content-length: 100000", "transfer-encoding: chunked"])
async def test_a_body_that_drips_is_answered_408_while_others_are_served(
    site: Site, head: str
) -> None:
    reader, writer = await site.connect()
    first = b"" if "length" in head else b"f0000\r\n"
    writer.write(f"POST /form HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + first)
    async with dripping(writer):
        assert await site.is_served()
        async with asyncio.timeout(_WAIT_SECONDS):
            assert (await reader.read(100)).startswith(b"HTTP/1.1 408")
        await site.wait_until_let_go()


@pytest.mark.parametrize(
    ("path", "close"),
    [
        pytest.param("/images", "", id="made as it is taken"),
        pytest.param("/small", "", id="whole in the process"),
        pytest.param("/small", "Connection: close\r\n", id="whole, and the last"),
    ],
)
@pytest.mark.anyio
async def test_an_answer_that_nobody_takes_is_cut_while_others_are_served(
    site: Site, path: str, close: str
) -> None:
    reader, writer = await site.connect()
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n{close}\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    assert await site.is_served()
    await site.wait_until_let_go()
    writer.transport.abort()


class ScriptedLoop(asyncio.SelectorEventLoop):
    """Runs nothing: a test ends each span when it wants."""

    def __init__(self) -> None:
        super().__init__()
        self.due: list[asyncio.TimerHandle] = []

    def call_later(self, delay: float, callback: object, *args: object, **kw: object) -> Any:
        assert delay == slow_peers.PATIENCE_SECONDS
        handle = super().call_later(delay, callback, *args, **kw)  # type: ignore[arg-type]
        self.due.append(handle)
        return handle

    def end_span(self) -> None:
        """Run what is due, unless it was called off."""
        handle = self.due.pop()
        if not handle.cancelled():
            handle._run()


class Line:
    """What a peer has moved, and whether he was let go."""

    def __init__(self) -> None:
        self.loop = ScriptedLoop()
        self.moved = 1_000_000
        self.is_let_go = False
        self.watch = SlowPeerWatch(self.loop, lambda: self.moved, self._let_go)

    def _let_go(self) -> None:
        self.is_let_go = True


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.loop.close()


def test_who_moves_enough_in_each_span_may_take_as_long_as_he_likes(line: Line) -> None:
    line.watch.start()
    for _ in range(100):
        line.moved += slow_peers.LEAST_BYTES
        line.loop.end_span()
        assert not line.is_let_go
    line.moved += slow_peers.LEAST_BYTES - 1
    line.loop.end_span()
    assert line.is_let_go
    assert line.loop.due == []


def test_starting_again_gives_no_new_span_and_stopping_ends_it(line: Line) -> None:
    line.watch.start()
    line.moved += slow_peers.LEAST_BYTES
    line.watch.start()
    assert len(line.loop.due) == 1
    line.watch.stop()
    line.loop.end_span()
    assert not line.is_let_go
    line.watch.start()
    line.loop.end_span()
    assert line.is_let_go
