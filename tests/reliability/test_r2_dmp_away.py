"""R2: the DMP is away for six hours and comes back: nothing is lost, and all is soon there."""

import os
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from tests.entrypoints.worker.test_outbox_worker import SETTINGS, Box
from tests.fakes.fake_dmp_feeding import FakeDmpFeeding
from tests.fakes.publications import kos_number, made_up_publication
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.errors import Unavailable
from drimbox.model.document_entry import DocumentEntry
from drimbox.model.publication import (
    AlertKind,
    DmpIdentity,
    EncodedSubmission,
    JobState,
)

pytestmark = pytest.mark.anyio
BACKLOG = 5000
# Each study has a KOS and the one that replaces it. The pace of these stands for the whole backlog:
# a claim among 5000 lots takes as long (an index finds it).
STUDIES = 100 if os.environ.get("DRIMBOX_TEST_LONG") == "1" else 8
HOURS_AWAY = 6
DRAINED_WITHIN_SECONDS = 600


class LoadedDmp(FakeDmpFeeding):
    """Away while it is told to be; takes its time, and counts what is under way at once."""

    is_away = True
    under_way = 0
    most_at_once = 0

    async def provide(
        self, submission: EncodedSubmission, *, replaced_entry_uuid: str | None = None
    ) -> None:
        await self._answer()
        await super().provide(submission, replaced_entry_uuid=replaced_entry_uuid)

    async def find_registered(self, unique_id: str, identity: DmpIdentity) -> DocumentEntry | None:
        await self._answer()
        return await super().find_registered(unique_id, identity)

    async def _answer(self) -> None:
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        await anyio.sleep(0 if self.is_away else 0.01)
        self.under_way -= 1
        if self.is_away:
            raise Unavailable("DMP")


@pytest.fixture
async def box(tmp_path: Path, sealing: Sealing) -> AsyncIterator[Box]:
    async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing) as database:
        made = Box(database, sealing)
        made.random = random.Random(2).random
        yield made


async def test_a_backlog_of_six_hours_is_with_the_dmp_ten_minutes_after_it_is_back(
    box: Box,
) -> None:
    dmp = box.dmp = LoadedDmp()
    for study in range(1, STUDIES + 1):
        await box.queue(
            made_up_publication(study=study), made_up_publication(study=study, kos=2, replaces=1)
        )
    await box.run(14 * 60)
    assert await box.open_alerts() == []
    await box.run(HOURS_AWAY * 3600, step=1800)
    assert await box.open_alerts() == [AlertKind.DMP_UNAVAILABLE]
    assert JobState.DEAD not in await box.states()
    waited, lots_a_second = await _drain(box)
    assert waited + BACKLOG / lots_a_second < DRAINED_WITHIN_SECONDS
    assert dmp.most_at_once <= SETTINGS.lots_at_once
    # Each once, and the replacement after what it replaces.
    firsts = {kos_number(study, 1) for study in range(1, STUDIES + 1)}
    assert len(dmp.calls) == len(dmp.documents) == 2 * STUDIES
    assert set(dmp.calls) - firsts == set(dmp.approved)


async def _drain(box: Box) -> tuple[float, float]:
    """Return for how long of the clock there was nothing to do, and the pace of what was done."""
    assert isinstance(box.dmp, LoadedDmp)
    waited, working_seconds = 0.0, 0.0
    async with box.working():
        await box._settle()
        box.dmp.is_away = False
        while len(box.dmp.documents) < 2 * STUDIES:
            box.clock.advance(5)
            box.wake.set()
            waited += 5
            assert waited < DRAINED_WITHIN_SECONDS
            began = time.monotonic()
            await box._settle(DRAINED_WITHIN_SECONDS)
            working_seconds += time.monotonic() - began
    assert set(await box.states()) == {JobState.DONE}
    return waited, 2 * STUDIES / working_seconds
