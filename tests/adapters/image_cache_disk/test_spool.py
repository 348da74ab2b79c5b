"""The spool gives back, in order, what it was given, or says that it does not."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from drimbox.adapters.image_cache_disk.spool import EXTENT_BYTES, Spool, SpoolLog

pytestmark = pytest.mark.anyio


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    made = Spool(tmp_path / "spool", 5 * EXTENT_BYTES)
    yield made
    await made.close()


def chunks(seed: int, total: int) -> list[bytes]:
    """Return octets in pieces of every size, as a PACS sends them."""
    source, made, size = random.Random(seed), list[bytes](), 0
    while size < total:
        made.append(source.randbytes(min(source.choice((1, 700, 131_000, 300_000)), total - size)))
        size += len(made[-1])
    return made


async def keep(log: SpoolLog, pieces: list[bytes]) -> None:
    for count, piece in enumerate(pieces):
        log.keep(piece)
        if count % 8 == 7:
            await log.flush()
    await log.flush()


async def all_of(log: SpoolLog, start: int = 0) -> bytes:
    return b"".join([piece async for piece in log.read(start, log.size)])


async def test_what_was_kept_comes_back_from_wherever_it_is_asked(spool: Spool) -> None:
    log, pieces = spool.open_log(), chunks(1, 2 * EXTENT_BYTES + 12_345)
    await keep(log, pieces)
    whole = b"".join(pieces)
    assert not log.is_lost
    assert await all_of(log) == whole
    start = EXTENT_BYTES - 3
    assert await all_of(log, start) == whole[start:]


async def test_two_logs_are_kept_apart(spool: Spool) -> None:
    logs = [spool.open_log() for _ in range(2)]
    given = [chunks(number, EXTENT_BYTES + 77) for number in range(2)]
    await asyncio.gather(*map(keep, logs, given))
    for log, pieces in zip(logs, given, strict=True):
        assert await all_of(log) == b"".join(pieces)


async def test_the_room_of_a_closed_log_is_used_again(spool: Spool, tmp_path: Path) -> None:
    for number in range(6):
        log, pieces = spool.open_log(), chunks(number, 3 * EXTENT_BYTES)
        await keep(log, pieces)
        assert await all_of(log) == b"".join(pieces)
        log.close()
    assert os.fstat(spool.file).st_size <= 5 * EXTENT_BYTES


async def test_a_log_that_finds_no_room_is_lost_and_others_are_not(spool: Spool) -> None:
    first, second = spool.open_log(), spool.open_log()
    pieces = chunks(3, 3 * EXTENT_BYTES)
    await keep(first, pieces)
    await keep(second, chunks(4, 3 * EXTENT_BYTES))
    assert second.is_lost
    assert await all_of(first) == b"".join(pieces)
    third = spool.open_log()
    await keep(third, [b"there is room again"])
    assert await all_of(third) == b"there is room again"


async def test_what_comes_faster_than_it_is_written_is_lost_not_held(spool: Spool) -> None:
    spool.fastest = float("inf")
    log = spool.open_log()
    for piece in chunks(5, 20 * 1024 * 1024):
        log.keep(piece)  # no thread has a chance to say that it has written
    assert log.is_lost
    await log.flush()
    await asyncio.gather(*spool.writes)
    await asyncio.sleep(0)
    assert spool.waiting_bytes == 0


@pytest.mark.parametrize(("fastest", "is_lost"), [(1.0, True), (float("inf"), False)])
async def test_what_comes_too_fast_to_be_noted_is_lost(
    spool: Spool, fastest: float, *, is_lost: bool
) -> None:
    spool.fastest = fastest
    log = spool.open_log()
    await keep(log, chunks(8, 2 * EXTENT_BYTES))
    assert not log.is_lost
    for piece in chunks(9, 2 * EXTENT_BYTES + 1):
        log.keep(piece)
        await log.flush()
    assert log.is_lost is is_lost


async def test_what_a_frozen_log_has_stays_until_it_is_closed(spool: Spool) -> None:
    log, pieces = spool.open_log(), chunks(10, EXTENT_BYTES)
    await keep(log, pieces)
    log.freeze()
    log.lose()
    other = spool.open_log()
    await keep(other, chunks(11, 3 * EXTENT_BYTES))
    assert b"".join([piece async for piece in log.read(0, EXTENT_BYTES)]) == b"".join(pieces)
    log.close()
    other.close()
    await keep(spool.open_log(), chunks(12, 4 * EXTENT_BYTES))
    assert os.fstat(spool.file).st_size <= 5 * EXTENT_BYTES


async def test_a_disk_that_cannot_be_written_loses_the_log_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    spool = Spool(tmp_path / "spool", 4 * EXTENT_BYTES)
    log = spool.open_log()
    await keep(log, chunks(6, EXTENT_BYTES))
    assert log.is_lost
    await spool.close()


async def test_nobody_finds_the_spool_in_its_folder(spool: Spool, tmp_path: Path) -> None:
    await keep(spool.open_log(), chunks(7, EXTENT_BYTES))
    assert list((tmp_path / "spool").iterdir()) == []
    assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o700
