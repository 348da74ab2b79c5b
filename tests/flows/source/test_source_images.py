"""Whole objects of a study that nobody has asked for yet: one retrieval, however many ask."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.fakes.dicom_files import STUDY_UID, made_up_image, write_image
from tests.fakes.folder_pacs import FolderPacs
from tests.fakes.publications import made_up_publication

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import DrimboxError, Unavailable
from drimbox.flows.source.source_images import Keeping, SourceImages
from drimbox.model.publication import Publication
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid, TransferSyntaxUid

pytestmark = pytest.mark.anyio
CLIENTS = 8
SERIES_UID = f"{STUDY_UID}.2"
WHOLE_SERIES = TargetResource(StudyInstanceUid(STUDY_UID), SeriesInstanceUid(SERIES_UID))
WHOLE_STUDY = TargetResource(StudyInstanceUid(STUDY_UID))
Images = dict[str, bytes]


@dataclass
class SlowPacs(FolderPacs):
    """Says nothing until it may."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    was_released: asyncio.Event = field(default_factory=asyncio.Event)

    async def retrieve(
        self, target: TargetResource, transfer_syntaxes: Sequence[TransferSyntaxUid] = ()
    ) -> AsyncIterator[InstanceStream]:
        self.retrievals += 1
        assert not transfer_syntaxes
        self.was_asked.set()
        try:
            await self.may_answer.wait()
            async for instance in self._instances(target):
                yield instance
        finally:
            self.released += 1
            self.was_released.set()


@dataclass
class Site:
    pacs: SlowPacs
    images: SourceImages
    publication: Publication

    async def fetch(self, target: TargetResource) -> Images:
        """Ask as a request does that is answered to its end."""
        found: Images = {}
        async for instance in self.images.open(self.publication).retrieve(target, ()):
            octets = b"".join([chunk async for chunk in instance.chunks])
            found[str(instance.sop_instance_uid)] = octets
        return found

    async def ask(self, count: int, target: TargetResource) -> list[asyncio.Task[Images]]:
        """Begin so many requests, and wait until the PACS was asked."""
        tasks = [asyncio.create_task(self.fetch(target)) for _ in range(count)]
        async with asyncio.timeout(5):
            await self.pacs.was_asked.wait()
        await asyncio.sleep(0.05)
        return tasks


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[DiskImageCache]:
    made = DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60)
    yield made
    await made.stop()


@pytest.fixture
def site(tmp_path: Path, cache: DiskImageCache) -> Site:
    folder = tmp_path / "pacs"
    folder.mkdir()
    for number in (1, 2, 3):
        write_image(made_up_image(number), folder / f"{number}.dcm")
    made_up = made_up_publication().publication
    series = [s for s in made_up.manifest.series if s.series_instance_uid == SERIES_UID]
    publication = replace(made_up, manifest=replace(made_up.manifest, series=tuple(series)))
    pacs = SlowPacs(folder)
    return Site(pacs, SourceImages(pacs, cache), publication)


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("target", [WHOLE_SERIES, WHOLE_STUDY], ids=["series", "study"])
async def test_first_requests_at_once_are_one_retrieval(site: Site, target: TargetResource) -> None:
    tasks = await site.ask(CLIENTS, target)
    site.pacs.may_answer.set()
    answers = await asyncio.gather(*tasks)
    assert len(answers[0]) == 3
    assert all(answer == answers[0] for answer in answers)
    assert site.pacs.retrievals == site.pacs.released == 1


async def test_study_and_series_asked_for_at_once_are_one_retrieval(site: Site) -> None:
    tasks = [*await site.ask(1, WHOLE_STUDY), *await site.ask(1, WHOLE_SERIES)]
    site.pacs.may_answer.set()
    first, second = await asyncio.gather(*tasks)
    assert first == second
    assert site.pacs.retrievals == 1


async def test_one_alone_is_answered_without_a_copy(site: Site, tmp_path: Path) -> None:
    (task,) = await site.ask(1, WHOLE_SERIES)
    site.pacs.may_answer.set()
    assert len(await task) == 3
    assert not list((tmp_path / "cache").rglob("*.dcm"))


async def test_the_first_may_go_while_the_others_wait(site: Site) -> None:
    first, *others = await site.ask(3, WHOLE_SERIES)
    first.cancel()
    await asyncio.sleep(0.3)
    site.pacs.may_answer.set()
    answers = await asyncio.gather(*others)
    assert [len(answer) for answer in answers] == [3, 3]
    assert site.pacs.retrievals == 1


async def test_the_others_may_go_while_the_first_waits(site: Site) -> None:
    first, *others = await site.ask(3, WHOLE_SERIES)
    for other in others:
        other.cancel()
    await asyncio.sleep(0.3)
    site.pacs.may_answer.set()
    assert len(await first) == 3
    assert site.pacs.retrievals == 1


@pytest.mark.parametrize("count", [1, 3])
async def test_the_pacs_is_let_go_once_nobody_waits(
    site: Site, cache: DiskImageCache, count: int
) -> None:
    tasks = await site.ask(count, WHOLE_SERIES)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(1):
        await site.pacs.was_released.wait()
        await cache.settled()
    site.pacs.may_answer.set()
    assert len(await site.fetch(WHOLE_SERIES)) == 3


async def test_a_failure_is_told_to_all_who_wait(site: Site) -> None:
    site.pacs.failure = Unavailable("PACS", "went away")
    tasks = await site.ask(CLIENTS, WHOLE_SERIES)
    site.pacs.may_answer.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, DrimboxError) for answer in answers)
    assert site.pacs.retrievals == site.pacs.released == 1


async def test_where_nothing_is_kept_each_has_a_retrieval(
    site: Site, cache: DiskImageCache
) -> None:
    site.images = SourceImages(site.pacs, cache, Keeping.NEVER)
    tasks = await site.ask(2, WHOLE_SERIES)
    site.pacs.may_answer.set()
    assert [len(answer) for answer in await asyncio.gather(*tasks)] == [3, 3]
    assert site.pacs.retrievals == 2
