"""The purge is called at once, then periodically, and outlives a storage that is away."""

from datetime import datetime

import anyio
import pytest
from tests.fakes.fake_clock import START, FakeClock

from drimbox.entrypoints.worker.purge_worker import PurgeWorker
from drimbox.errors import Unavailable


@pytest.mark.anyio
async def test_it_goes_on_when_the_storage_was_away() -> None:
    purged: list[datetime] = []
    third = anyio.Event()

    async def purge(now: datetime) -> None:
        purged.append(now)
        if len(purged) == 3:
            third.set()
        if len(purged) == 1:
            raise Unavailable("storage")

    async with anyio.create_task_group() as group:
        group.start_soon(PurgeWorker(purge, FakeClock(), period_seconds=0.01).run)
        with anyio.fail_after(5):
            await third.wait()
        group.cancel_scope.cancel()
    assert purged[:3] == [START] * 3
