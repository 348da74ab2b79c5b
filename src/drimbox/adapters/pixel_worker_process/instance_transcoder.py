"""Instances on their way, brought into another transfer syntax through temporary files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.errors import MalformedMessage, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.part10 import encode_file_meta, parse_file_meta

_READ_BYTES = 1024 * 1024
_HEADER_BYTES = 64 * 1024


class FileTranscoder:
    """Implements ports.pixel_worker.InstanceTranscoder.

    Args:
        pixels: the jailed children that decode and encode.
    """

    def __init__(self, pixels: PixelWorkerPool) -> None:
        self._pixels = pixels

    @asynccontextmanager
    async def received(self, instance: InstanceStream) -> "AsyncIterator[_ReceivedFile]":
        """See ports.pixel_worker."""
        try:
            with self._pixels.temporary_folder() as folder:
                stored = folder / "stored.dcm"
                await _write(instance, stored)
                yield _ReceivedFile(self._pixels, instance, stored)
        except OSError as error:
            raise Unavailable("disk", "cannot take an instance to transcode") from error


@dataclass(frozen=True, slots=True)
class _ReceivedFile:
    """Implements ports.pixel_worker.ReceivedInstance."""

    pixels: PixelWorkerPool
    instance: InstanceStream
    path: Path

    async def transcoded(self, syntax: TransferSyntaxUid) -> InstanceStream:
        """See ports.pixel_worker."""
        target = self.path.with_name("transcoded.dcm")
        await self.pixels.transcode_file(self.path, target, syntax)
        return self._stream(target, syntax)

    def as_received(self) -> InstanceStream:
        """See ports.pixel_worker."""
        return self._stream(self.path, self.instance.transfer_syntax_uid)

    def _stream(self, path: Path, syntax: TransferSyntaxUid) -> InstanceStream:
        instance = self.instance
        return InstanceStream(
            instance.sop_class_uid, instance.sop_instance_uid, syntax, _data_set(path)
        )


async def _write(instance: InstanceStream, path: Path) -> None:
    meta = encode_file_meta(
        instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
    )
    async with await anyio.open_file(path, "wb") as file:
        await file.write(meta)
        async for chunk in instance.chunks:
            await file.write(chunk)


async def _data_set(path: Path) -> AsyncIterator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        head = await file.read(_HEADER_BYTES)
        try:
            await file.seek(parse_file_meta(head).data_set_offset)
        except MalformedMessage as error:
            raise Unavailable("pixel worker", "wrote no DICOM file") from error
        while chunk := await file.read(_READ_BYTES):
            yield chunk
