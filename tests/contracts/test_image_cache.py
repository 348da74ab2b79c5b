"""What ports.image_cache promises, by the fake and on a disk shared by two workers."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import orjson
import pytest
from tests.fakes.dicom_objects import CT, STUDY, encoded, made_up_object
from tests.fakes.fake_image_cache import FakeImageCache

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import NotFound, Unavailable
from drimbox.flows.image_streams import close
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import ImageCache, SeriesCopy, SeriesKey, SeriesStreams

pytestmark = pytest.mark.anyio

KEY = SeriesKey(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.1"))
OTHER = SeriesKey(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.2"))
URL = f"http://box/dicom-web/studies/{STUDY}/series/{STUDY}.1"
NUMBERS = (3, 1, 2)
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")


def uid(number: int) -> SopInstanceUid:
    return SopInstanceUid(f"{STUDY}.1.{number}")


def data_set(number: int) -> bytes:
    return encoded(made_up_object(number))


class Sender:
    """Sends a series, an instance each time it is allowed to."""

    def __init__(self, fails_after: int | None = None, lingers_seconds: float = 0) -> None:
        self.fails_after = fails_after
        self.lingers_seconds = lingers_seconds
        self.started = 0
        self.closed = asyncio.Event()
        self.allowed = asyncio.Semaphore(0)

    def let(self, count: int = len(NUMBERS) + 1) -> None:
        for _ in range(count):
            self.allowed.release()

    async def __call__(self) -> AsyncIterator[InstanceStream]:
        self.started += 1
        try:
            for sent, number in enumerate(NUMBERS):
                await self.allowed.acquire()
                if sent == self.fails_after:
                    raise Unavailable("PACS", "went away")
                yield InstanceStream(SopClassUid(CT), uid(number), EXPLICIT, self._chunks(number))
            await self.allowed.acquire()
        finally:
            self.closed.set()
            await asyncio.sleep(self.lingers_seconds)

    async def _chunks(self, number: int) -> AsyncIterator[bytes]:
        octets = data_set(number)
        for start in range(0, len(octets), 1000):
            yield octets[start : start + 1000]


Workers = tuple[ImageCache, ImageCache]


@pytest.fixture(params=["fake", "disk", "disk, two workers"])
async def workers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workers]:
    """Yield the cache of two workers of one host; it may be one and the same."""
    if request.param == "fake":
        fake = FakeImageCache(tmp_path)
        yield fake, fake
        await asyncio.gather(*fake.tasks, return_exceptions=True)
        return
    count = 2 if request.param == "disk, two workers" else 1
    disks = [
        DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60)
        for _ in range(count)
    ]
    yield disks[0], disks[-1]
    for disk in disks:
        await disk.stop()


async def all_of(copy: SeriesCopy) -> list[str]:
    return [instance.sop_instance_uid async for instance in copy.instances()]


async def whole(cache: ImageCache, key: SeriesKey = KEY) -> SeriesCopy:
    """Fetch a series and return its copy once it is whole."""
    sender = Sender()
    sender.let()
    await all_of(cache.open_series(key, sender))
    return await until(lambda: cache.find_series(key), lambda c: c.version is not None)


async def until(
    find: Callable[[], SeriesCopy | None], holds: Callable[[SeriesCopy], bool]
) -> SeriesCopy:
    async with asyncio.timeout(5):
        while True:
            copy = find()
            if copy is not None and holds(copy):
                return copy
            await asyncio.sleep(0.01)


@pytest.mark.requirement("SO.40")
async def test_a_series_is_fetched_once_however_many_ask(workers: Workers) -> None:
    sender = Sender()
    copies = [cache.open_series(KEY, sender) for cache in (*workers, *workers)]
    readers = [asyncio.ensure_future(all_of(copy)) for copy in copies]
    sender.let()
    assert await asyncio.gather(*readers) == [[uid(n) for n in NUMBERS]] * 4
    assert sender.started == 1


async def test_what_everybody_who_asked_has_left_is_fetched_no_further(workers: Workers) -> None:
    sender = Sender()
    first, second = (workers[0].open_series(KEY, sender) for _ in range(2))
    sender.let(1)
    await first.get_instance(uid(3))
    first.abandon()
    await asyncio.sleep(0.3)
    assert not sender.closed.is_set()
    second.abandon()
    await asyncio.wait_for(sender.closed.wait(), 1)
    again = await whole(workers[1])
    assert await all_of(again) == [uid(n) for n in NUMBERS]


async def test_what_somebody_still_reads_is_fetched_to_its_end(workers: Workers) -> None:
    sender = Sender()
    left, read = (cache.open_series(KEY, sender) for cache in workers)
    reader = asyncio.ensure_future(all_of(read))
    sender.let(1)
    await read.get_instance(uid(3))
    left.abandon()
    await asyncio.sleep(0.3)
    sender.let()
    assert await reader == [uid(n) for n in NUMBERS]


async def test_what_was_fetched_by_one_worker_is_there_for_the_other(workers: Workers) -> None:
    mine = await whole(workers[0])
    theirs = await until(lambda: workers[1].find_series(KEY), lambda c: c.version is not None)
    assert theirs.version == mine.version
    assert await all_of(theirs) == [uid(n) for n in NUMBERS]


async def test_an_instance_is_given_as_soon_as_it_is_whole(workers: Workers) -> None:
    sender = Sender()
    workers[0].open_series(KEY, sender)
    copy = workers[1].open_series(KEY, sender)
    sender.let(1)
    instance = await asyncio.wait_for(copy.get_instance(uid(3)), 5)
    assert instance.path.read_bytes()[instance.data_set_offset :] == data_set(3)
    assert copy.version is None
    sender.let()
    await all_of(copy)


async def test_the_octets_are_those_that_came(workers: Workers) -> None:
    copy = await whole(workers[0])
    streams = [(s, b"".join([c async for c in s.chunks])) async for s in copy.streams()]
    assert [octets for _, octets in streams] == [data_set(n) for n in NUMBERS]
    assert [s.transfer_syntax_uid for s, _ in streams] == [EXPLICIT] * 3
    one = [b"".join([c async for c in s.chunks]) async for s in copy.streams(uid(2))]
    assert one == [data_set(2)]


async def test_an_instance_that_did_not_come_is_not_found(workers: Workers) -> None:
    copy = await whole(workers[0])
    with pytest.raises(NotFound):
        await copy.get_instance(uid(9))


async def test_a_failure_is_told_after_what_came_before_it(workers: Workers) -> None:
    sender = Sender(fails_after=1)
    copy = workers[0].open_series(KEY, sender)
    sender.let()
    given = copy.instances()
    assert (await anext(given)).sop_instance_uid == uid(3)
    with pytest.raises(Unavailable):
        await anext(given)


async def test_a_failure_is_told_to_every_worker(workers: Workers) -> None:
    sender = Sender(fails_after=1)
    copies = [cache.open_series(KEY, sender) for cache in workers]
    sender.let()
    for copy in copies:
        with pytest.raises(Unavailable):
            await all_of(copy)


async def test_a_series_that_failed_is_fetched_anew(workers: Workers) -> None:
    sender = Sender(fails_after=1)
    copy = workers[0].open_series(KEY, sender)
    sender.let()
    with pytest.raises(Unavailable):
        await all_of(copy)
    await asyncio.sleep(0.05)
    assert workers[1].find_series(KEY) is None
    assert await all_of(await whole(workers[1])) == [uid(n) for n in NUMBERS]


async def test_series_are_kept_apart(workers: Workers) -> None:
    await whole(workers[0])
    assert workers[0].find_series(OTHER) is None


async def test_metadata_are_there_once_the_series_is(workers: Workers) -> None:
    sender = Sender()
    copy = workers[0].open_series(KEY, sender)
    assert await copy.metadata(URL) is None
    rows = asyncio.ensure_future(_rows(copy))
    sender.let()
    streamed = await rows
    kept = await until(lambda: workers[1].find_series(KEY), lambda c: c.version is not None)
    stored = await kept.metadata(URL)
    assert stored is not None
    assert orjson.loads(gzip.decompress(stored.gzipped)) == streamed
    assert [row["00080018"]["Value"] for row in streamed] == [[uid(n)] for n in NUMBERS]
    assert streamed[0]["7FE00010"]["BulkDataURI"] == f"{URL}/instances/{uid(3)}/bulkdata/7FE00010"
    assert streamed[0]["00083002"]["Value"] == [EXPLICIT]


async def test_metadata_name_the_address_they_were_asked_at(workers: Workers) -> None:
    copy = await whole(workers[0])
    other = URL.replace("box", "peer")
    told = [await copy.metadata(url) for url in (URL, other, URL)]
    etags = [one.etag for one in told if one is not None]
    assert len(etags) == 3
    assert etags[0] == etags[2]
    assert (await _rows(copy, other))[0]["7FE00010"]["BulkDataURI"].startswith(other)


async def test_a_demand_is_noted_for_every_worker(workers: Workers) -> None:
    study, other = (TargetResource(StudyInstanceUid(text)) for text in (STUDY, f"{STUDY}.9"))
    assert not workers[0].note_demand(study)
    assert workers[1].note_demand(study)
    assert not workers[1].note_demand(other)


@pytest.mark.requirement("SO.40")
async def test_what_passes_alone_leaves_no_copy(workers: Workers) -> None:
    sender = Sender()
    sender.let()
    passing = workers[0].pass_series(KEY, sender)
    assert await octets_of(passing) == [data_set(n) for n in NUMBERS]
    assert workers[0].find_series(KEY) is None
    passing.abandon()
    await asyncio.wait_for(sender.closed.wait(), 5)
    assert workers[1].find_series(KEY) is None
    await _not_expected(workers[1])


async def test_a_series_that_passes_is_expected_on_every_worker(workers: Workers) -> None:
    sender = Sender()
    assert not workers[0].is_expected(KEY)
    passing = workers[0].pass_series(KEY, sender)
    assert workers[0].is_expected(KEY)
    assert workers[1].is_expected(KEY)
    passing.abandon()
    await _not_expected(workers[0])


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("read", [0, 1, 2, 3])
async def test_who_asks_for_what_passes_gets_all_of_it(workers: Workers, read: int) -> None:
    """Whenever that is: before the first instance, between two, after the last."""
    sender = Sender()
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    sender.let(read)
    before = [await _octets(await anext(reader)) for _ in range(read)]
    copies = [cache.open_series(KEY, sender) for cache in (*workers, *workers)]
    asked = [asyncio.ensure_future(octets_of(copy)) for copy in copies]
    sender.let()
    async with asyncio.timeout(10):
        after = [await _octets(stream) async for stream in reader]
        others = await asyncio.gather(*asked)
    assert before + after == [data_set(n) for n in NUMBERS]
    assert others == [[data_set(n) for n in NUMBERS]] * 4
    passing.abandon()
    assert sender.started == 1


async def test_who_asks_in_the_middle_of_an_instance_gets_all_of_it(workers: Workers) -> None:
    sender = Sender()
    sender.let()
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    stream = await anext(reader)
    head = await anext(stream.chunks)
    other = asyncio.ensure_future(octets_of(workers[1].open_series(KEY, sender)))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(10):
        mine = [head + await _octets(stream), *[await _octets(s) async for s in reader]]
        assert await other == mine == [data_set(n) for n in NUMBERS]
    passing.abandon()
    assert sender.started == 1


async def test_who_asked_goes_on_without_the_first(workers: Workers) -> None:
    """A reader that is slow holds nobody up, one that leaves ends nothing."""
    sender = Sender()
    sender.let(1)
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    stream = await anext(reader)
    await anext(stream.chunks)
    copy = workers[1].open_series(KEY, sender)
    assert (await asyncio.wait_for(copy.get_instance(uid(3)), 5)).sop_instance_uid == uid(3)
    await _close(stream.chunks, reader)
    passing.abandon()
    other = asyncio.ensure_future(octets_of(copy))
    await asyncio.sleep(0.3)
    sender.let()
    assert await asyncio.wait_for(other, 5) == [data_set(n) for n in NUMBERS]
    assert sender.started == 1


async def test_a_failure_of_what_passes_is_told_to_all(workers: Workers) -> None:
    sender = Sender(fails_after=1)
    passing = workers[0].pass_series(KEY, sender)
    copy = workers[1].open_series(KEY, sender)
    asked = [asyncio.ensure_future(octets_of(one)) for one in (passing, copy)]
    sender.let()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    passing.abandon()
    assert all(isinstance(answer, Unavailable) for answer in answers)
    assert sender.started == 1


async def test_what_passed_and_was_left_is_asked_for_anew(workers: Workers) -> None:
    sender = Sender()
    sender.let(1)
    passing = workers[0].pass_series(KEY, sender)
    reader = passing.streams()
    await anext(reader)
    await _close(reader)
    passing.abandon()
    await asyncio.wait_for(sender.closed.wait(), 1)
    again = await whole(workers[1])
    assert await all_of(again) == [uid(n) for n in NUMBERS]


async def test_who_asks_while_a_copy_is_given_up_never_hears_of_that(workers: Workers) -> None:
    sender = Sender(lingers_seconds=0.3)
    sender.let(1)
    copy = workers[0].open_series(KEY, sender)
    await copy.get_instance(uid(3))
    copy.abandon()
    await asyncio.wait_for(sender.closed.wait(), 5)
    asked = [cache.open_series(KEY, sender) for cache in (workers[0], *workers)]
    sender.let(20)
    answers = await asyncio.gather(*(octets_of(again) for again in asked))
    assert answers == [[data_set(n) for n in NUMBERS]] * 3
    assert sender.started == 2


async def octets_of(series: SeriesStreams) -> list[bytes]:
    return [await _octets(stream) async for stream in series.streams()]


async def _octets(stream: InstanceStream) -> bytes:
    return b"".join([chunk async for chunk in stream.chunks])


async def _close(*iterators: AsyncIterator[object]) -> None:
    for iterator in iterators:
        await close(iterator)


async def _not_expected(cache: ImageCache) -> None:
    async with asyncio.timeout(5):
        while cache.is_expected(KEY):  # noqa: ASYNC110  # another worker's, perhaps
            await asyncio.sleep(0.01)


async def _rows(copy: SeriesCopy, url: str = URL) -> list[dict[str, dict[str, list[str]]]]:
    return [orjson.loads(row) async for row in copy.metadata_rows(url)]
