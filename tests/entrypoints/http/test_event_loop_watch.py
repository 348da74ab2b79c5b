"""What holds the event loop is in the metrics; what the host took away is told apart from it."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from drimbox.entrypoints.http.event_loop_watch import EventLoopWatch

pytestmark = pytest.mark.anyio
HELD_SECONDS = 0.3


def figure(watch: EventLoopWatch, name: str, **labels: str) -> float:
    (found,) = [
        sample.value
        for metric in watch.collect()
        for sample in metric.samples
        if sample.name == name and sample.labels == labels
    ]
    return found


def rounds(watch: EventLoopWatch, most: str = "+Inf") -> float:
    """Return how many timers were late by so much at most."""
    return figure(watch, "drimbox_event_loop_held_seconds_bucket", le=most)


async def until_another_round(watch: EventLoopWatch) -> None:
    seen = rounds(watch)
    async with asyncio.timeout(30):
        while rounds(watch) == seen:  # noqa: ASYNC110 - nothing tells when the watch looks
            await asyncio.sleep(0.01)


@contextmanager
def watching(watch: EventLoopWatch, clock: Callable[[], float] | None = None) -> Iterator[None]:
    task = asyncio.create_task(watch.run() if clock is None else watch.watch(clock))
    try:
        yield
    finally:
        task.cancel()


async def test_what_holds_the_loop_is_counted_where_it_belongs() -> None:
    watch = EventLoopWatch()
    with watching(watch):
        await until_another_round(watch)
        short = rounds(watch, "0.25")
        time.sleep(HELD_SECONDS)  # noqa: ASYNC251 - this is what is to be seen
        await until_another_round(watch)
    assert rounds(watch) - rounds(watch, "0.25") >= 1
    assert rounds(watch, "0.25") == short
    assert figure(watch, "drimbox_event_loop_held_seconds_sum") > HELD_SECONDS - 0.1


async def test_a_host_without_a_processor_for_us_is_not_ours_to_answer_for() -> None:
    waited = [0.0]
    watch = EventLoopWatch()
    with watching(watch, lambda: waited[0]):
        await until_another_round(watch)
        long = rounds(watch) - rounds(watch, "0.25")
        time.sleep(HELD_SECONDS)  # noqa: ASYNC251 - as if something else ran meanwhile
        waited[0] += HELD_SECONDS
        await until_another_round(watch)
    assert rounds(watch) - rounds(watch, "0.25") == long
    assert figure(watch, "drimbox_processor_wait_seconds_total") == HELD_SECONDS


async def test_the_wait_for_a_processor_is_what_the_kernel_tells() -> None:
    watch = EventLoopWatch()
    with watching(watch):
        await until_another_round(watch)
        assert 0 <= figure(watch, "drimbox_processor_wait_seconds_total") < 30
