"""A series on disk as its readers see it: whole, or read along while another worker fetches it."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from uuid import uuid4

from drimbox.adapters.image_cache_disk import journal
from drimbox.adapters.image_cache_disk.folder_lock import following, is_locked, reading
from drimbox.adapters.image_cache_disk.instance_heads import HeadReader, read_rows
from drimbox.adapters.image_cache_disk.journal import End, Journal, Place
from drimbox.adapters.image_cache_disk.metadata_sidecar import (
    decode_sidecar,
    encode_sidecar,
    sidecar_name,
)
from drimbox.errors import NotFound, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance, SeriesCopy, SeriesMetadata

_READ_BYTES = 256 * 1024
_LOOK_AGAIN_SECONDS = 0.02


class WholeSeries:
    """Implements ports.image_cache.SeriesCopy for a series that is all there."""

    def __init__(self, folder: Path, instances: Sequence[CachedInstance], end: End) -> None:
        self._folder = folder
        self._instances = {i.sop_instance_uid: i for i in instances}
        self.fetched_at = end.fetched_at
        self._version = f"{folder.name}-{end.token}"

    def __len__(self) -> int:
        return len(self._instances)

    @property
    def version(self) -> str | None:
        """See ports.image_cache."""
        return self._version

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        """See ports.image_cache."""
        try:
            return self._instances[uid]
        except KeyError:
            raise NotFound("no such instance in this series") from None

    async def instances(self) -> AsyncIterator[CachedInstance]:
        """See ports.image_cache."""
        with reading(self._folder):
            for instance in self._instances.values():
                yield instance

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        with reading(self._folder):
            if uid is not None:
                yield read_instance(await self.get_instance(uid))
                return
            for instance in self._instances.values():
                yield read_instance(instance)

    def abandon(self) -> None:
        """See ports.image_cache: it is here already."""

    @contextmanager
    def hold(self) -> Iterator[bool]:
        """See ports.image_cache."""
        with reading(self._folder):
            yield (self._folder / journal.NAME).exists()

    async def metadata(self, series_url: str) -> SeriesMetadata | None:
        """See ports.image_cache."""
        try:
            return decode_sidecar((self._folder / sidecar_name(series_url)).read_bytes())
        except (OSError, ValueError):
            return await asyncio.to_thread(self._make_metadata, series_url)

    async def metadata_rows(self, series_url: str) -> AsyncIterator[bytes]:
        """See ports.image_cache."""
        for row in await asyncio.to_thread(self._read_rows, series_url):
            yield row

    def _make_metadata(self, series_url: str) -> SeriesMetadata:
        return write_metadata(self._folder, self._read_rows(series_url), series_url)

    def _read_rows(self, series_url: str) -> list[bytes]:
        try:
            return read_rows(tuple(self._instances.values()), series_url)
        except OSError as error:
            raise Unavailable("image cache", "lost an instance") from error


class FollowedSeries:
    """Implements ports.image_cache.SeriesCopy for a series that another worker is fetching.

    Args:
        again: opens the series anew, where the other one was lost; what was given by then is not
            given twice.
        is_ending: it has broken off already; what it left is not to be read.
    """

    def __init__(
        self, folder: Path, again: Callable[[], SeriesCopy], *, is_ending: bool = False
    ) -> None:
        self._folder = folder
        self._again = again
        self._is_ending = is_ending
        self._instead: SeriesCopy | None = None

    @property
    def version(self) -> str | None:
        """See ports.image_cache: a series on its way has none."""
        return None

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        """See ports.image_cache."""
        async for instance in self.instances():
            if instance.sop_instance_uid == uid:
                return instance
        raise NotFound("no such instance in this series")

    async def instances(self) -> AsyncIterator[CachedInstance]:
        """See ports.image_cache."""
        given: set[SopInstanceUid] = set()
        if self._instead is None:
            with ExitStack() as stack:
                with suppress(OSError):
                    stack.enter_context(following(self._folder))
                async for instance in self._read_along(given):
                    given.add(instance.sop_instance_uid)
                    yield instance
        if self._instead is not None:
            async for instance in self._instead.instances():
                if instance.sop_instance_uid not in given:
                    yield instance

    async def _read_along(self, given: set[SopInstanceUid]) -> AsyncIterator[CachedInstance]:
        """Yield what is there and what comes; ends with _instead made where it breaks off.

        Raises:
            Unavailable: the retrieval failed after something was given; it is told once to all.
        """
        place = Place()
        while True:
            # Asked first: what it wrote before it let go of the lock is then read below.
            is_under_way = await asyncio.to_thread(is_locked, self._folder)
            read = Journal((), None)
            if not self._is_ending:
                read, place = await asyncio.to_thread(_read_on, self._folder, place)
            for instance in read.instances:
                if instance.sop_instance_uid not in given:
                    yield instance
            if read.end is not None:
                return
            if read.has_failed and given:
                raise Unavailable("image cache", "another worker could not fetch it; ask again")
            if not is_under_way:
                self._instead = self._instead or self._again()
                return
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        if uid is not None:
            yield read_instance(await self.get_instance(uid))
            return
        async for instance in self.instances():
            yield read_instance(instance)

    def abandon(self) -> None:
        """See ports.image_cache: the lock of `following` is let go by who stops reading."""
        if self._instead is not None:
            self._instead.abandon()

    def hold(self) -> AbstractContextManager[bool]:
        """See ports.image_cache: it is not whole."""
        return nullcontext(enter_result=False)

    async def metadata(self, series_url: str) -> SeriesMetadata | None:
        """See ports.image_cache."""
        del series_url
        return None

    async def metadata_rows(self, series_url: str) -> AsyncIterator[bytes]:
        """See ports.image_cache."""
        async for row in rows_as_they_arrive(self.instances(), series_url):
            yield row


def _read_on(folder: Path, place: Place) -> tuple[Journal, Place]:
    """Read the journal from a place on; before there is one it is empty."""
    try:
        return journal.read_journal(folder, place)
    except FileNotFoundError:
        return Journal((), None), place
    except (OSError, ValueError) as error:
        raise Unavailable("image cache", "cannot be read") from error


async def rows_as_they_arrive(
    instances: AsyncIterator[CachedInstance], series_url: str
) -> AsyncIterator[bytes]:
    """Yield the metadata of each instance, read in a thread."""
    reader = HeadReader(series_url)
    async for instance in instances:
        try:
            yield await asyncio.to_thread(reader.row, instance)
        except OSError as error:
            raise Unavailable("image cache", "lost an instance") from error


def write_metadata(folder: Path, rows: Sequence[bytes], series_url: str) -> SeriesMetadata:
    """Keep the metadata of a series for the next who asks; a full disk keeps nobody waiting."""
    octets = encode_sidecar(rows)
    name = sidecar_name(series_url)
    beside = folder / f"{name}.{uuid4().hex}"
    try:
        beside.write_bytes(octets)
        beside.replace(folder / name)
    except OSError:
        beside.unlink(missing_ok=True)
    return decode_sidecar(octets)


def read_instance(
    instance: CachedInstance,
    *,
    is_fresh: bool = False,
    start: int = 0,
    octets: Sequence[bytes] | None = None,
) -> InstanceStream:
    """Return a file as a stream of its data set, or of what follows its first octets.

    What is fresh was written a moment ago: the system has it in memory, no thread is needed.
    octets is the data set itself, where it is still at hand: the file is not read then.
    """
    chunks = _chunks(instance, start, is_fresh=is_fresh) if octets is None else _each(octets)
    return InstanceStream(
        instance.sop_class_uid,
        instance.sop_instance_uid,
        instance.transfer_syntax_uid,
        chunks,
    )


async def _each(octets: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in octets:
        yield piece


async def _chunks(instance: CachedInstance, start: int, *, is_fresh: bool) -> AsyncIterator[bytes]:
    offset = instance.data_set_offset + start
    try:
        file = os.open(instance.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            end = os.fstat(file).st_size
            while offset < end:
                if is_fresh:
                    chunk = os.pread(file, _READ_BYTES, offset)
                else:
                    chunk = await asyncio.to_thread(os.pread, file, _READ_BYTES, offset)
                yield chunk
                offset += len(chunk)
        finally:
            os.close(file)
    except OSError as error:
        raise Unavailable("image cache", "lost an instance") from error
