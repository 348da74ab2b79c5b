"""What ports.image_cache promises, by the fake and on a disk shared by two workers."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from tests.fakes.conditions import until
from tests.fakes.dicom_objects import STUDY
from tests.fakes.series_workers import (
    EXPLICIT,
    KEY,
    NUMBERS,
    WORKERS,
    Sender,
    Workers,
    all_of,
    data_set,
    octets_of,
    uid,
    until_copy,
    whole,
    workers_of,
)

from drimbox.errors import NotFound, Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import (
    SeriesInstanceUid,
    StudyInstanceUid,
)
from drimbox.ports.image_cache import SeriesCopy, SeriesKey

pytestmark = pytest.mark.anyio

OTHER = SeriesKey(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.2"))
URL = f"http://box/dicom-web/studies/{STUDY}/series/{STUDY}.1"


@pytest.fixture(params=WORKERS)
async def workers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Workers]:
    async with workers_of(request.param, tmp_path) as made:
        yield made


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
    await asyncio.wait_for(sender.closed.wait(), 30)
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
    theirs = await until_copy(lambda: workers[1].find_series(KEY), lambda c: c.version is not None)
    assert theirs.version == mine.version
    assert await all_of(theirs) == [uid(n) for n in NUMBERS]


async def test_an_instance_is_given_as_soon_as_it_is_whole(workers: Workers) -> None:
    sender = Sender()
    workers[0].open_series(KEY, sender)
    copy = workers[1].open_series(KEY, sender)
    sender.let(1)
    instance = await asyncio.wait_for(copy.get_instance(uid(3)), 30)
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
    await until(lambda: workers[1].find_series(KEY) is None)
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
    kept = await until_copy(lambda: workers[1].find_series(KEY), lambda c: c.version is not None)
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


async def test_who_asks_while_a_copy_is_given_up_never_hears_of_that(workers: Workers) -> None:
    sender = Sender(lingers_seconds=0.3)
    sender.let(1)
    copy = workers[0].open_series(KEY, sender)
    await copy.get_instance(uid(3))
    copy.abandon()
    await asyncio.wait_for(sender.closed.wait(), 30)
    asked = [cache.open_series(KEY, sender) for cache in (workers[0], *workers)]
    sender.let(20)
    answers = await asyncio.gather(*(octets_of(again) for again in asked))
    assert answers == [[data_set(n) for n in NUMBERS]] * 3
    assert sender.started == 2


async def _rows(copy: SeriesCopy, url: str = URL) -> list[dict[str, dict[str, list[str]]]]:
    return [orjson.loads(row) async for row in copy.metadata_rows(url)]
