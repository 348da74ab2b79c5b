"""Top-level elements of a data set that arrives in pieces, without ever holding its pixels.

    octets, cut anywhere ─> feed() ─> WholeElement | LargeElement, ValuePiece, ValuePiece…

A value of more than LARGE octets that is not a sequence passes through in pieces; everything else
is small enough to be held whole, or is refused.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom.data_set import (
    MAX_ELEMENTS,
    UNDEFINED_LENGTH,
    DataSet,
    DataSetReader,
    ElementHeader,
    Encoding,
    Incomplete,
    RawElement,
)
from drimbox.standards.dicom.value_representations import (
    BITS_ALLOCATED,
    LUT_DESCRIPTOR,
    PIXEL_REPRESENTATION,
)

LARGE = 64 * 1024
MAX_HELD = 16 * 1024 * 1024
MAX_TOP_LEVEL = 20_000
"""Elements that stand in no sequence; the whole dictionary of PS3.6 has some 5000 (D5)."""


@dataclass(frozen=True, slots=True)
class WholeElement:
    """One element; octets are those it was encoded in."""

    tag: int
    element: RawElement
    octets: bytes


@dataclass(frozen=True, slots=True)
class LargeElement:
    """The start of an element whose value follows in pieces; length may be undefined."""

    tag: int
    vr: str
    length: int
    octets: bytes


@dataclass(frozen=True, slots=True)
class ValuePiece:
    """Octets of the value of the LargeElement before it, as encoded."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Remainder:
    """Octets from the first element behind last_tag on, as encoded."""

    octets: bytes


ElementEvent = WholeElement | LargeElement | ValuePiece | Remainder


class ElementStream:
    """Reads elements of one data set in one encoding.

    Args:
        encoding: how they are laid out.
        last_tag: from the first element behind it on, octets pass unread as Remainder.
    """

    def __init__(self, encoding: Encoding, *, last_tag: int | None = None) -> None:
        self._encoding = encoding
        self._last_tag = last_tag
        self._is_past = False
        self._pending = bytearray()
        self._value_left = 0
        self._retry_at = 0
        self._is_signed = False
        self._elements_left = MAX_ELEMENTS
        self._count = 0
        self.bits_allocated = 0
        """Bits Allocated, once it has passed."""
        self._context: DataSet = {}

    def feed(self, octets: bytes) -> Iterator[ElementEvent]:
        """Take a piece and yield what it completes; read the iterator to its end.

        Raises:
            MalformedMessage: not a data set, an element that would take more than MAX_HELD, or more
                elements than MAX_TOP_LEVEL, with those of sequences than MAX_ELEMENTS.
        """
        offset = 0
        if self._value_left:
            piece = octets[: self._value_left]
            self._value_left -= len(piece)
            yield ValuePiece(piece)
            offset = len(piece)
        if self._is_past:
            yield Remainder(octets)
            return
        self._pending += octets[offset:]
        if len(self._pending) >= min(self._retry_at, MAX_HELD + 1):
            yield from self._complete()

    def finish(self) -> Iterator[ElementEvent]:
        """Yield what the end of the data set completes: a long sequence that waited for more.

        Raises:
            MalformedMessage: it did not end with a whole element.
        """
        if self._pending and not self._value_left:
            yield from self._complete()
        if self._pending or self._value_left:
            raise Incomplete

    def _complete(self) -> Iterator[ElementEvent]:
        offset, end = 0, len(self._pending)
        try:
            while offset < end and not self._value_left:
                event, offset = self._next(offset, end)
                yield event
        except Incomplete:
            pass  # the rest of it is still to come
        del self._pending[:offset]
        if self._value_left:
            yield from self._begin_value()
        else:
            self._bound_pending()

    def _begin_value(self) -> Iterator[ElementEvent]:
        """Yield what is here already of a large value, and what stands behind it."""
        piece = bytes(self._pending[: self._value_left])
        del self._pending[: len(piece)]
        self._value_left -= len(piece)
        if piece:
            yield ValuePiece(piece)
        if self._pending:
            yield from self._complete()

    def _bound_pending(self) -> None:
        held = len(self._pending)
        if held > MAX_HELD:
            raise MalformedMessage(f"an element of more than {MAX_HELD} octets is no pixel data")
        # A long sequence is read again only once twice as much of it is here.
        self._retry_at = 2 * held if held > LARGE else 0

    def _next(self, offset: int, end: int) -> tuple[ElementEvent, int]:
        reader = DataSetReader(
            self._pending,
            self._encoding,
            is_signed=self._is_signed,
            bits_allocated=self.bits_allocated,
            most_elements=self._elements_left,
        )
        header = reader.read_header(offset, end)
        if self._last_tag is not None and header.tag > self._last_tag:
            self._is_past = True
            return Remainder(bytes(self._pending[offset:])), end
        vr = reader.settled_vr(header, self._context)
        if header.length == UNDEFINED_LENGTH and vr in {"OB", "OW"}:
            return self._start(header, vr, offset), header.value_offset
        if header.length != UNDEFINED_LENGTH and header.length > LARGE and vr != "SQ":
            self._value_left = header.length
            return self._start(header, vr, offset), header.value_offset
        element, after = reader.read_element(header, end, self._context)
        self._elements_left = reader.elements_left
        self._count += 1
        if self._count > MAX_TOP_LEVEL:
            raise MalformedMessage(f"more than {MAX_TOP_LEVEL} elements outside sequences")
        self._remember(header.tag, element)
        return WholeElement(header.tag, element, bytes(self._pending[offset:after])), after

    def _start(self, header: ElementHeader, vr: str, offset: int) -> LargeElement:
        octets = bytes(self._pending[offset : header.value_offset])
        return LargeElement(header.tag, vr, header.length, octets)

    def _remember(self, tag: int, element: RawElement) -> None:
        """Keep what settles the VR of later elements: private creators, signs, LUT length."""
        value = element[1]
        if tag == PIXEL_REPRESENTATION and isinstance(value, bytes):
            self._is_signed = any(value)
        elif tag == BITS_ALLOCATED and isinstance(value, bytes):
            self.bits_allocated = int.from_bytes(value[:2], "little")
        elif tag == LUT_DESCRIPTOR or (tag >> 16 & 1 and 0x10 <= tag & 0xFFFF <= 0xFF):
            self._context[tag] = element
