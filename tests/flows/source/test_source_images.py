"""Whole objects of a study that is not here: one retrieval, however many ask, whenever they do."""

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
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)

pytestmark = pytest.mark.anyio
CLIENTS = 8
# For how long the PACS keeps its answer back meanwhile.
UNTIL_ALL_HAVE_ASKED = 0.5
SERIES_UID = f"{STUDY_UID}.2"
WHOLE_SERIES = TargetResource(StudyInstanceUid(STUDY_UID), SeriesInstanceUid(SERIES_UID))
WHOLE_STUDY = TargetResource(StudyInstanceUid(STUDY_UID))
Images = dict[str, bytes]


@dataclass
class SlowPacs(FolderPacs):
    """Says nothing until it may; then each instance needs a permit, where pace has been set."""

    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    pace: asyncio.Semaphore | None = None
    is_held: asyncio.Event = field(default_factory=asyncio.Event)
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
                await self._may_go_on()
                yield instance
            await self._may_go_on()
        finally:
            self.released += 1
            self.was_released.set()

    async def _may_go_on(self) -> None:
        if self.pace is not None:
            if self.pace.locked():
                self.is_held.set()
            await self.pace.acquire()


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

    async def begin(self, target: TargetResource, permits: int) -> asyncio.Task[Images]:
        """Begin a request, and return once the PACS has used so many permits for it."""
        self.pacs.pace = asyncio.Semaphore(permits)
        self.pacs.may_answer.set()
        task = asyncio.create_task(self.fetch(target))
        async with asyncio.timeout(30):
            await self.pacs.is_held.wait()
        return task

    def go_on(self) -> None:
        """Let the PACS say all that it still has to say."""
        assert self.pacs.pace is not None
        for _ in range(100):
            self.pacs.pace.release()

    def of_another_worker(self, cache: DiskImageCache) -> "Site":
        """Return what a second process of this host has."""
        return Site(self.pacs, SourceImages(self.pacs, cache), self.publication)

    async def ask(self, count: int, target: TargetResource) -> list[asyncio.Task[Images]]:
        """Begin so many requests, and wait until the PACS was asked."""
        tasks = [asyncio.create_task(self.fetch(target)) for _ in range(count)]
        async with asyncio.timeout(30):
            await self.pacs.was_asked.wait()
        await asyncio.sleep(0.05)
        return tasks


def instance(number: int) -> TargetResource:
    return replace(WHOLE_SERIES, sop_instance_uid=SopInstanceUid(f"{SERIES_UID}.{number}"))


@pytest.fixture
async def caches(tmp_path: Path) -> AsyncIterator[list[DiskImageCache]]:
    """Yield what two workers of a host have over one directory."""
    made = [
        DiskImageCache(tmp_path / "cache", max_bytes=10**8, max_age_seconds=60) for _ in range(2)
    ]
    yield made
    for cache in made:
        await cache.stop()


@pytest.fixture
def cache(caches: list[DiskImageCache]) -> DiskImageCache:
    return caches[0]


def made_up_site(folder: Path, cache: DiskImageCache, series: Sequence[int]) -> Site:
    """Return a study of these series, three images each."""
    folder.mkdir()
    for one in series:
        for number in (1, 2, 3):
            write_image(made_up_image(number, series=one), folder / f"{one}-{number}.dcm")
    made_up = made_up_publication().publication
    first = next(s for s in made_up.manifest.series if s.series_instance_uid == SERIES_UID)
    listed = tuple(
        replace(first, series_instance_uid=SeriesInstanceUid(f"{STUDY_UID}.{one}"))
        for one in series
    )
    publication = replace(made_up, manifest=replace(made_up.manifest, series=listed))
    pacs = SlowPacs(folder)
    return Site(pacs, SourceImages(pacs, cache), publication)


@pytest.fixture
def site(tmp_path: Path, cache: DiskImageCache) -> Site:
    return made_up_site(tmp_path / "pacs", cache, [2])


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
    async with asyncio.timeout(30):
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


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("passed", [1, 2, 3])
@pytest.mark.parametrize("target", [WHOLE_SERIES, WHOLE_STUDY], ids=["series", "study"])
async def test_late_requests_join_what_passes(
    site: Site, target: TargetResource, passed: int
) -> None:
    first = await site.begin(target, passed)
    late = [asyncio.create_task(site.fetch(one)) for one in (WHOLE_SERIES, WHOLE_STUDY) * 3]
    await asyncio.sleep(UNTIL_ALL_HAVE_ASKED)
    site.go_on()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(first, *late)
    assert len(answers[0]) == 3
    assert all(answer == answers[0] for answer in answers)
    assert site.pacs.retrievals == site.pacs.released == 1


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("passed", [0, 3, 8, 11])
async def test_each_series_of_a_study_is_retrieved_once_however_many_ask(
    tmp_path: Path, cache: DiskImageCache, passed: int
) -> None:
    """Those that have passed already too, as long as the first request lasts."""
    site = made_up_site(tmp_path / "pacs", cache, [2, 3, 4])
    first = await site.begin(WHOLE_STUDY, passed)
    late = [asyncio.create_task(site.fetch(WHOLE_STUDY)) for _ in range(CLIENTS)]
    await asyncio.sleep(UNTIL_ALL_HAVE_ASKED)
    site.go_on()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(first, *late)
    assert len(answers[0]) == 9
    assert all(answer == answers[0] for answer in answers)
    assert site.pacs.retrievals == site.pacs.released == 3


async def test_a_study_lacks_no_more_than_its_pacs(tmp_path: Path, cache: DiskImageCache) -> None:
    site = made_up_site(tmp_path / "pacs", cache, [2, 3])
    for path in (tmp_path / "pacs").glob("2-*.dcm"):
        path.unlink()
    site.pacs.may_answer.set()
    for _ in range(3):
        assert len(await site.fetch(WHOLE_STUDY)) == 3


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("passed", [0, 1, 3])
async def test_requests_to_another_worker_join_too(
    site: Site, caches: list[DiskImageCache], passed: int
) -> None:
    other = site.of_another_worker(caches[1])
    first = await site.begin(WHOLE_SERIES, passed)
    late = [asyncio.create_task(one.fetch(WHOLE_SERIES)) for one in (other, site) * 3]
    await asyncio.sleep(UNTIL_ALL_HAVE_ASKED)
    site.go_on()
    async with asyncio.timeout(30):
        answers = await asyncio.gather(first, *late)
    assert len(answers[0]) == 3
    assert all(answer == answers[0] for answer in answers)
    assert site.pacs.retrievals == 1


async def test_another_worker_asks_itself_once_the_first_has_left(
    site: Site, caches: list[DiskImageCache]
) -> None:
    other = site.of_another_worker(caches[1])
    first = await site.begin(WHOLE_SERIES, 1)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    late = asyncio.create_task(other.fetch(WHOLE_SERIES))
    await asyncio.sleep(UNTIL_ALL_HAVE_ASKED)
    site.go_on()
    async with asyncio.timeout(30):
        assert len(await late) == 3
    assert site.pacs.retrievals == 2


@pytest.mark.requirement("SO.40")
async def test_instances_one_by_one_cost_one_retrieval_more_than_their_series(
    site: Site, caches: list[DiskImageCache]
) -> None:
    """The first comes alone, at once; whoever asks for a second gets it with all the others."""
    site.pacs.may_answer.set()
    other = site.of_another_worker(caches[1])
    for number in (1, 2, 3, 2, 1):
        for one in (site, other):
            assert list(await one.fetch(instance(number))) == [f"{SERIES_UID}.{number}"]
    assert site.pacs.retrievals == 2


async def test_instances_asked_for_at_once_share_the_retrieval_of_their_series(site: Site) -> None:
    numbers = [1, 2, 3] * 4
    tasks = [asyncio.create_task(site.fetch(instance(number))) for number in numbers]
    await asyncio.sleep(UNTIL_ALL_HAVE_ASKED)
    site.pacs.may_answer.set()
    answers = await asyncio.gather(*tasks)
    assert [list(answer) for answer in answers] == [[f"{SERIES_UID}.{n}"] for n in numbers]
    assert site.pacs.retrievals == 2


@pytest.mark.requirement("SO.40")
@pytest.mark.parametrize("target", [WHOLE_SERIES, WHOLE_STUDY], ids=["series", "study"])
async def test_instances_of_a_series_that_passes_come_with_it(
    site: Site, caches: list[DiskImageCache], target: TargetResource
) -> None:
    other = site.of_another_worker(caches[1])
    first = await site.begin(target, 1)
    tasks = [asyncio.create_task(one.fetch(instance(n))) for n in (3, 1) for one in (site, other)]
    await asyncio.sleep(UNTIL_ALL_HAVE_ASKED)
    site.go_on()
    async with asyncio.timeout(30):
        whole, *answers = await asyncio.gather(first, *tasks)
    assert all(answer.items() <= whole.items() for answer in answers)
    assert site.pacs.retrievals == 1
