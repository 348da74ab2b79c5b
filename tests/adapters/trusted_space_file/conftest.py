"""The world of one trusted space."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.trusted_worlds import World, trusted_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with trusted_world(tmp_path) as made:
        yield made
