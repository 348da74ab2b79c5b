"""R8, the short form: mutated inputs of each family; `scripts/fuzz` runs the millions.

No exception but ours, no answer of 5xx, no second of work, no memory that stays.
"""

import gc
import time
from collections.abc import Iterator

import psutil
import pytest
from tests.fuzz.door_families import DOORS
from tests.fuzz.families import FAMILIES
from tests.fuzz.mutations import mutations_of

EXECUTIONS = 200
LONGEST_SECONDS = 1.0
MOST_GROWTH_BYTES = 64 * 1024 * 1024


@pytest.fixture(scope="module", autouse=True)
def doors() -> Iterator[None]:
    yield
    DOORS.close()


@pytest.mark.parametrize("name", FAMILIES)
def test_whatever_comes_is_read_or_refused(name: str) -> None:
    family = FAMILIES[name]
    for seed in family.seeds:
        family.try_one(seed)
    gc.collect()
    before = psutil.Process().memory_info().rss
    for octets in mutations_of(family, EXECUTIONS, seed=8):
        # Of this process, so that what others do on the machine is not counted.
        since = time.process_time()
        try:
            family.try_one(octets)
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__} on {octets!r}") from error
        assert time.process_time() - since < LONGEST_SECONDS, octets
    gc.collect()
    assert psutil.Process().memory_info().rss - before < MOST_GROWTH_BYTES
