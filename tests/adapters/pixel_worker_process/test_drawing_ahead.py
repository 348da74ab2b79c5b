"""Pictures drawn ahead: one at a time, never twice, and nobody waits for more than the one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drimbox.adapters.pixel_worker_process.drawing_ahead import MAX_WAITING, DrawingAhead
from drimbox.adapters.pixel_worker_process.picture_memory import Key
from drimbox.errors import MalformedMessage
from drimbox.ports.pixel_worker import Rendering

pytestmark = pytest.mark.anyio


class Easel:
    """Draws when it is told to; `begun` has the keys in the order in which drawing began."""

    def __init__(self) -> None:
        self.begun: list[Key] = []
        self.beginnings: asyncio.Queue[Key] = asyncio.Queue()
        self.may_end = asyncio.Event()
        self.failure: MalformedMessage | None = None

    async def draw(self, key: Key, path: Path, rendering: Rendering) -> bytes:
        self.begun.append(key)
        self.beginnings.put_nowait(key)
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        return f"{key} {path} {rendering.frame}".encode()


@pytest.fixture
def easel() -> Easel:
    return Easel()


@pytest.fixture
async def ahead(easel: Easel) -> AsyncIterator[DrawingAhead]:
    ahead = DrawingAhead(easel.draw)
    yield ahead
    await ahead.stop()


async def begun(easel: Easel, count: int) -> None:
    async with asyncio.timeout(30):
        while len(easel.begun) < count:
            await easel.beginnings.get()


async def test_they_are_drawn_one_after_the_other(ahead: DrawingAhead, easel: Easel) -> None:
    for key in "abc":
        ahead.add(key, Path(key), Rendering())
    await begun(easel, 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert easel.begun == ["a"]
    easel.may_end.set()
    await begun(easel, 3)
    assert easel.begun == ["a", "b", "c"]


async def test_who_asks_for_what_is_being_drawn_waits_for_it(
    ahead: DrawingAhead, easel: Easel
) -> None:
    ahead.add("a", Path("a"), Rendering(frame=7))
    await begun(easel, 1)
    asked = asyncio.create_task(ahead.under_way("a"))
    await asyncio.sleep(0)
    easel.may_end.set()
    assert await asked == b"a a 7"
    assert easel.begun == ["a"]


async def test_what_still_waits_is_left_to_who_asks_for_it(
    ahead: DrawingAhead, easel: Easel
) -> None:
    ahead.add("a", Path("a"), Rendering())
    ahead.add("b", Path("b"), Rendering())
    await begun(easel, 1)
    assert await ahead.under_way("b") is None
    easel.may_end.set()
    ahead.add("c", Path("c"), Rendering())
    await begun(easel, 2)
    assert easel.begun == ["a", "c"]


async def test_the_oldest_of_too_many_is_dropped(ahead: DrawingAhead, easel: Easel) -> None:
    ahead.add("first", Path("a"), Rendering())
    await begun(easel, 1)
    for number in range(MAX_WAITING + 2):
        ahead.add(number, Path("a"), Rendering())
    easel.may_end.set()
    await begun(easel, MAX_WAITING + 1)
    assert easel.begun == ["first", *range(2, MAX_WAITING + 2)]


async def test_what_is_being_drawn_is_not_drawn_again(ahead: DrawingAhead, easel: Easel) -> None:
    ahead.add("a", Path("a"), Rendering())
    await begun(easel, 1)
    ahead.add("a", Path("a"), Rendering())
    ahead.add("b", Path("b"), Rendering())
    easel.may_end.set()
    await begun(easel, 2)
    assert easel.begun == ["a", "b"]


async def test_what_cannot_be_drawn_is_told_to_who_waits_and_stops_nothing(
    ahead: DrawingAhead, easel: Easel
) -> None:
    easel.failure = MalformedMessage("no pixels")
    ahead.add("a", Path("a"), Rendering())
    ahead.add("b", Path("b"), Rendering())
    await begun(easel, 1)
    asked = asyncio.create_task(ahead.under_way("a"))
    await asyncio.sleep(0)
    easel.may_end.set()
    with pytest.raises(MalformedMessage):
        await asked
    await begun(easel, 2)


async def test_who_leaves_does_not_stop_the_drawing(ahead: DrawingAhead, easel: Easel) -> None:
    ahead.add("a", Path("a"), Rendering())
    await begun(easel, 1)
    left, stayed = (asyncio.create_task(ahead.under_way("a")) for _ in range(2))
    await asyncio.sleep(0)
    left.cancel()
    easel.may_end.set()
    assert await stayed == b"a a 1"


async def test_nothing_is_drawn_after_the_end(ahead: DrawingAhead, easel: Easel) -> None:
    ahead.add("a", Path("a"), Rendering())
    ahead.add("b", Path("b"), Rendering())
    await begun(easel, 1)
    await ahead.stop()
    assert easel.begun == ["a"]
