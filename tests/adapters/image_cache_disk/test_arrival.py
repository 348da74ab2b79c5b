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
        self.is_asked = threading.Event()
        self._write = os.writev

    def writev(self, file: int, pieces: Sequence[bytes]) -> int:
        self.is_asked.set()
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


async def one_instance(number: int = 1) -> AsyncIterator[InstanceStream]:
    async def chunks() -> AsyncIterator[bytes]:
        yield bytes(SIZE)
        yield b"end"

    uid = SopInstanceUid(f"{STUDY}.1.{number}")
    yield InstanceStream(SopClassUid(CT), uid, EXPLICIT, chunks())


async def taken_by(series: ArrivingSeries) -> list[bytes]:
    return [chunk async for stream in series.streams() async for chunk in stream.chunks]


@pytest.mark.parametrize("is_in_memory", [False, True])
async def test_who_waits_for_octets_gets_them_as_they_came(
    tmp_path: Path, *, is_in_memory: bool
) -> None:
    series = ArrivingSeries(tmp_path, "", is_in_memory=is_in_memory)
    first, second = (asyncio.create_task(taken_by(series)) for _ in range(2))
    await asyncio.sleep(0)
    await series.receive(one_instance())
    # The second one reads the file, and so does who comes later.
    assert await first == [bytes(SIZE), b"end"]
    assert await second == [bytes(SIZE) + b"end"] == await taken_by(series)


async def test_octets_are_held_only_as_far_as_there_is_room(tmp_path: Path) -> None:
    series = ArrivingSeries(tmp_path, "", lambda: SIZE)
    waiting = asyncio.create_task(taken_by(series))
    await asyncio.sleep(0)
    await series.receive(one_instance())
    assert await waiting == [bytes(SIZE) + b"end"]


async def test_what_goes_to_memory_needs_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[int] = []
    write = os.writev

    def writev(file: int, pieces: Sequence[bytes]) -> int:
        writers.append(threading.get_ident())
        return write(file, pieces)

    monkeypatch.setattr(os, "writev", writev)
    for is_in_memory in (True, False):
        await ArrivingSeries(tmp_path, "", is_in_memory=is_in_memory).receive(one_instance())
    assert [one == threading.get_ident() for one in writers] == [True, False]


async def test_an_image_of_an_earlier_try_can_be_read_until_it_is_here_again(
    tmp_path: Path, disk: SlowDisk
) -> None:
    disk.goes_on.set()
    await ArrivingSeries(tmp_path, "").receive(one_instance())
    before = images_in(tmp_path)
    disk.goes_on.clear()
    disk.is_asked.clear()
    receiving = asyncio.create_task(ArrivingSeries(tmp_path, "").receive(one_instance()))
    assert await asyncio.to_thread(disk.is_asked.wait, 60)
    assert images_in(tmp_path) == before
    disk.goes_on.set()
    await receiving
    assert images_in(tmp_path) == before


def images_in(folder: Path) -> list[bytes]:
    assert len(list(folder.glob("*.dcm"))) == 1
    return [path.read_bytes() for path in folder.glob("*.dcm")]
