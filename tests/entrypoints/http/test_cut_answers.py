"""A PACS that breaks in the middle of an answer: the client sees a cut, the log has one line."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.listener import HttpListener
from drimbox.errors import TimedOut, Unavailable

pytestmark = pytest.mark.anyio
FAILURES: dict[str, Exception] = {
    "gone": Unavailable("PACS", "closed the connection"),
    "late": TimedOut("PACS", 30),
    "defect": KeyError("a defect of ours"),
}


async def _fails(request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"the beginning"
        raise FAILURES[request.path_params["how"]]

    return StreamingResponse(body())


async def _fails_at_once(request: Request) -> Response:
    raise FAILURES[request.path_params["how"]]


@pytest.fixture
async def listener() -> AsyncIterator[HttpListener]:
    routes = [Route("/dicom-web/{how}", _fails), Route("/early/{how}", _fails_at_once)]
    handlers = exception_handlers()
    made = HttpListener(Starlette(routes=routes, exception_handlers=handlers), "127.0.0.1", 0)
    await made.start()
    yield made
    await made.stop()


async def _answer(listener: HttpListener, path: str) -> bytes:
    """Return everything that comes until the other end closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: box\r\n\r\n".encode())
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("how", ["gone", "late"])
async def test_an_answer_that_fails_on_its_way_is_cut_and_told_in_one_line(
    listener: HttpListener, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    with capture_logs() as logs:
        answer = await _answer(listener, f"/dicom-web/{how}?a=secret")
    assert answer.startswith(b"HTTP/1.1 200")
    # The last chunk, of no length, is what would end it in order (RFC 9112 7.1).
    assert answer.endswith(b"d\r\nthe beginning\r\n")
    error = type(FAILURES[how]).__name__
    assert [(line["event"], line["error"], line["door"]) for line in logs] == [
        ("answer_cut", error, "dicom-web")
    ]
    assert caplog.records == []


async def test_a_defect_on_the_way_is_still_told_with_its_place(
    listener: HttpListener, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await _answer(listener, "/dicom-web/defect")
    assert answer.endswith(b"d\r\nthe beginning\r\n")
    assert any(record.exc_info for record in caplog.records)


async def test_a_failure_before_the_head_has_its_status(listener: HttpListener) -> None:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"GET /early/gone HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 503")
        writer.close()
