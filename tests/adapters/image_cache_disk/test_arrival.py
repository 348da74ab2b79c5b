"""A series on its way to a disk that is slower than what comes."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.fakes.dicom_objects import CT, STUDY

from drimbox.adapters.image_cache_disk.arrival import ArrivingSeries, most_waiting
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid

pytestmark = pytest.mark.anyio
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
SIZE = 50_000
INSTANCES = 100
MEBIBYTE = 1024 * 1024


class SlowDisk:
    """Writes nothing until it is told to."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self._write = os.writev

    def writev(self, file: int, pieces: Sequence[bytes]) -> int:
        assert self.goes_on.wait(60)
        return self._write(file, pieces)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    disk = SlowDisk()
    monkeypatch.setattr(os, "writev", disk.writev)
    return disk


async def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, disk: SlowDisk) -> None:
    taken = 0
    is_full = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal taken
        taken += SIZE
        if taken >= 4 * SIZE:
            is_full.set()
        yield bytes(SIZE)

    async def instances() -> AsyncIterator[InstanceStream]:
        for number in range(INSTANCES):
            uid = SopInstanceUid(f"{STUDY}.1.{number + 1}")
            yield InstanceStream(SopClassUid(CT), uid, EXPLICIT, chunks())

    series = ArrivingSeries(tmp_path, "", lambda: 3 * SIZE)
    receiving = asyncio.create_task(series.receive(instances()))
    async with asyncio.timeout(60):
        await is_full.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        # One that is being written, three that wait, one that is coming.
        assert taken <= 5 * SIZE
        disk.goes_on.set()
        await receiving
    assert len([one async for one in series.instances()]) == INSTANCES


@pytest.mark.parametrize("series", [0, 1, 4, 20, 64])
def test_what_waits_of_all_series_together_is_bounded(series: int) -> None:
    assert 128 * 1024 <= most_waiting(series) <= 2 * MEBIBYTE
    assert series * most_waiting(series) <= 8 * MEBIBYTE
