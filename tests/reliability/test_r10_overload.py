"""R10: more than a box can do at once is told to come back, at once; the rest is done."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import islice

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from drimbox.entrypoints.http.listener import HttpListener

pytestmark = pytest.mark.anyio
CAPACITY = 20
DEMAND = 3 * CAPACITY


@dataclass
class Box:
    """A listener of which the work takes until it may end."""

    url: str = ""
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, request: Request) -> Response:
        del request
        await self.may_end.wait()
        return PlainTextResponse("done")

    async def ask(self) -> tuple[int, str | None]:
        """Ask once, on a connection of its own; return status and Retry-After."""
        async with aiohttp.ClientSession(trust_env=False) as session, session.get(self.url) as one:
            await one.read()
            return one.status, one.headers.get("Retry-After")


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    made = Box()
    application = Starlette(routes=[Route("/work", made.work)])
    listener = HttpListener(application, "127.0.0.1", 0, max_requests=CAPACITY)
    await listener.start()
    made.url = f"http://127.0.0.1:{listener.port}/work"
    yield made
    made.may_end.set()
    await listener.stop()


async def test_of_three_times_what_can_be_done_a_third_is_and_the_rest_refused_at_once(
    box: Box,
) -> None:
    """At once: while not one of those that are let in is done."""
    asking = [asyncio.create_task(box.ask()) for _ in range(DEMAND)]
    refused = [await one for one in islice(asyncio.as_completed(asking), DEMAND - CAPACITY)]
    assert set(refused) == {(503, "10")}
    box.may_end.set()
    assert sorted(await asyncio.gather(*asking))[:CAPACITY] == [(200, None)] * CAPACITY


async def test_what_was_refused_is_done_once_the_load_is_over(box: Box) -> None:
    asking = [asyncio.create_task(box.ask()) for _ in range(DEMAND)]
    for one in islice(asyncio.as_completed(asking), DEMAND - CAPACITY):
        await one
    box.may_end.set()
    await asyncio.gather(*asking)
    async with asyncio.timeout(30):
        while (await box.ask())[0] != 200:
            pass
    again = await asyncio.gather(*(box.ask() for _ in range(CAPACITY // 2)))
    assert {status for status, _ in again} == {200}
