"""An open load: each kind of work at its own rate, whether or not the boxes keep up."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
from tests.reliability.soak.figures import Answer

_LONGEST_SECONDS = 60.0


class WrongAnswer(Exception):
    """The answer is not the one that the load expects."""


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request; do raises WrongAnswer where it was not answered as it should."""

    name: str
    a_second: float
    do: Callable[[], Awaitable[None]]


@dataclass
class Schedule:
    """Starts each work on time until it is over; answers are noted as they come."""

    works: Sequence[Work]
    started: float = field(default_factory=time.monotonic)
    answers: list[Answer] = field(default_factory=list)

    async def run(self, seconds: float) -> None:
        """Start work for so long, and return once all of it has ended."""
        async with asyncio.TaskGroup() as group:
            for number, work in enumerate(self.works):
                # Not all kinds at the same instant: each begins a little later than the one before.
                offset = number / len(self.works) / work.a_second
                group.create_task(self._start_each(group, work, offset, seconds))

    async def _start_each(
        self, group: asyncio.TaskGroup, work: Work, offset: float, seconds: float
    ) -> None:
        count = 0
        while (due := offset + count / work.a_second) < seconds:
            await asyncio.sleep(self.started + due - time.monotonic())
            group.create_task(self._do(work))
            count += 1

    async def _do(self, work: Work) -> None:
        since, problem = time.monotonic(), None
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                await work.do()
        except (aiohttp.ClientError, OSError, TimeoutError, WrongAnswer) as error:
            problem = f"{type(error).__name__}: {error}"
        now = time.monotonic()
        self.answers.append(Answer(since - self.started, work.name, now - since, problem))
