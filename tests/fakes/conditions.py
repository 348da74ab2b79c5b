"""Waiting for what a test expects: as long as a busy machine needs, and no longer than it takes."""

import asyncio
import time
from collections.abc import Callable

# Only a defect lasts so long.
PATIENCE_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 0.01


async def until(is_so: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS) -> float:
    """Wait for what has no event of its own; return how many seconds that took.

    Raises:
        AssertionError: it is not so in all that time.
    """
    since = time.monotonic()
    while not is_so():
        assert time.monotonic() - since < patience_seconds, "it is not so"
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    return time.monotonic() - since


def until_blocking(is_so: Callable[[], bool]) -> float:
    """Do the same in a test that has no event loop."""
    since = time.monotonic()
    while not is_so():
        assert time.monotonic() - since < PATIENCE_SECONDS, "it is not so"
        time.sleep(_LOOK_EVERY_SECONDS)
    return time.monotonic() - since
