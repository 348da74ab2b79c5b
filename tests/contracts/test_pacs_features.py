"""What a PACS lacks is known to every worker and after a restart, for a week."""

import pytest
from tests.fakes.fake_clock import FakeClock
from tests.fakes.fake_pacs_features import FakePacsFeatures

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.pacs_features import SqlPacsFeatures
from drimbox.ports.pacs_features import PacsFeature, PacsFeatures

pytestmark = pytest.mark.anyio
DAY = 24 * 3600
PACS, OTHER = "PACS at 10.0.0.7:104", "PACS at 10.0.0.8:104"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def features(database_or_fake: Database | None, clock: FakeClock) -> PacsFeatures:
    if database_or_fake is None:
        return FakePacsFeatures(clock)
    return SqlPacsFeatures(database_or_fake, clock)


async def test_nothing_is_lacking_before_it_was_tried(features: PacsFeatures) -> None:
    assert await features.find_lacks(PACS) == frozenset()


async def test_what_one_pacs_lacks_is_not_said_of_another(features: PacsFeatures) -> None:
    await features.note_lack(PACS, PacsFeature.C_GET)
    assert await features.find_lacks(PACS) == {PacsFeature.C_GET}
    assert await features.find_lacks(OTHER) == frozenset()


async def test_it_is_tried_anew_a_week_after_it_was_last_found_lacking(
    features: PacsFeatures, clock: FakeClock
) -> None:
    await features.note_lack(PACS, PacsFeature.C_GET)
    clock.advance(6 * DAY)
    await features.note_lack(PACS, PacsFeature.C_GET)
    clock.advance(6 * DAY)
    assert await features.find_lacks(PACS) == {PacsFeature.C_GET}
    clock.advance(DAY)
    assert await features.find_lacks(PACS) == frozenset()
