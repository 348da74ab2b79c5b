"""One series on its way to disk: written as it arrives, readable instance by instance."""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import orjson

from drimbox.errors import DrimboxError, NotFound, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.part10 import encode_file_meta

_WRITE_BYTES = 4 * 1024 * 1024
_READ_BYTES = 1024 * 1024


class ArrivingSeries:
    """Implements ports.image_cache.SeriesCopy; whole once `receive` has returned."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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

    async def receive(self, instances: AsyncIterator[InstanceStream]) -> None:
        """Write every instance, then the index; a failure is kept for those who wait."""
        try:
            await asyncio.to_thread(self._begin)
            async for instance in instances:
                await self._write(instance)
            await asyncio.to_thread(self._write_index)
        except DrimboxError as error:
            self._failure = error
        except OSError as error:
            self._failure = Unavailable("image cache", "cannot be written")
            self._failure.__cause__ = error
        except asyncio.CancelledError:
            self._failure = Unavailable("image cache", "is stopping")
            raise
        finally:
            async with self._news:
                self._is_over = True
                self._news.notify_all()

    def _begin(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(mode=0o700)

    async def _write(self, instance: InstanceStream) -> None:
        name = hashlib.sha256(instance.sop_instance_uid.encode()).hexdigest()
        path = self._folder / f"{name}.dcm"
        header = encode_file_meta(
            instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
        )
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            file.write(header)
            await _drain(instance.chunks, file)
        beside.replace(path)
        async with self._news:
            self._arrived[instance.sop_instance_uid] = CachedInstance(
                instance.sop_instance_uid,
                instance.sop_class_uid,
                instance.transfer_syntax_uid,
                path,
                len(header),
            )
            self._news.notify_all()

    def _write_index(self) -> None:
        rows = [
            [
                i.sop_instance_uid,
                i.sop_class_uid,
                i.transfer_syntax_uid,
                i.path.name,
                i.data_set_offset,
            ]
            for i in self._arrived.values()
        ]
        beside = self._folder / "index.part"
        beside.write_bytes(orjson.dumps({"fetched_at": time.time(), "instances": rows}))
        beside.replace(self._folder / "index.json")


class _WholeSeries:
    """Implements ports.image_cache.SeriesCopy for a series that is all there."""

    def __init__(self, instances: dict[SopInstanceUid, CachedInstance], version: str) -> None:
        self._instances = instances
        self._version = version

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
        for instance in self._instances.values():
            yield instance

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        if uid is not None:
            yield read_instance(await self.get_instance(uid))
            return
        for instance in self._instances.values():
            yield read_instance(instance)


def read_instance(instance: CachedInstance) -> InstanceStream:
    """Return a file as a stream of its data set."""
    return InstanceStream(
        instance.sop_class_uid,
        instance.sop_instance_uid,
        instance.transfer_syntax_uid,
        _chunks(instance),
    )


async def _chunks(instance: CachedInstance) -> AsyncIterator[bytes]:
    try:
        with instance.path.open("rb") as file:
            file.seek(instance.data_set_offset)
            while chunk := await asyncio.to_thread(file.read, _READ_BYTES):
                yield chunk
    except OSError as error:
        raise Unavailable("image cache", "lost an instance") from error


def read_index(folder: Path) -> _WholeSeries | None:
    """Return the series of this folder, None when it is not whole."""
    try:
        index = orjson.loads((folder / "index.json").read_bytes())
        version = f"{folder.name}-{index['fetched_at']}"
        instances = [
            CachedInstance(
                SopInstanceUid(uid),
                SopClassUid(sop_class),
                TransferSyntaxUid(syntax),
                folder / os.path.basename(name),  # noqa: PTH119  # never out of the folder
                int(offset),
            )
            for uid, sop_class, syntax, name, offset in index["instances"]
        ]
    except (OSError, ValueError, KeyError, DrimboxError):
        return None
    return _WholeSeries({i.sop_instance_uid: i for i in instances}, version)


async def _drain(chunks: AsyncIterator[bytes], file: BinaryIO) -> None:
    """Write in pieces of a few megabytes, away from the event loop."""
    pending: list[bytes] = []
    size = 0
    async for chunk in chunks:
        pending.append(chunk)
        size += len(chunk)
        if size >= _WRITE_BYTES:
            await asyncio.to_thread(file.writelines, pending)
            pending, size = [], 0
    await asyncio.to_thread(file.writelines, pending)
    await asyncio.to_thread(file.flush)
