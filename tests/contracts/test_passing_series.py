"""What ports.image_cache promises of a series that passes: shared with all who ask meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.series_workers import (
    KEY,
    NUMBERS,
    WORKERS,
    Sender,
    Workers,
    all_of,
    data_set,
    octets_in,
    octets_of,
    uid,
    until_copy,
    whole,
    workers_of,
)

from drimbox.errors import Unavailable
from drimbox.flows.image_streams import close
from drimbox.ports.image_cache import ImageCache

pytestmark = pytest.mark.anyio


@pytest.fixture(params=WORKERS)
async def workers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workers]:
    async with workers_of(request.param, tmp_path) as made:
        yield made


@pytest.mark.requirement("SO.40")
async def test_what_passes_alone_leaves_no_copy(workers: Workers) -> None:
    sender = Sender()
    sender.let()
    passing = workers[0].pass_series(KEY, sender)
    assert await octets_of(passing) == [data_set(n) for n in NUMBERS]
    assert workers[0].find_series(KEY) is None
    passing.abandon()
    await asyncio.wait_for(sender.closed.wait(), 30)
    assert workers[1].find_series(KEY) is None
    await _not_expected(workers[1])


async def test_a_series_that_passes_is_expected_on_every_worker(workers: Workers) -> None:
    sender = Sender()
    assert not workers[0].is_expected(KEY)
    passing = workers[0].pass_series(KEY, sender)
    assert workers[0].is_expected(KEY)
    assert workers[1].is_expected(KEY)
    passing.abandon()
    await _not_expected(workers[0])


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("read", [0, 1, 2, 3])
async def test_who_asks_for_what_passes_gets_all_of_it(workers: Workers, read: int) -> None:
    """Whenever that is: before the first instance, between two, after the last."""
    sender = Sender()
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    sender.let(read)
    before = [await octets_in(await anext(reader)) for _ in range(read)]
    copies = [cache.open_series(KEY, sender) for cache in (*workers, *workers)]
    asked = [asyncio.ensure_future(octets_of(copy)) for copy in copies]
    sender.let()
    async with asyncio.timeout(30):
        after = [await octets_in(stream) async for stream in reader]
        others = await asyncio.gather(*asked)
    assert before + after == [data_set(n) for n in NUMBERS]
    assert others == [[data_set(n) for n in NUMBERS]] * 4
    passing.abandon()
    assert sender.started == 1


async def test_who_asks_in_the_middle_of_an_instance_gets_all_of_it(workers: Workers) -> None:
    sender = Sender()
    sender.let()
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    stream = await anext(reader)
    head = await anext(stream.chunks)
    other = asyncio.ensure_future(octets_of(workers[1].open_series(KEY, sender)))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(30):
        mine = [head + await octets_in(stream), *[await octets_in(s) async for s in reader]]
        assert await other == mine == [data_set(n) for n in NUMBERS]
    passing.abandon()
    assert sender.started == 1


async def test_who_asked_goes_on_without_the_first(workers: Workers) -> None:
    """A reader that is slow holds nobody up, one that leaves ends nothing."""
    sender = Sender()
    sender.let(1)
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    stream = await anext(reader)
    await anext(stream.chunks)
    copy = workers[1].open_series(KEY, sender)
    assert (await asyncio.wait_for(copy.get_instance(uid(3)), 30)).sop_instance_uid == uid(3)
    await _close(stream.chunks, reader)
    passing.abandon()
    other = asyncio.ensure_future(octets_of(copy))
    await asyncio.sleep(0.3)
    sender.let()
    assert await asyncio.wait_for(other, 30) == [data_set(n) for n in NUMBERS]
    assert sender.started == 1


@pytest.mark.parametrize("seconds", [0, 0.05])
async def test_who_asks_as_the_first_leaves_gets_all_of_it(
    workers: Workers, seconds: float
) -> None:
    """The first may take with it what it was waiting for."""
    sender = Sender()
    sender.let(1)
    passing = workers[0].pass_series(KEY, sender)
    first = asyncio.ensure_future(octets_of(passing))
    await asyncio.sleep(0.1)
    other = asyncio.ensure_future(octets_of(workers[1].open_series(KEY, sender)))
    await asyncio.sleep(seconds)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    passing.abandon()
    await asyncio.sleep(0.1)
    sender.let(20)
    assert await asyncio.wait_for(other, 30) == [data_set(n) for n in NUMBERS]
    await until_copy(lambda: workers[1].find_series(KEY), lambda c: c.version is not None)
    assert sender.started == sender.ended


async def test_a_failure_of_what_passes_is_told_to_all(workers: Workers) -> None:
    sender = Sender(fails_after=1)
    passing = workers[0].pass_series(KEY, sender)
    copy = workers[1].open_series(KEY, sender)
    asked = [asyncio.ensure_future(octets_of(one)) for one in (passing, copy)]
    sender.let()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    passing.abandon()
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert sender.started == 1


async def test_what_passed_and_was_left_is_asked_for_anew(workers: Workers) -> None:
    sender = Sender()
    sender.let(1)
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    await anext(reader)
    await _close(reader)
    passing.abandon()
    await asyncio.wait_for(sender.closed.wait(), 30)
    again = await whole(workers[1])
    assert await all_of(again) == [uid(n) for n in NUMBERS]


async def _close(*iterators: AsyncIterator[object]) -> None:
    for iterator in iterators:
        await close(iterator)


async def _not_expected(cache: ImageCache) -> None:
    async with asyncio.timeout(30):
        while cache.is_expected(KEY):  # noqa: ASYNC110  # another worker's, perhaps
            await asyncio.sleep(0.01)
