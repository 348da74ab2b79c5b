"""R12: a listener that stops lets in nobody new, and gives what was asked for before, whole."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from drimbox.entrypoints.http import listener
from drimbox.entrypoints.http.listener import HttpListener

pytestmark = pytest.mark.anyio
_WAIT_SECONDS = 60.0
PIECE = b"x" * 100_000
PIECES = 20


class Site:
    """A download that goes on when it is told to, and a form that is still being sent."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()
        self.is_sent_a_form = asyncio.Event()
        routes = [
            Route("/images", self._images),
            Route("/form", self._form, methods=["POST"]),
        ]
        self.listener = HttpListener(Starlette(routes=routes), "127.0.0.1", 0)

    async def _images(self, request: Request) -> Response:
        del request
        return StreamingResponse(self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield PIECE
        await self.goes_on.wait()
        for _ in range(PIECES - 1):
            yield PIECE

    async def _form(self, request: Request) -> Response:
        self.is_sent_a_form.set()
        return PlainTextResponse(str(len(await request.body())))

    async def ask(self, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.port)
        writer.write(request)
        return reader, writer


async def test_what_is_under_way_ends_well_and_nothing_new_begins() -> None:
    assert listener._GRACE_SECONDS == 30
    site = Site()
    await site.listener.start()
    reading, reader_side = await site.ask(b"GET /images HTTP/1.1\r\nHost: x\r\n\r\n")
    await reading.readuntil(b"\r\n\r\n")
    sending, sender_side = await site.ask(
        b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345"
    )
    idle, idle_side = await site.ask(b"")
    await site.is_sent_a_form.wait()
    stopping = asyncio.create_task(site.listener.stop())
    async with asyncio.timeout(_WAIT_SECONDS):
        # Who asks for nothing is let go at once: from then on, nobody is let in.
        assert await idle.read() == b""
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await site.ask(b"GET /images HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not stopping.done()
        site.goes_on.set()
        sender_side.write(b"67890")
        assert (await sending.read()).endswith(b"\r\n\r\n10")
        assert (await reading.read()).count(b"x") == PIECES * len(PIECE)
        await stopping
    for writer in (reader_side, sender_side, idle_side):
        writer.close()
