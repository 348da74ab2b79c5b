"""What the doors read of an instance's copy on disk, without reading its pixels."""

import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import anyio

from drimbox.errors import Unavailable
from drimbox.model.frames import Range
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set import (
    PIXEL_DATA_TAGS,
    DataSet,
    DataSetReader,
    ElementHeader,
)
from drimbox.standards.dicom.frame_index import find_fragments
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.transfer_syntaxes import encoding_of
from drimbox.standards.mountinfo import IN_MEMORY, MOUNTINFO, parse_mounts

_HEADER_BYTES = 64 * 1024
_ROWS, _COLUMNS = 0x00280010, 0x00280011
_LARGEST_AT_ONCE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class InstanceHeader:
    """The elements before the pixels, and the header of these; its offset counts in the file."""

    data_set: DataSet
    pixels: ElementHeader | None

    @property
    def number_of_frames(self) -> int:
        """Number of Frames, 1 where it is not said or no number."""
        text = self.text(tags.NUMBER_OF_FRAMES)
        return max(int(text), 1) if text.isdigit() and len(text) < 8 else 1

    @property
    def rows(self) -> int:
        return self._unsigned(_ROWS)

    @property
    def columns(self) -> int:
        return self._unsigned(_COLUMNS)

    def _unsigned(self, tag: int) -> int:
        value = self.data_set.get(tag, ("", b""))[1]
        return int.from_bytes(value[:2], "little") if isinstance(value, bytes) else 0

    def text(self, tag: int) -> str:
        """Return a value of ASCII letters, "" where there is none."""
        value = self.data_set.get(tag, ("", b""))[1]
        return value.decode("latin-1").strip(" \0") if isinstance(value, bytes) else ""


@contextmanager
def mapped_data_set(instance: CachedInstance) -> Iterator[memoryview]:
    """Map the data set; only what is looked at is read."""
    with (
        instance.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as view,
        view[instance.data_set_offset :] as octets,
    ):
        yield octets


async def read_ranges(path: Path, ranges: Sequence[Range]) -> bytes:
    """Return octets of a file, those of several ranges joined.

    What the system has in memory is copied at once; a thread waits for the disk.

    Raises:
        Unavailable: the file is gone, or shorter.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable("image cache", "lost an instance") from error
    try:
        pieces = [
            os.pread(file, length, offset)
            if length <= _LARGEST_AT_ONCE and _is_in_memory(file, offset, length)
            else await anyio.to_thread.run_sync(os.pread, file, length, offset)
            for offset, length in ranges
        ]
    finally:
        os.close(file)
    if any(len(piece) != r[1] for piece, r in zip(pieces, ranges, strict=True)):
        raise Unavailable("image cache", "lost a part of an instance")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _is_in_memory(file: int, offset: int, length: int) -> bool:
    """Tell whether no disk is needed, going by the first and the last octet."""
    # A tmpfs answers no question about itself: RWF_NOWAIT is not supported there.
    if _has_no_disk(os.fstat(file).st_dev):
        return True
    octet = bytearray(1)
    try:
        return all(
            os.preadv(file, [octet], at, os.RWF_NOWAIT) for at in (offset, offset + length - 1)
        )
    except OSError:  # it is not, or the file system cannot tell
        return False


@lru_cache(maxsize=64)
def _has_no_disk(device: int) -> bool:
    """Tell whether a file system is a tmpfs or ramfs."""
    name = f"{os.major(device)}:{os.minor(device)}"
    try:
        text = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return any(one.device == name and one.kind in IN_MEMORY for one in parse_mounts(text))


def read_instance_header(instance: CachedInstance) -> InstanceHeader:
    """Read what stands before the pixels.

    Raises:
        MalformedMessage: not a data set.
    """
    with mapped_data_set(instance) as octets:
        reader = DataSetReader(octets, encoding_of(instance.transfer_syntax_uid))
        data_set, offset = reader.read_before(PIXEL_DATA_TAGS, len(octets))
        if offset >= len(octets):
            return InstanceHeader(data_set, None)
        header = reader.read_header(offset, len(octets))
        in_file = header.value_offset + instance.data_set_offset
        return InstanceHeader(data_set, header._replace(value_offset=in_file))


def read_fragments(instance: CachedInstance, pixels: ElementHeader) -> tuple[Range, ...]:
    """Return where the fragments of an encapsulated value are; none where it is no such value."""
    with instance.path.open("rb") as file:

        def read(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        found = find_fragments(pixels.value_offset, read)
    return tuple(found[1]) if found is not None else ()


def bulk_data_paths(instance: CachedInstance) -> tuple[str, ...]:
    """Return the path of every attribute that metadata give by BulkDataURI.

    Raises:
        MalformedMessage: not a data set.
    """
    reader = MetadataReader(instance.transfer_syntax_uid)
    paths: list[str] = []

    def note(path: str) -> str:
        paths.append(path)
        return path

    with instance.path.open("rb") as file:
        file.seek(instance.data_set_offset)
        while not reader.is_complete and (chunk := file.read(_HEADER_BYTES)):
            reader.feed(chunk)
    reader.metadata(note)
    return tuple(sorted(paths))
