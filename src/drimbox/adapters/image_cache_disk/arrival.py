"""One series on its way to disk: written as it arrives, readable instance by instance.

chunk, chunk, …  ─>  <name>.part  ─ whole ─>  <name>.dcm  ─>  a line of the journal  ─>  readers
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

from drimbox.adapters.image_cache_disk.instance_heads import HeadReader
from drimbox.adapters.image_cache_disk.journal import JournalWriter
from drimbox.adapters.image_cache_disk.series_copies import (
    read_instance,
    rows_as_they_arrive,
    write_metadata,
)
from drimbox.errors import DrimboxError, MalformedMessage, NotFound, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import CachedInstance, SeriesMetadata
from drimbox.standards.dicom.part10 import encode_file_meta

_WRITE_BYTES = 4 * 1024 * 1024
# Most that one writev takes (IOV_MAX of Linux).
_MAX_PIECES = 1024


class ArrivingSeries:
    """Implements ports.image_cache.SeriesCopy; whole once `receive` has returned.

    Args:
        folder: where it goes; this process holds its lock.
        series_url: the address for which its metadata is made on the way.
    """

    def __init__(self, folder: Path, series_url: str) -> None:
        self._folder = folder
        self._series_url = series_url
        self._heads = HeadReader(series_url)
        self._rows: dict[SopInstanceUid, bytes | None] = {}
        self._arrived: dict[SopInstanceUid, CachedInstance] = {}
        self._news = asyncio.Condition()
        self._is_over = False
        self._failure: DrimboxError | None = None

    @property
    def version(self) -> str | None:
        """See ports.image_cache: a series on its way has none."""
        return None

    async def get_instance(self, uid: SopInstanceUid) -> CachedInstance:
        """See ports.image_cache."""
        async with self._news:
            await self._news.wait_for(lambda: uid in self._arrived or self._is_over)
        found = self._arrived.get(uid)
        if found is not None:
            return found
        raise self._failure or NotFound("no such instance in this series")

    async def instances(self) -> AsyncIterator[CachedInstance]:
        """See ports.image_cache."""
        given = 0
        while True:
            async with self._news:
                while len(self._arrived) == given and not self._is_over:
                    await self._news.wait()
            fresh = list(self._arrived.values())[given:]
            for instance in fresh:
                yield instance
            given += len(fresh)
            if self._is_over and given == len(self._arrived):
                break
        if self._failure is not None:
            raise self._failure

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        if uid is not None:
            yield read_instance(await self.get_instance(uid))
            return
        async for instance in self.instances():
            yield read_instance(instance)

    async def metadata(self, series_url: str) -> SeriesMetadata | None:
        """See ports.image_cache."""
        del series_url
        return None

    async def metadata_rows(self, series_url: str) -> AsyncIterator[bytes]:
        """See ports.image_cache."""
        if series_url != self._series_url:
            async for row in rows_as_they_arrive(self.instances(), series_url):
                yield row
            return
        async for instance in self.instances():
            known = self._rows[instance.sop_instance_uid]
            if known is None:
                raise MalformedMessage("an instance is no data set that can be read")
            yield known

    async def receive(self, instances: AsyncIterator[InstanceStream]) -> None:
        """Write every instance, then the end; a failure is kept for those who wait."""
        journal = None
        try:
            journal = await asyncio.to_thread(self._begin)
            async for instance in instances:
                await self._write(instance, journal)
            await asyncio.to_thread(self._end, journal)
        except DrimboxError as error:
            self._failure = error
        except OSError as error:
            self._failure = Unavailable("image cache", "cannot be written")
            self._failure.__cause__ = error
        except asyncio.CancelledError:
            self._failure = Unavailable("image cache", "is stopping")
            raise
        finally:
            if journal is not None:
                journal.close()
            async with self._news:
                self._is_over = True
                self._news.notify_all()

    def _begin(self) -> JournalWriter:
        """Clear what an earlier try left, without letting go of the folder that is locked."""
        for path in self._folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return JournalWriter(self._folder)

    async def _write(self, instance: InstanceStream, journal: JournalWriter) -> None:
        """Write one instance, away from the event loop: all at once where it is not large."""
        file = _InstanceFile(self._folder, instance)
        try:
            pending: list[bytes] = []
            size = 0
            async for chunk in instance.chunks:
                pending.append(chunk)
                size += len(chunk)
                if size >= _WRITE_BYTES or len(pending) >= _MAX_PIECES - 1:
                    await asyncio.to_thread(file.write, pending)
                    pending, size = [], 0
            written, row = await asyncio.to_thread(self._finish, file, pending, journal)
        except BaseException:
            file.discard()
            raise
        async with self._news:
            self._rows[instance.sop_instance_uid] = row
            self._arrived[instance.sop_instance_uid] = written
            self._news.notify_all()

    def _finish(
        self, file: "_InstanceFile", pending: Sequence[bytes], journal: JournalWriter
    ) -> tuple[CachedInstance, bytes | None]:
        file.write(pending)
        written, row = file.close(), None
        # Octets that are no data set are passed on all the same; what reads them will fail.
        with suppress(MalformedMessage):
            written, row = self._heads.learn(written)
        journal.add(written)
        return written, row

    def _end(self, journal: JournalWriter) -> None:
        rows = [row for row in self._rows.values() if row is not None]
        if len(rows) == len(self._rows):
            write_metadata(self._folder, rows, self._series_url)
        journal.end()


class _InstanceFile:
    """A file that has its name only once it is whole."""

    def __init__(self, folder: Path, instance: InstanceStream) -> None:
        self._instance = instance
        name = hashlib.sha256(instance.sop_instance_uid.encode()).hexdigest()
        self._path = folder / f"{name}.dcm"
        self._beside = folder / f"{name}.part"
        self._header = encode_file_meta(
            instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
        )
        self._file = -1

    def write(self, pieces: Sequence[bytes]) -> None:
        if self._file < 0:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(self._beside, flags, 0o600)
            pieces = [self._header, *pieces]
        size = sum(map(len, pieces))
        written = os.writev(self._file, pieces)
        if written < size:
            _write_all(self._file, b"".join(pieces)[written:])

    def close(self) -> CachedInstance:
        self.discard()
        self._beside.replace(self._path)
        instance = self._instance
        return CachedInstance(
            instance.sop_instance_uid,
            instance.sop_class_uid,
            instance.transfer_syntax_uid,
            self._path,
            len(self._header),
        )

    def discard(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _write_all(file: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(file, octets) :]
