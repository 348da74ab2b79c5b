"""Work wanted by several at once: done once, shared, and taken over where the first one leaves."""

import anyio
import pytest

from drimbox.errors import NotFound
from drimbox.flows.shared_work import SharedWork

pytestmark = pytest.mark.anyio


class Work:
    def __init__(self, error: NotFound | None = None) -> None:
        self.runs = 0
        self.may_end = anyio.Event()
        self.error = error

    async def __call__(self) -> int:
        self.runs += 1
        number = self.runs
        await self.may_end.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_work_under_way_is_shared_and_done_anew_afterwards() -> None:
    shared, work, results = SharedWork[str, int](), Work(), []

    async def ask() -> None:
        results.append(await shared.run("key", work))

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        assert work.runs == 1
        work.may_end.set()
    assert results == [1, 1, 1]
    assert await shared.run("key", work) == 2


async def test_another_key_is_other_work() -> None:
    shared, work = SharedWork[str, int](), Work()
    work.may_end.set()
    assert [await shared.run(key, work) for key in "ab"] == [1, 2]


async def test_an_error_is_shared_too() -> None:
    shared, work, errors = SharedWork[str, int](), Work(NotFound("nothing")), []

    async def ask() -> None:
        with pytest.raises(NotFound) as raised:
            await shared.run("key", work)
        errors.append(raised.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        work.may_end.set()
    assert work.runs == 1
    assert errors[0] is errors[1]


async def test_who_waits_takes_over_from_a_caller_that_is_cancelled() -> None:
    shared, work, results = SharedWork[str, int](), Work(), []
    first = anyio.CancelScope()

    async def leave() -> None:
        with first:
            await shared.run("key", work)

    async def ask() -> None:
        results.append(await shared.run("key", work))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(leave)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        first.cancel()
        await anyio.wait_all_tasks_blocked()
        work.may_end.set()
    assert results == [2]
