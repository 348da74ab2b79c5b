"""Elements of a data set as octets: read and written, not interpreted (PS3.5 section 7).

    explicit VR  | group 2 | element 2 | VR 2 | length 2                | value |
                 | group 2 | element 2 | VR 2 | reserved 2 | length 4   | value |   LONG_VRS
    implicit VR  | group 2 | element 2 | length 4                       | value |

Values are kept as little endian octets whatever the transfer syntax, padding included.
"""

import struct
from enum import Enum
from typing import NamedTuple, TypeAlias

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom.value_representations import (
    BITS_ALLOCATED,
    LONG_VRS,
    LUT_DESCRIPTOR,
    PIXEL_REPRESENTATION,
    SHORT_VRS,
    settle_vr,
    swap_words,
    vr_of,
    word_size,
)

DataSet: TypeAlias = dict[int, "RawElement"]
"""Tag (group in the high 16 bits) -> element, in the order of the octets."""

RawElement: TypeAlias = tuple[str, "bytes | list[DataSet]"]
"""VR, and the value or, for SQ, the items."""

UNDEFINED_LENGTH = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_DELIMITATION = 0xFFFEE00D
SEQUENCE_DELIMITATION = 0xFFFEE0DD
PIXEL_DATA_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
MAX_DEPTH = 60
MAX_ELEMENTS = 400_000
"""Elements and items of one data set, those of sequences included: 4000 frames of 100 (D5)."""
_RUN_OCTETS = 1024 * 1024  # of a run, before its elements are counted


class Fragments(bytes):
    """The items of an encapsulated value, as encoded, without their sequence delimiter."""

    __slots__ = ()


class Incomplete(MalformedMessage):
    """The octets end inside an element; more of them may complete it."""

    def __init__(self) -> None:
        super().__init__("an element runs past the end of what holds it (PS3.5 7.1)")


class Encoding(Enum):
    """How the elements of one transfer syntax are laid out."""

    IMPLICIT_LITTLE = ("<", True)
    EXPLICIT_LITTLE = ("<", False)
    EXPLICIT_BIG = (">", False)

    def __init__(self, byte_order: str, is_implicit: bool) -> None:  # noqa: FBT001 - wire facts
        self.is_implicit = is_implicit
        self.is_big_endian = byte_order == ">"
        self.tag = struct.Struct(byte_order + "HH")
        self.tag_and_length = struct.Struct(byte_order + "HHI")
        self.tag_vr_and_length = struct.Struct(byte_order + "HH2sH")
        self.long_length = struct.Struct(byte_order + "I")


class ElementHeader(NamedTuple):
    """One element before its value; value_offset counts from where the reading began."""

    tag: int
    vr: str
    length: int
    value_offset: int


class DataSetReader:
    """Reads elements out of one buffer; nothing is copied but the values.

    Args:
        buffer: the octets.
        encoding: their layout.
        is_signed: Pixel Representation, where an outer data set has told it.
        bits_allocated: Bits Allocated, where what was read before has told it.
        most_elements: how many may be read; elements_left tells how many more.
    """

    def __init__(
        self,
        buffer: bytes | bytearray | memoryview,
        encoding: Encoding,
        *,
        is_signed: bool = False,
        bits_allocated: int = 0,
        most_elements: int = MAX_ELEMENTS,
    ) -> None:
        self.elements_left = most_elements
        self._buffer = buffer
        self._encoding = encoding
        self._is_signed = is_signed
        self._bits_allocated = bits_allocated
        self._stop_tags: frozenset[int] = frozenset()
        self._last_tag = 0xFFFFFFFF
        self._has_runs = encoding is Encoding.EXPLICIT_LITTLE

    def read(self, start: int, end: int) -> DataSet:
        """Read elements from start to end.

        Raises:
            Incomplete: an element runs past the end.
            MalformedMessage: not a data set.
        """
        return self._elements(start, end, 0)[0]

    def read_before(self, stop_tags: frozenset[int], end: int) -> tuple[DataSet, int]:
        """Read elements up to one of stop_tags; returns them and the offset of that one, or end.

        Raises:
            Incomplete, MalformedMessage: as read.
        """
        self._stop_tags = stop_tags
        return self._elements(0, end, 0)

    def read_through(self, last_tag: int, end: int, start: int = 0) -> tuple[DataSet, int]:
        """Read elements up to the first behind last_tag; returns them and its offset, or end.

        Raises:
            Incomplete, MalformedMessage: as read.
        """
        self._last_tag = last_tag
        return self._elements(start, end, 0)

    def read_header(self, offset: int, end: int) -> ElementHeader:
        """Read tag, VR and length at this offset.

        The VR of an implicit element is the dictionary's, private attributes being UN.
        """
        encoding = self._encoding
        if end - offset < 8:
            raise Incomplete
        if encoding.is_implicit:
            group, element, length = encoding.tag_and_length.unpack_from(self._buffer, offset)
            tag = group << 16 | element
            return ElementHeader(tag, vr_of(tag), length, offset + 8)
        group, element, letters, length = encoding.tag_vr_and_length.unpack_from(
            self._buffer, offset
        )
        tag = group << 16 | element
        if group == 0xFFFE:
            return ElementHeader(tag, "", *self._item_length(offset))
        vr = _KNOWN_VRS.get(letters) or _vr_letters(letters)
        if vr not in LONG_VRS:
            return ElementHeader(tag, vr, length, offset + 8)
        if end - offset < 12:
            raise Incomplete
        (length,) = encoding.long_length.unpack_from(self._buffer, offset + 8)
        return ElementHeader(tag, vr, length, offset + 12)

    def _item_length(self, offset: int) -> tuple[int, int]:
        (length,) = self._encoding.long_length.unpack_from(self._buffer, offset + 4)
        return length, offset + 8

    def read_element(
        self, header: ElementHeader, end: int, siblings: DataSet
    ) -> tuple[RawElement, int]:
        """Read the value of one element; returns it and the offset behind it.

        siblings are the elements before it that may settle its VR.
        """
        return self._value(header, end, 0, siblings)

    def read_items(self, start: int, end: int) -> list[DataSet]:
        """Read the items of a sequence whose value lies between start and end."""
        return self._items(start, end, 0)[0]

    def settled_vr(self, header: ElementHeader, siblings: DataSet) -> str:
        """Return the one VR of an element, whatever its encoding."""
        return self._implicit_vr(header, siblings) if self._encoding.is_implicit else header.vr

    def _elements(
        self, offset: int, end: int, depth: int, *, is_open: bool = False
    ) -> tuple[DataSet, int]:
        """Read up to end or, in an open item, to its delimiter."""
        data_set: DataSet = {}
        while offset < end:
            if self._has_runs:
                offset = self._run(offset, min(end, offset + _RUN_OCTETS), data_set)
                if offset >= end:
                    break
            self._check_count(len(data_set))
            header = self.read_header(offset, end)
            if depth == 0 and (header.tag in self._stop_tags or header.tag > self._last_tag):
                break
            if header.tag >> 16 == 0xFFFE:
                if is_open and header.tag == ITEM_DELIMITATION:
                    self._count(data_set)
                    return data_set, header.value_offset
                raise MalformedMessage("an item stands outside any sequence (PS3.5 7.5)")
            data_set[header.tag], offset = self._value(header, end, depth, data_set)
        if is_open:
            raise Incomplete
        self._count(data_set)
        return data_set, offset

    def _count(self, data_set: DataSet) -> None:
        """Count a data set that is read: itself as an item, and its elements."""
        self.elements_left -= len(data_set) + 1
        self._check_count(0)

    def _check_count(self, elements: int) -> None:
        if elements > self.elements_left:
            raise MalformedMessage(f"more than {MAX_ELEMENTS} elements")

    def _run(self, offset: int, end: int, data_set: DataSet) -> int:
        """Read a run of elements that need no thought; return where another kind stands, or end.

        Most of a file are such elements, and this loop is a third of the work of the general one.
        """
        buffer = self._buffer
        unpack = self._encoding.tag_vr_and_length.unpack_from
        others = _SETTLING_TAGS | self._stop_tags if self._stop_tags else _SETTLING_TAGS
        last_tag = self._last_tag
        while end - offset >= 8:
            group, element, letters, length = unpack(buffer, offset)
            vr = _SHORT_VRS.get(letters)
            tag, stop = group << 16 | element, offset + 8 + length
            if vr is None or group == 0xFFFE or stop > end or tag in others or tag > last_tag:
                break
            data_set[tag] = vr, bytes(buffer[offset + 8 : stop])
            offset = stop
        return offset

    def _value(
        self, header: ElementHeader, end: int, depth: int, siblings: DataSet
    ) -> tuple[RawElement, int]:
        vr, length, start = header.vr, header.length, header.value_offset
        if self._encoding.is_implicit:
            vr = self._implicit_vr(header, siblings)
        if length == UNDEFINED_LENGTH:
            return self._undefined_length(vr, start, end, depth)
        stop = start + length
        if stop > end:
            raise Incomplete
        if vr == "SQ":
            return ("SQ", self._items(start, stop, depth)[0]), stop
        value = bytes(self._buffer[start:stop])
        if header.tag == PIXEL_REPRESENTATION:
            self._is_signed = any(value[:2])
        if self._encoding.is_big_endian:
            value = swap_words(value, word_size(header.tag, vr, self._bits_allocated))
        if header.tag == BITS_ALLOCATED and depth == 0:
            self._bits_allocated = int.from_bytes(value[:2], "little")
        return (vr, value), stop

    def _implicit_vr(self, header: ElementHeader, siblings: DataSet) -> str:
        vr, tag = header.vr, header.tag
        if tag >> 16 & 1 and vr == "UN":
            creator = siblings.get((tag & 0xFFFF0000) | (tag >> 8 & 0xFF))
            if creator is not None and isinstance(creator[1], bytes):
                vr = vr_of(tag, creator[1].decode("latin-1").strip(" \0"))
        descriptor = siblings.get(LUT_DESCRIPTOR)
        entries = None
        if descriptor is not None and isinstance(descriptor[1], bytes) and len(descriptor[1]) >= 2:
            entries = int.from_bytes(descriptor[1][:2], "little")
        return settle_vr(tag, vr, is_signed=self._is_signed, lut_entries=entries)

    def _undefined_length(
        self, vr: str, start: int, end: int, depth: int
    ) -> tuple[RawElement, int]:
        if vr in {"OB", "OW"}:
            return self._fragments(vr, start, end)
        if vr == "UN" and not self._encoding.is_implicit:
            # PS3.5 6.2.2 note 2: UN of undefined length holds an Implicit VR sequence.
            nested = DataSetReader(
                self._buffer,
                Encoding.IMPLICIT_LITTLE,
                is_signed=self._is_signed,
                most_elements=self.elements_left,
            )
            items, offset = nested._items(start, end, depth, is_delimited=True)
            self.elements_left = nested.elements_left
            return ("SQ", items), offset
        if vr not in {"SQ", "UN"}:
            raise MalformedMessage(f"{vr} of undefined length (PS3.5 7.1)")
        items, offset = self._items(start, end, depth, is_delimited=True)
        return ("SQ", items), offset

    def _items(
        self, offset: int, end: int, depth: int, *, is_delimited: bool = False
    ) -> tuple[list[DataSet], int]:
        if depth >= MAX_DEPTH:
            raise MalformedMessage(f"sequences nested deeper than {MAX_DEPTH}")
        items: list[DataSet] = []
        outer_is_signed = self._is_signed
        while offset < end:
            if end - offset < 8:
                raise Incomplete
            group, element, length = self._encoding.tag_and_length.unpack_from(self._buffer, offset)
            tag = group << 16 | element
            offset += 8
            if tag == SEQUENCE_DELIMITATION:
                return items, offset
            if tag != ITEM:
                raise MalformedMessage("a sequence holds something else than items (PS3.5 7.5)")
            stop = end if length == UNDEFINED_LENGTH else offset + length
            if stop > end:
                raise Incomplete
            is_open = length == UNDEFINED_LENGTH
            item, offset = self._elements(offset, stop, depth + 1, is_open=is_open)
            items.append(item)
            self._is_signed = outer_is_signed
        if is_delimited:
            raise Incomplete
        return items, offset

    def _fragments(self, vr: str, start: int, end: int) -> tuple[RawElement, int]:
        offset = start
        while True:
            if end - offset < 8:
                raise Incomplete
            group, element, length = self._encoding.tag_and_length.unpack_from(self._buffer, offset)
            if group << 16 | element == SEQUENCE_DELIMITATION:
                return (vr, Fragments(self._buffer[start:offset])), offset + 8
            if group << 16 | element != ITEM or length == UNDEFINED_LENGTH:
                raise MalformedMessage("fragments are not items of known length (PS3.5 A.4)")
            offset += 8 + length


def read_data_set(octets: bytes | memoryview, encoding: Encoding) -> DataSet:
    """Read a whole data set.

    Raises:
        MalformedMessage: not a data set in that encoding.
    """
    return DataSetReader(octets, encoding).read(0, len(octets))


# Every VR of PS3.5 6.2, spelled once: most of the work of reading a header was this.
_KNOWN_VRS = {vr.encode(): vr for vr in SHORT_VRS | LONG_VRS}
_SHORT_VRS = {vr.encode(): vr for vr in SHORT_VRS}
# Their values settle how later elements are read.
_SETTLING_TAGS = frozenset({PIXEL_REPRESENTATION, BITS_ALLOCATED})


def _vr_letters(letters: bytes) -> str:
    if not (65 <= letters[0] <= 90 and 65 <= letters[1] <= 90):
        raise MalformedMessage("a VR is not two capital letters (PS3.5 7.1.2)")
    return letters.decode("ascii")
