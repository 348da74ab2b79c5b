"""N6: a request whose end two readers could see at two places has one answer at most: 400."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from drimbox.entrypoints.http.listener import HttpListener

pytestmark = pytest.mark.anyio
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = b"%d" % len(HIDDEN)
CHUNKED = b"0\r\n\r\n"


def _post(*headers: bytes, body: bytes = CHUNKED + HIDDEN, end: bytes = b"\r\n") -> bytes:
    return end.join([b"POST / HTTP/1.1", b"Host: x", *headers, b"", b""]) + body


VECTORS = {
    "a length and chunks": _post(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "chunks and a length": _post(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "two lengths": _post(b"Content-Length: 0", b"Content-Length: " + LENGTH, body=HIDDEN),
    "two lengths in one": _post(b"Content-Length: 0, " + LENGTH, body=HIDDEN),
    "a signed length": _post(b"Content-Length: +0", body=HIDDEN),
    "a hexadecimal length": _post(b"Content-Length: 0x0", body=HIDDEN),
    "a folded header": _post(b"Transfer-Encoding:", b" chunked"),
    "a space before the colon": _post(b"Transfer-Encoding : chunked"),
    "another coding": _post(b"Transfer-Encoding: xchunked"),
    "two codings": _post(b"Transfer-Encoding: chunked, identity"),
    "twice, once otherwise": _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"),
    "line feeds alone": _post(b"Transfer-Encoding: chunked", end=b"\n"),
    "a carriage return alone": _post(b"X: y\rTransfer-Encoding: chunked"),
    "a chunk of no size": _post(b"Transfer-Encoding: chunked", body=b"x\r\n\r\n" + HIDDEN),
    "a chunk longer than it says": _post(
        b"Transfer-Encoding: chunked", body=b"1\r\nabc\r\n0\r\n\r\n" + HIDDEN
    ),
    "a chunk size too large": _post(
        b"Transfer-Encoding: chunked", body=b"1" + b"0" * 16 + b"\r\n" + HIDDEN
    ),
}


class Site:
    """Reads the whole body, and notes which paths were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        while (await receive()).get("more_body"):
            pass
        head = {"type": "http.response.start", "status": 200, "headers": []}
        await send(head)
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def site() -> AsyncIterator[tuple[Site, int]]:
    made = Site()
    listener = HttpListener(made, "127.0.0.1", 0)
    await listener.start()
    yield made, listener.port
    await listener.stop()


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
async def test_what_is_ambiguous_has_one_answer_and_hides_no_request(
    site: tuple[Site, int], vector: bytes
) -> None:
    made, port = site
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(vector)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith(b"HTTP/1.1 400")
    assert "/hidden" not in made.asked
