"""R10: more than a box can do at once is told to come back, at once; the rest is done."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from drimbox.entrypoints.http.listener import HttpListener

pytestmark = pytest.mark.anyio
CAPACITY = 20
WORK_SECONDS = 0.1


async def work(request: Request) -> Response:
    del request
    await asyncio.sleep(WORK_SECONDS)
    return PlainTextResponse("done")


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    application = Starlette(routes=[Route("/work", work)])
    listener = HttpListener(application, "127.0.0.1", 0, max_requests=CAPACITY)
    await listener.start()
    try:
        yield f"http://127.0.0.1:{listener.port}/work"
    finally:
        await listener.stop()


async def ask(url: str) -> tuple[int, float, str | None]:
    """Ask once, on a connection of its own; return status, time and Retry-After."""
    since = time.monotonic()
    async with aiohttp.ClientSession(trust_env=False) as session, session.get(url) as answer:
        await answer.read()
        return answer.status, time.monotonic() - since, answer.headers.get("Retry-After")


async def test_three_times_what_can_be_done_is_done_by_a_third_and_refused_at_once() -> None:
    async with listening() as url:
        answers = await asyncio.gather(*(ask(url) for _ in range(3 * CAPACITY)))
        done = [one for one in answers if one[0] == 200]
        refused = [one for one in answers if one[0] == 503]
        assert len(done) + len(refused) == len(answers)
        assert len(done) >= 0.9 * CAPACITY
        assert refused
        assert {retry_after for _, _, retry_after in refused} == {"10"}
        assert statistics.median(seconds for _, seconds, _ in refused) < WORK_SECONDS + 0.1


async def test_what_was_refused_is_done_once_the_load_is_over() -> None:
    async with listening() as url:
        await asyncio.gather(*(ask(url) for _ in range(3 * CAPACITY)))
        since = time.monotonic()
        while (await ask(url))[0] != 200:
            assert time.monotonic() - since < 10
        answers = [await asyncio.gather(*(ask(url) for _ in range(CAPACITY // 2)))]
        assert {status for status, _, _ in answers[0]} == {200}
