"""An answer whose length is not known: its pieces arrive whole, soon, and not faster than read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from drimbox.entrypoints.http.listener import HttpListener

pytestmark = pytest.mark.anyio
SMALL = b"small"


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve the application and yield its URL."""
    listener = HttpListener(app, "127.0.0.1", 0)
    await listener.start()
    try:
        yield f"http://127.0.0.1:{listener.port}/"
    finally:
        await listener.stop()


@asynccontextmanager
async def asked(app: ASGIApp) -> AsyncIterator[aiohttp.ClientResponse]:
    """Ask the application once and yield its answer, of which the head has come."""
    async with served(app) as url, aiohttp.ClientSession() as session, session.get(url) as answer:
        yield answer


@pytest.mark.parametrize("size", [1, 32 * 1024 - 1, 32 * 1024, 3 * 1024 * 1024])
@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("GET", [], id="chunked"),
        pytest.param("GET", [(b"content-length", b"LENGTH")], id="of known length"),
        pytest.param("HEAD", [], id="asked for its head only"),
    ],
)
async def test_pieces_of_any_size_arrive_whole(
    method: str, headers: list[tuple[bytes, bytes]], size: int
) -> None:
    pieces = [bytes([i]) * size for i in (1, 2, 3)]
    told = [(name, b"%d" % (3 * size)) for name, _ in headers]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": told})
        for piece in pieces[:2]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": pieces[2], "more_body": False})

    async with served(app) as url, aiohttp.ClientSession() as session:
        # Twice: what the first answer left behind would be taken for the second.
        for _ in range(2):
            async with session.request(method, url) as answer:
                assert await answer.read() == (b"" if method == "HEAD" else b"".join(pieces))


async def test_large_pieces_wait_for_whoever_reads_them_and_end_with_him() -> None:
    sent = 0
    is_over = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal sent
        del scope
        await send({"type": "http.response.start", "status": 200, "headers": []})
        leaving = asyncio.ensure_future(receive())
        try:
            while not leaving.done():
                await send({"type": "http.response.body", "body": PIECE, "more_body": True})
                sent += len(PIECE)
                await asyncio.sleep(0)
        finally:
            leaving.cancel()
            is_over.set()

    async def receive_until_left() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port, limit=2**16)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(1000)
        before = -1
        while before != sent:  # until nothing more is taken
            before = sent
            await asyncio.sleep(0.2)
        writer.close()

    listener = HttpListener(app, "127.0.0.1", 0)
    await listener.start()
    try:
        async with asyncio.timeout(30):
            await receive_until_left()
            await is_over.wait()
    finally:
        await listener.stop()
    # What the sockets of both sides hold, and what may wait in the process.
    assert sent < 64 * 1024 * 1024


PIECE = bytes(1024 * 1024)


async def test_a_small_piece_does_not_wait_for_the_next_one() -> None:
    has_come = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": SMALL, "more_body": True})
        await has_come.wait()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with asyncio.timeout(30), asked(app) as answer:
        assert await answer.content.readexactly(len(SMALL)) == SMALL
        has_come.set()
        assert await answer.read() == b""


async def test_what_came_before_a_failure_is_sent_before_the_answer_is_cut() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": SMALL, "more_body": True})
        raise ConnectionError

    async with asyncio.timeout(30), asked(app) as answer:
        assert await answer.content.readexactly(len(SMALL)) == SMALL
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
