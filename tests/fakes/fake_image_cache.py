"""An image cache without a disk of its own: files in a folder, everything else in memory."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from drimbox.errors import DrimboxError, NotFound, Unavailable
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import (
    CachedInstance,
    Retrieve,
    SeriesCopy,
    SeriesKey,
    SeriesMetadata,
)
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.part10 import encode_file_meta


@dataclass
class FakeCopy:
    """Implements ports.image_cache.SeriesCopy."""

    folder: Path
    number: int
    files: dict[SopInstanceUid, CachedInstance] = field(default_factory=dict)
    failure: DrimboxError | None = None
    is_over: bool = False
    openers: int = 0
    is_passing: bool = False
    task: asyncio.Task[None] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def version(self) -> str | None:
        return f"copy {self.number}" if self.is_over and self.failure is None else None

    def hold(self) -> AbstractContextManager[bool]:
        return nullcontext(self.version is not None)

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        async for instance in self.instances():
            if instance.sop_instance_uid == uid:
                return instance
        raise NotFound("no such instance in this series")

    async def instances(self) -> AsyncIterator[CachedInstance]:
        given = 0
        while True:
            for instance in list(self.files.values())[given:]:
                given += 1
                yield instance
            if self.is_over and given == len(self.files):
                break
            self.news.clear()
            await self.news.wait()
        if self.failure is not None:
            raise self.failure

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        found = self.instances() if uid is None else _alone(await self.get_instance(uid))
        async for instance in found:
            yield InstanceStream(
                instance.sop_class_uid,
                instance.sop_instance_uid,
                instance.transfer_syntax_uid,
                _chunks(instance),
            )

    @property
    def is_left(self) -> bool:
        """Whether nobody waits for it any more, who would have it made a copy."""
        return not self.openers and (self.is_passing or not self.is_over)

    def abandon(self) -> None:
        self.openers -= 1
        if not self.openers and self.task is not None and not self.is_over:
            self.task.cancel()

    async def metadata(self, series_url: str) -> SeriesMetadata | None:
        if self.version is None:
            return None
        rows = [row async for row in self.metadata_rows(series_url)]
        return SeriesMetadata(gzip.compress(b"[" + b",".join(rows) + b"]"), f'W/"{self.number}"')

    async def metadata_rows(self, series_url: str) -> AsyncIterator[bytes]:
        async for instance in self.instances():
            reader = MetadataReader(instance.transfer_syntax_uid)
            reader.feed(instance.path.read_bytes()[instance.data_set_offset :])
            url = f"{series_url}/instances/{instance.sop_instance_uid}/bulkdata"
            row = dict(reader.metadata(lambda path, url=url: f"{url}/{path}"))
            row["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
            yield orjson.dumps(row)

    async def receive(self, instances: AsyncIterator[InstanceStream]) -> None:
        try:
            async for instance in instances:
                uids = (instance.sop_class_uid, instance.sop_instance_uid)
                head = encode_file_meta(*uids, instance.transfer_syntax_uid)
                octets = b"".join([chunk async for chunk in instance.chunks])
                path = self.folder / f"{self.number}-{len(self.files)}.dcm"
                path.write_bytes(head + octets)
                self.files[instance.sop_instance_uid] = CachedInstance(
                    instance.sop_instance_uid,
                    instance.sop_class_uid,
                    instance.transfer_syntax_uid,
                    path,
                    len(head),
                )
                self.news.set()
        except DrimboxError as error:
            self.failure = error
        except asyncio.CancelledError:
            self.failure = Unavailable("image cache")
        finally:
            self.is_over = True
            self.news.set()


@dataclass
class FakeImageCache:
    """Implements ports.image_cache.ImageCache."""

    folder: Path
    copies: dict[SeriesKey, FakeCopy] = field(default_factory=dict)
    asked: set[TargetResource] = field(default_factory=set)
    fetched: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def open_series(self, key: SeriesKey, retrieve: Retrieve) -> FakeCopy:
        copy = self._open(key, retrieve)
        copy.is_passing = False
        return copy

    def pass_series(self, key: SeriesKey, retrieve: Retrieve) -> FakeCopy:
        is_new = not self.is_expected(key)
        copy = self._open(key, retrieve)
        copy.is_passing = copy.is_passing or is_new
        return copy

    def is_expected(self, key: SeriesKey) -> bool:
        copy = self.copies.get(key)
        return copy is not None and copy.failure is None and not copy.is_left

    def _open(self, key: SeriesKey, retrieve: Retrieve) -> FakeCopy:
        copy = self.copies.get(key)
        if copy is None or not self.is_expected(key):
            self.fetched += 1
            copy = self.copies[key] = FakeCopy(self.folder, self.fetched)
            copy.task = asyncio.create_task(copy.receive(retrieve()))
            self.tasks.add(copy.task)
        copy.openers += 1
        return copy

    def find_series(self, key: SeriesKey) -> SeriesCopy | None:
        copy = self.copies.get(key)
        is_hidden = copy is None or copy.is_passing or not self.is_expected(key)
        return None if is_hidden else copy

    def note_demand(self, target: TargetResource) -> bool:
        was_asked = target in self.asked
        self.asked.add(target)
        return was_asked


async def _alone(instance: CachedInstance) -> AsyncIterator[CachedInstance]:
    yield instance


async def _chunks(instance: CachedInstance) -> AsyncIterator[bytes]:
    yield instance.path.read_bytes()[instance.data_set_offset :]
