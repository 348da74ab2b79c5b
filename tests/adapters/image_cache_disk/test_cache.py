"""The cache on disk: bounds, what a crash or a restart leaves, nothing that a UID can choose."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.fakes.dicom_objects import CT, STUDY, encoded, made_up_object

from drimbox.adapters.image_cache_disk import journal
from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.image_cache_disk.folder_lock import try_to_lock
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import SeriesKey

pytestmark = pytest.mark.anyio
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
KIB = 1024


def key(series: int) -> SeriesKey:
    return SeriesKey(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.{series}"))


async def sent(series: int, octets: bytes | None = None) -> AsyncIterator[InstanceStream]:
    image = encoded(made_up_object(1, series=series)) if octets is None else octets

    async def chunks() -> AsyncIterator[bytes]:
        yield image

    uid = SopInstanceUid(f"{STUDY}.{series}.1")
    yield InstanceStream(SopClassUid(CT), uid, EXPLICIT, chunks())


def cache_in(folder: Path, *, max_bytes: int = 10**8, max_age: float = 60) -> DiskImageCache:
    return DiskImageCache(folder / "cache", max_bytes=max_bytes, max_age_seconds=max_age)


async def fill(cache: DiskImageCache, *series: int, octets: bytes | None = None) -> None:
    for number in series:
        copy = cache.open_series(key(number), lambda number=number: sent(number, octets))  # type: ignore[misc]
        assert [i async for i in copy.instances()]
        await cache.settled()


async def is_kept(cache: DiskImageCache, series: int) -> bool:
    return cache.find_series(key(series)) is not None


async def test_the_series_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = cache_in(tmp_path, max_bytes=250 * KIB)
    for number in (1, 2):
        await fill(cache, number, octets=bytes(100 * KIB))
    journals = {p.parent.name: p for p in (tmp_path / "cache").glob(f"*/{journal.NAME}")}
    for path in journals.values():
        os.utime(path, (time.time() - 100, time.time() - 100))
    assert await is_kept(cache_in(tmp_path), 1)  # used now: 2 is the older one
    await fill(cache, 3, octets=bytes(100 * KIB))
    assert [await is_kept(cache, n) for n in (1, 2, 3)] == [True, False, True]


async def test_a_series_that_is_too_old_is_fetched_anew_and_deleted(tmp_path: Path) -> None:
    cache = cache_in(tmp_path, max_age=0.0)
    await fill(cache, 1)
    assert not await is_kept(cache, 1)
    await fill(cache, 2)
    await cache.keep_bounds()  # when 2 had come, its reader may not have left yet
    assert not list((tmp_path / "cache").glob("*/*.dcm"))


async def test_a_series_that_is_being_read_outlives_its_room(tmp_path: Path) -> None:
    """Seen with a bound below the size of a study: its reader was cut where its files had gone."""
    cache = cache_in(tmp_path, max_bytes=50 * KIB)
    octets = bytes(100 * KIB)
    whole = cache.open_series(key(1), lambda: sent(1, octets))
    arriving = whole.streams()
    first = await anext(arriving)
    await cache.settled()  # larger than the bound by itself, and whole
    assert b"".join([chunk async for chunk in first.chunks]) == octets
    assert await is_kept(cache, 1)
    assert not [other async for other in arriving]
    await cache.keep_bounds()
    assert not await is_kept(cache, 1)


@pytest.mark.parametrize("of_another_worker", [False, True])
async def test_what_is_read_goes_once_its_reader_has_gone(
    tmp_path: Path, *, of_another_worker: bool
) -> None:
    await fill(cache_in(tmp_path), 1, octets=bytes(100 * KIB))
    cache = cache_in(tmp_path, max_bytes=50 * KIB)
    reader = cache_in(tmp_path) if of_another_worker else cache
    copy = reader.find_series(key(1))
    assert copy is not None
    instances = copy.instances()
    instance = await anext(instances)
    await fill(cache, 2, octets=bytes(100 * KIB))
    await cache.keep_bounds()
    assert instance.path.is_file()
    assert not await is_kept(cache, 2)
    await instances.aclose()  # type: ignore[attr-defined]
    await cache.keep_bounds()
    assert not instance.path.exists()


@pytest.mark.parametrize("of_another_worker", [False, True])
async def test_what_is_held_stays_until_all_have_let_go(
    tmp_path: Path, *, of_another_worker: bool
) -> None:
    await fill(cache_in(tmp_path), 1, octets=bytes(100 * KIB))
    cache = cache_in(tmp_path, max_bytes=50 * KIB)
    copy = (cache_in(tmp_path) if of_another_worker else cache).find_series(key(1))
    assert copy is not None
    with copy.hold() as is_here:
        with copy.hold() as is_here_still:
            assert is_here
            assert is_here_still
        await cache.keep_bounds()
        assert await is_kept(cache, 1)
    await cache.keep_bounds()
    assert not await is_kept(cache, 1)


async def test_what_went_meanwhile_is_not_held(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    await fill(cache, 1)
    copy = cache.find_series(key(1))
    assert copy is not None
    await cache_in(tmp_path, max_bytes=1).keep_bounds()
    with copy.hold() as is_here:
        assert not is_here


async def test_hundreds_of_readers_of_one_series_take_one_descriptor(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    await fill(cache, 1)
    copy = cache.find_series(key(1))
    assert copy is not None
    before = open_descriptors()
    with ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(copy.hold())
        assert open_descriptors() == before + 1
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_series_that_is_too_old_goes_though_nothing_new_comes(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    await fill(cache, 1)
    assert await is_kept(cache, 1)
    await cache_in(tmp_path, max_age=0.0).keep_bounds()
    assert not list((tmp_path / "cache").glob("*/*.dcm"))


async def test_files_of_before_a_restart_of_the_host_are_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(cache_in(tmp_path), 1)
    assert await is_kept(cache_in(tmp_path), 1)
    monkeypatch.setattr(journal, "boot_id", lambda: "another start")
    assert not await is_kept(cache_in(tmp_path), 1)


@pytest.mark.parametrize("cut", [1, 30, 200])
async def test_a_journal_that_was_cut_makes_no_series(tmp_path: Path, cut: int) -> None:
    await fill(cache_in(tmp_path), 1)
    path = next((tmp_path / "cache").glob(f"*/{journal.NAME}"))
    octets = path.read_bytes()
    path.write_bytes(octets[:-cut])
    cache = cache_in(tmp_path)
    assert not await is_kept(cache, 1)
    await fill(cache, 1)
    assert await is_kept(cache, 1)


async def test_what_is_unfinished_and_nobodys_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "cache" / "left"
    left.mkdir(parents=True)
    (left / "a.part").write_bytes(b"half")
    await fill(cache_in(tmp_path), 1)
    assert left.exists()  # it may be asked for again
    os.utime(left, (time.time() - 100, time.time() - 100))
    await fill(cache_in(tmp_path), 2)
    assert not left.exists()


async def test_what_is_being_transcoded_is_left_alone_for_an_hour(tmp_path: Path) -> None:
    folder = cache_in(tmp_path).temporary_directory
    for name, age in (("fresh", 100), ("left", 4000)):
        (folder / name).mkdir(parents=True)
        (folder / name / "stored.dcm").write_bytes(b"half")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    await fill(cache_in(tmp_path), 1)
    assert [path.name for path in folder.iterdir()] == ["fresh"]


async def test_what_another_process_is_fetching_is_left_alone(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    under_way = tmp_path / "cache" / "under-way"
    lock = try_to_lock(under_way)
    assert lock is not None
    (under_way / "a.part").write_bytes(b"half")
    os.utime(under_way, (time.time() - 100, time.time() - 100))
    await fill(cache, 1)
    assert (under_way / "a.part").exists()
    lock.release()


async def test_the_folder_is_for_nobody_else_and_no_uid_is_a_path(tmp_path: Path) -> None:
    await fill(cache_in(tmp_path), 1)
    paths = list((tmp_path / "cache").rglob("*"))
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths if path.is_dir())
    assert not [path for path in paths if STUDY in path.name]


async def test_octets_that_are_no_data_set_are_passed_on(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    await fill(cache, 1, octets=b"no data set")
    copy = cache.find_series(key(1))
    assert copy is not None
    instance = await copy.get_instance(SopInstanceUid(f"{STUDY}.1.1"))
    assert instance.path.read_bytes()[instance.data_set_offset :] == b"no data set"
    assert instance.frames is None
