"""Finds the frames of an image in its octets, without decoding any (PS3.5 8.2, A.4).

    native        | frame 1 | frame 2 | ...            rows x columns x samples x octets each;
                                                       4:2:2 has two samples a pixel
    encapsulated  | offset table | fragment | fragment | ...      items; which frame: see below

One frame has all the fragments; else as many fragments as frames are one each; else the Basic
Offset Table says where each frame begins. An image that says none of these has no index.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from drimbox.model.frames import FrameIndex, Range
from drimbox.standards.dicom.data_set import (
    ITEM,
    PIXEL_DATA_TAGS,
    SEQUENCE_DELIMITATION,
    UNDEFINED_LENGTH,
    DataSet,
    ElementHeader,
)

Read = Callable[[int, int], bytes]
"""Offset in the file, length -> octets; fewer at the end of the file."""

MAX_FRAGMENTS = 100_000
_ROWS, _COLUMNS, _NUMBER_OF_FRAMES = 0x00280010, 0x00280011, 0x00280008
_SAMPLES_PER_PIXEL, _BITS_ALLOCATED = 0x00280002, 0x00280100
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_ITEM_HEADER = 8
FRAME_TAGS = frozenset(
    {
        *(_ROWS, _COLUMNS, _NUMBER_OF_FRAMES),
        *(_SAMPLES_PER_PIXEL, _BITS_ALLOCATED, _PHOTOMETRIC_INTERPRETATION),
    }
)
"""What find_frames reads of the data set."""


def find_frames(data_set: DataSet, pixels: ElementHeader, read: Read) -> FrameIndex | None:
    """Return the index of an image in Explicit VR Little Endian, native or encapsulated.

    data_set holds FRAME_TAGS; value_offset of pixels, and what is read, count from the file's
    beginning. None where the object is no image, is cut short, or does not tell its frames apart.
    """
    count = _number_of_frames(data_set)
    if pixels.tag not in PIXEL_DATA_TAGS or not 0 < count <= MAX_FRAGMENTS:
        return None
    if pixels.length != UNDEFINED_LENGTH:
        return _native(data_set, pixels, count)
    found = find_fragments(pixels.value_offset, read)
    frames = _frames_of(*found, count) if found is not None else None
    return FrameIndex(count, fragments=frames) if frames is not None else None


def stored_samples(samples_per_pixel: int, photometric_interpretation: str) -> int:
    """Return how many samples of each pixel are stored where nothing is compressed.

    4:2:2 keeps Y1 Y2 Cb Cr of two pixels, whatever Samples per Pixel says (C.7.6.3.1.2).
    """
    is_halved = samples_per_pixel == 3 and photometric_interpretation.endswith("_422")
    return 2 if is_halved else samples_per_pixel


def _native(data_set: DataSet, pixels: ElementHeader, count: int) -> FrameIndex | None:
    photometric = data_set.get(_PHOTOMETRIC_INTERPRETATION, ("CS", b""))[1]
    text = photometric.decode("latin-1").strip(" \0") if isinstance(photometric, bytes) else ""
    samples = stored_samples(_unsigned(data_set, _SAMPLES_PER_PIXEL) or 1, text)
    values = _unsigned(data_set, _ROWS) * _unsigned(data_set, _COLUMNS) * samples
    bits = values * _unsigned(data_set, _BITS_ALLOCATED)
    # Frames of one bit a pixel need not end on an octet (PS3.5 8.1.1).
    if not bits or bits % 8 or bits // 8 * count > pixels.length:
        return None
    return FrameIndex(count, pixels.value_offset, bits // 8)


def find_fragments(start: int, read: Read) -> tuple[Sequence[int], Sequence[Range]] | None:
    """Return the Basic Offset Table of an encapsulated value, and where each fragment is.

    None where it is cut short, holds something else, or more than MAX_FRAGMENTS.
    """
    table = _item_length(read(start, _ITEM_HEADER))
    if table is None:
        return None
    octets = read(start + _ITEM_HEADER, table)
    offsets = [int.from_bytes(octets[i : i + 4], "little") for i in range(0, len(octets), 4)]
    offset = start + _ITEM_HEADER + table
    fragments: list[Range] = []
    while len(fragments) <= MAX_FRAGMENTS:
        header = read(offset, _ITEM_HEADER)
        if _tag_of(header) == SEQUENCE_DELIMITATION:
            return offsets, fragments
        length = _item_length(header)
        if length is None:
            return None
        fragments.append((offset + _ITEM_HEADER, length))
        offset += _ITEM_HEADER + length
    return None


def _frames_of(
    offsets: Sequence[int], fragments: Sequence[Range], count: int
) -> tuple[tuple[Range, ...], ...] | None:
    if count == 1 and fragments:
        return (tuple(fragments),)
    if len(fragments) == count:
        return tuple((fragment,) for fragment in fragments)
    if len(offsets) != count or not fragments:
        return None
    # Offsets count from the first fragment's item, header included (PS3.5 A.4).
    first = fragments[0][0] - _ITEM_HEADER
    ends = [*offsets[1:], fragments[-1][0] + fragments[-1][1] - first]
    if any(before >= after for before, after in pairwise([*offsets, ends[-1]])):
        return None
    frames = tuple(
        tuple(f for f in fragments if begin <= f[0] - _ITEM_HEADER - first < end)
        for begin, end in zip(offsets, ends, strict=True)
    )
    return frames if all(frames) else None


def _tag_of(header: bytes) -> int:
    return int.from_bytes(header[:2], "little") << 16 | int.from_bytes(header[2:4], "little")


def _item_length(header: bytes) -> int | None:
    if len(header) < _ITEM_HEADER or _tag_of(header) != ITEM:
        return None
    length = int.from_bytes(header[4:8], "little")
    return None if length == UNDEFINED_LENGTH else length


def _number_of_frames(data_set: DataSet) -> int:
    value = data_set.get(_NUMBER_OF_FRAMES, ("IS", b""))[1]
    text = value.strip(b" \0") if isinstance(value, bytes) else b""
    if not text:
        return 1
    return int(text) if text.isdigit() and len(text) < 8 else 0


def _unsigned(data_set: DataSet, tag: int) -> int:
    value = data_set.get(tag, ("US", b""))[1]
    return int.from_bytes(value[:2], "little") if isinstance(value, bytes) else 0
