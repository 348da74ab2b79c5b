"""Objects reach an Orthanc that fails for a moment; one that refuses them is told at once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from drimbox.errors import DrimboxError, RejectedByPartner, Unavailable
from drimbox.sandbox.pacs.orthanc_loading import load_instances

pytestmark = pytest.mark.anyio
OBJECTS = [f"object {n}".encode() for n in range(12)]
Answer = Callable[[web.Request], web.Response]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{n:04}.dcm" for n in range(len(OBJECTS))]
    for path, octets in zip(paths, OBJECTS, strict=True):
        path.write_bytes(octets)
    return paths


class Storage:
    """Takes objects; each is answered by `fails` until it has come that often."""

    def __init__(self, fails: Answer, times: int) -> None:
        self.fails = fails
        self.times = times
        self.came: list[bytes] = []
        self.stored: list[bytes] = []

    async def post(self, request: web.Request) -> web.Response:
        octets = await request.read()
        self.came.append(octets)
        if self.came.count(octets) <= self.times:
            return self.fails(request)
        self.stored.append(octets)
        return web.Response()


@asynccontextmanager
async def served(storage: Storage) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    application = web.Application()
    application.router.add_post("/instances", storage.post)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(trust_env=False) as session:
            yield session, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def answer_500(request: web.Request) -> web.Response:
    del request
    return web.Response(status=500)


def break_off(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def refuse(request: web.Request) -> web.Response:
    del request
    return web.Response(status=400)


@pytest.mark.parametrize("fails", [answer_500, break_off])
async def test_what_fails_for_a_moment_is_sent_again(files: list[Path], fails: Answer) -> None:
    storage = Storage(fails, times=2)
    async with served(storage) as (session, url):
        await load_instances(session, url, files)
    assert sorted(storage.stored) == sorted(OBJECTS)


@pytest.mark.parametrize(
    ("fails", "error", "attempts"),
    [
        (answer_500, RejectedByPartner, 4),
        (break_off, Unavailable, 4),
        (refuse, RejectedByPartner, 1),
    ],
)
async def test_what_fails_for_good_is_told(
    files: list[Path], fails: Answer, error: type[DrimboxError], attempts: int
) -> None:
    storage = Storage(fails, times=1000)
    async with served(storage) as (session, url):
        with pytest.raises(error, match="0000"):
            await load_instances(session, url, files[:1])
    assert len(storage.came) == attempts
