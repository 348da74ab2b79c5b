"""What is learnt of an instance on disk without its pixels: metadata, and where its frames are."""

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import orjson

from drimbox.errors import MalformedMessage
from drimbox.model.frames import FrameIndex
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.data_set import Incomplete
from drimbox.standards.dicom.frame_index import find_frames
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.metadata_rows import InstanceHead, MetadataRows

FIRST_READ = 32 * 1024
_LARGEST_READ = 16 * 1024 * 1024


class HeadReader:
    """Reads the instances of one series, one after the other: what they share is converted once.

    Args:
        series_url: the address of the series, below which its bulk data is found.
    """

    def __init__(self, series_url: str) -> None:
        self._series_url = series_url
        self._rows = MetadataRows()

    def learn(self, instance: CachedInstance, first: bytes = b"") -> tuple[CachedInstance, bytes]:
        """Return the instance with the index of its frames, and its metadata as a JSON object.

        first is what its data set begins with, where that is at hand: FIRST_READ of it will do.

        Raises:
            OSError: the file is gone.
            MalformedMessage: not a data set.
        """
        with closing(_File(instance, first)) as file:
            head = self._head(file, instance)
            if head is None:
                return instance, self._row_of_any(file, instance)
            return replace(instance, frames=_frames(file, instance, head)), head.row

    def row(self, instance: CachedInstance) -> bytes:
        """Return the metadata alone; raises as learn does."""
        return self.learn(instance)[1]

    def _uri(self, instance: CachedInstance, path: str) -> str:
        return f"{self._series_url}/instances/{instance.sop_instance_uid}/bulkdata/{path}"

    def _head(self, file: "_File", instance: CachedInstance) -> InstanceHead | None:
        """Read up to the pixels; None where only the general reader can."""
        size = FIRST_READ
        while size <= _LARGEST_READ:
            octets = file.read(size, instance.data_set_offset)
            is_all = len(octets) < size
            try:
                head = self._rows.read(
                    octets, instance.transfer_syntax_uid, lambda path: self._uri(instance, path)
                )
            except Incomplete:
                if is_all:
                    return None
            except MalformedMessage:
                return None
            else:
                # The octets may end between two elements.
                if is_all or head.pixels is not None:
                    return head
            size *= 8
        return None

    def _row_of_any(self, file: "_File", instance: CachedInstance) -> bytes:
        reader = MetadataReader(instance.transfer_syntax_uid)
        offset = instance.data_set_offset
        while not reader.is_complete and (chunk := file.read(FIRST_READ, offset)):
            reader.feed(chunk)
            offset += len(chunk)
        row = dict(reader.metadata(lambda path: self._uri(instance, path)))
        row["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
        return orjson.dumps(dict(sorted(row.items())))


class _File:
    """A file that is opened once more is read than the octets at hand."""

    def __init__(self, instance: CachedInstance, first: bytes) -> None:
        self._path = instance.path
        self._start = instance.data_set_offset
        self._first = first
        self._file = -1

    def read(self, size: int, offset: int) -> bytes:
        """Read as os.pread does."""
        start = offset - self._start
        if 0 <= start <= len(self._first) - size:
            return self._first[start : start + size]
        if self._file < 0:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._file, size, offset)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)


def _frames(file: "_File", instance: CachedInstance, head: InstanceHead) -> FrameIndex | None:
    if head.pixels is None:
        return None
    in_file = head.pixels.value_offset + instance.data_set_offset
    pixels = head.pixels._replace(value_offset=in_file)
    return find_frames(head.frame_facts, pixels, lambda at, size: file.read(size, at))


def read_rows(instances: Sequence[CachedInstance], series_url: str) -> list[bytes]:
    """Return the metadata of each, in the same order; raises as HeadReader.learn does."""
    reader = HeadReader(series_url)
    return [reader.row(instance) for instance in instances]
