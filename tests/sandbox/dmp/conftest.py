"""What the tests of the DMP stand-in share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.dmp.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()
