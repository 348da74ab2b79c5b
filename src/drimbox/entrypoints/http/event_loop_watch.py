"""How long the event loop was held, for /metrics: what every request of this process waited for.

A timer is due every 50 ms. What it is late by, less what this thread waited for a processor that
the host gave to others meanwhile (schedstat, Linux), is what the box itself held the loop for.

    drimbox_event_loop_held_seconds        histogram: how late the loop came to a timer
    drimbox_processor_wait_seconds_total   time of the event loop without a processor to run on
"""

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_EVERY_SECONDS = 0.05
_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_NANOSECONDS = 1e9


class EventLoopWatch(Collector):
    """`run` watches the loop it runs on; `collect` tells what was seen since."""

    def __init__(self) -> None:
        self._held = Histogram(
            "drimbox_event_loop_held_seconds",
            "How late the event loop came to a timer, less its wait for a processor.",
            buckets=_BUCKETS,
            registry=None,
        )
        self._waited = Counter(
            "drimbox_processor_wait_seconds",
            "Time in which the event loop could run and the host gave it no processor.",
            registry=None,
        )

    def collect(self) -> Iterable[Metric]:
        yield from self._held.collect()
        yield from self._waited.collect()

    async def run(self) -> None:
        """Watch until cancelled."""
        with ExitStack() as stack:
            await self.watch(_processor_wait(stack))

    async def watch(self, processor_wait: Callable[[], float]) -> None:
        """Watch until cancelled, with a clock of the seconds this thread waited for a processor."""
        loop = asyncio.get_running_loop()
        before = processor_wait()
        while True:
            due = loop.time() + _EVERY_SECONDS
            await asyncio.sleep(_EVERY_SECONDS)
            late, now = loop.time() - due, processor_wait()
            waited, before = max(now - before, 0.0), now
            self._waited.inc(waited)
            self._held.observe(max(late - waited, 0.0))


def _processor_wait(stack: ExitStack) -> Callable[[], float]:
    """Return a clock of this thread's wait on the run queue, in seconds; 0 where none is told."""
    path = f"/proc/self/task/{threading.get_native_id()}/schedstat"
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return float
    stack.callback(os.close, descriptor)
    # Time on a processor, time waiting for one, turns (Documentation/scheduler/sched-stats.rst).
    return lambda: int(os.pread(descriptor, 100, 0).split()[1]) / _NANOSECONDS
