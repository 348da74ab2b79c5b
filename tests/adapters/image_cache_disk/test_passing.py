"""A series that passes and is too large to be noted: asked for once more, for all who ask."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.image_cache_disk.spool import EXTENT_BYTES
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import SeriesKey, SeriesStreams

pytestmark = pytest.mark.anyio
KEY = SeriesKey(StudyInstanceUid("1.2.3"), SeriesInstanceUid("1.2.3.1"))
COUNT = 24
SIZE = 1_000_000


class Series:
    """Two dozen instances of a megabyte; the first retrieval halts in the middle of the last."""

    def __init__(self) -> None:
        self.retrievals = 0
        self.is_halted = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> AsyncIterator[InstanceStream]:
        self.retrievals += 1
        is_first = self.retrievals == 1
        for number in range(COUNT):
            yield InstanceStream(
                SopClassUid("1.2.840.10008.5.1.4.1.1.2"),
                SopInstanceUid(f"1.2.3.1.{number + 1}"),
                TransferSyntaxUid("1.2.840.10008.1.2.1"),
                self._chunks(number, halts=is_first and number == COUNT - 1),
            )

    async def _chunks(self, number: int, *, halts: bool) -> AsyncIterator[bytes]:
        yield bytes([number]) * (SIZE // 2)
        if halts:
            self.is_halted.set()
            await self.may_end.wait()
        yield bytes([number]) * (SIZE // 2)


async def sizes(series: SeriesStreams) -> list[int]:
    return [sum([len(c) async for c in stream.chunks]) async for stream in series.streams()]


async def test_what_was_not_noted_is_retrieved_once_more_for_all_who_ask(tmp_path: Path) -> None:
    # A quarter of this is the spool's.
    room = 16 * EXTENT_BYTES
    caches = [
        DiskImageCache(tmp_path / "cache", max_bytes=room, max_age_seconds=60) for _ in range(2)
    ]
    series = Series()
    passing = caches[0].pass_series(KEY, series)
    first = asyncio.create_task(sizes(passing))
    async with asyncio.timeout(20):
        await series.is_halted.wait()
        late = [sizes(cache.open_series(KEY, series)) for cache in (*caches, *caches)]
        # They do not wait for the first one, which the PACS lets wait.
        answers = await asyncio.gather(*late)
        series.may_end.set()
        assert await first == [SIZE] * COUNT
    passing.abandon()
    assert answers == [[SIZE] * COUNT] * 4
    assert series.retrievals == 2
    for cache in caches:
        await cache.settled()
        await cache.stop()


async def test_room_is_kept_for_no_longer_than_the_first_reader(tmp_path: Path) -> None:
    cache = DiskImageCache(tmp_path / "cache", max_bytes=10**9, max_age_seconds=60)
    series = Series()
    series.may_end.set()
    passing = cache.pass_series(KEY, series)
    assert await sizes(passing) == [SIZE] * COUNT
    passing.abandon()
    await cache.settled()
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert left == []
    await cache.stop()
