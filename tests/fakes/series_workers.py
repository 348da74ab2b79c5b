"""Two workers of a host, and a PACS that sends one series, each instance once it is allowed to."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.fakes.dicom_objects import CT, STUDY, encoded, made_up_object
from tests.fakes.fake_image_cache import FakeImageCache

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.image_cache_disk.memory_folder import SHARED_MEMORY, is_in_memory
from drimbox.errors import Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import (
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
    TransferSyntaxUid,
)
from drimbox.ports.image_cache import ImageCache, SeriesCopy, SeriesKey, SeriesStreams

KEY = SeriesKey(StudyInstanceUid(STUDY), SeriesInstanceUid(f"{STUDY}.1"))
NUMBERS = (3, 1, 2)
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
WORKERS = ("fake", "disk", "disk, two workers", "memory, two workers")
Workers = tuple[ImageCache, ImageCache]


def uid(number: int) -> SopInstanceUid:
    return SopInstanceUid(f"{STUDY}.1.{number}")


def data_set(number: int) -> bytes:
    return encoded(made_up_object(number))


class Sender:
    """Counts how often it is asked, and how often that has ended."""

    def __init__(self, fails_after: int | None = None, lingers_seconds: float = 0) -> None:
        self.fails_after = fails_after
        self.lingers_seconds = lingers_seconds
        self.started = self.ended = 0
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
            self.ended += 1
            self.closed.set()
            await asyncio.sleep(self.lingers_seconds)

    async def _chunks(self, number: int) -> AsyncIterator[bytes]:
        octets = data_set(number)
        for start in range(0, len(octets), 1000):
            yield octets[start : start + 1000]


@asynccontextmanager
async def workers_of(kind: str, folder: Path) -> AsyncIterator[Workers]:
    """Yield the cache of two workers of one host; it may be one and the same."""
    if kind == "fake":
        fake = FakeImageCache(folder)
        yield fake, fake
        await asyncio.gather(*fake.tasks, return_exceptions=True)
        return
    count = 1 if kind == "disk" else 2
    with _in_memory() if kind == "memory, two workers" else nullcontext(folder) as where:
        disks = [
            DiskImageCache(where / "cache", max_bytes=10**8, max_age_seconds=60)
            for _ in range(count)
        ]
        yield disks[0], disks[-1]
        for disk in disks:
            await disk.stop()


@contextmanager
def _in_memory() -> Iterator[Path]:
    if not is_in_memory(SHARED_MEMORY):
        pytest.skip("this system has no tmpfs at /dev/shm")
    with TemporaryDirectory(dir=SHARED_MEMORY) as name:
        yield Path(name)


async def all_of(copy: SeriesCopy) -> list[str]:
    return [instance.sop_instance_uid async for instance in copy.instances()]


async def octets_of(series: SeriesStreams) -> list[bytes]:
    return [await octets_in(stream) async for stream in series.streams()]


async def octets_in(stream: InstanceStream) -> bytes:
    return b"".join([chunk async for chunk in stream.chunks])


async def whole(cache: ImageCache, key: SeriesKey = KEY) -> SeriesCopy:
    """Fetch a series and return its copy once it is whole."""
    sender = Sender()
    sender.let()
    await all_of(cache.open_series(key, sender))
    return await until_copy(lambda: cache.find_series(key), lambda c: c.version is not None)


async def until_copy(
    find: Callable[[], SeriesCopy | None], holds: Callable[[SeriesCopy], bool]
) -> SeriesCopy:
    async with asyncio.timeout(30):
        while True:
            copy = find()
            if copy is not None and holds(copy):
                return copy
            await asyncio.sleep(0.01)
