"""30 s doubling to 15 minutes, drawn with full jitter."""

import random

import pytest

from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.settings.partners import PublicationSettings

SETTINGS = PublicationSettings(retrieve_url_host="db1.test")


@pytest.mark.parametrize(
    ("attempts", "ceiling"),
    [
        (1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 900), (7, 900), (10_000, 900),
    ],
)  # fmt: skip
def test_the_ceiling_doubles_up_to_fifteen_minutes(attempts: int, ceiling: float) -> None:
    assert RetryDelay(SETTINGS, lambda: 1.0).seconds(attempts) == ceiling


def test_a_delay_is_never_nothing() -> None:
    assert RetryDelay(SETTINGS, lambda: 0.0).seconds(1) == 1.0


def test_delays_spread_over_the_whole_range() -> None:
    delay = RetryDelay(SETTINGS, random.Random(7).random)
    drawn = sorted(delay.seconds(6) for _ in range(1000))
    assert drawn[100] < 150
    assert drawn[900] > 750
