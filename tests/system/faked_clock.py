"""The wall clock of boxes, set while they run: what the system's own clock may not be, for tests.

libfaketime answers every question for the wall clock inside a process, those of OpenSSL and SQLite
too, and reads how far it is off from a file. The monotonic clock is left alone, as setting a
system's clock leaves it.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path

import aiohttp
import pytest

HOUR = 3600
_MULTIARCH = Path("/usr/lib")
_SEEN_SECONDS = 30.0
_TOLERANCE_SECONDS = 20.0


@lru_cache
def _library() -> Path | None:
    return next(_MULTIARCH.glob("*/faketime/libfaketime.so.1"), None)


@dataclass(frozen=True)
class FakedClock:
    """Right when made; the boxes started with its variables follow it."""

    file: Path

    @classmethod
    def in_folder(cls, folder: Path) -> "FakedClock":
        """Make one; skip the test where libfaketime is not installed."""
        if _library() is None:
            pytest.skip("libfaketime is not installed (apt-get install faketime)")
        clock = cls(folder / "clock")
        clock.set_off_by(0)
        return clock

    @property
    def variables(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            # Not read at each question: that takes more of the processor than the box does.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    async def set(self, seconds: int, *boxes: str) -> None:
        """Set it so far ahead of the true time, or behind, and wait until these boxes show it."""
        self.set_off_by(seconds)
        async with asyncio.timeout(_SEEN_SECONDS), aiohttp.ClientSession(trust_env=False) as http:
            for box in boxes:
                while not await _is_off_by(http, box, seconds):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.1)

    def set_off_by(self, seconds: int) -> None:
        """Set it for boxes that start later."""
        beside = self.file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}")
        # In one step: a box that reads a half-written file would see some other time.
        os.replace(beside, self.file)  # noqa: PTH105


async def _is_off_by(http: aiohttp.ClientSession, box: str, seconds: int) -> bool:
    """Tell whether a box is so far ahead, by the Date of its answers."""
    async with http.get(f"{box}/health/live") as answer:
        there = parsedate_to_datetime(answer.headers["Date"])
    off = (there - datetime.now(UTC)).total_seconds()
    return abs(off - seconds) < _TOLERANCE_SECONDS
