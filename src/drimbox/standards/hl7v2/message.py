"""An HL7 v2 message cut into segments and fields, lazily: a field of megabytes is copied once.

HL7 2.5 and 2.6 chapter 2. Tolerant where senders are known to stray: LF or CRLF between segments,
white space around them, a base64 field broken over several lines, any delimiters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from drimbox.standards.hl7v2.encoding import (
    Delimiters,
    Encoding,
    encoding_of,
    parse_delimiters,
)
from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault, missing

MAX_SEGMENTS = 10_000
_MAX_LINES = 1_000_000
_MAX_REPETITIONS = 1_000
_CONTINUED = (b"OBX", b"NTE")


@dataclass(frozen=True, slots=True)
class Field:
    """One occurrence of a field; numbers count from 1, and what is not there is an empty text."""

    octets: bytes
    encoding: Encoding
    where: str

    def component(self, number: int) -> "Field":
        """Return one component, as a field of its own subcomponents."""
        separator = self.encoding.delimiters.component
        return Field(_nth(self.octets, separator, number), self.encoding, f"{self.where}.{number}")

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Return one leaf, decoded and stripped."""
        part = self.component(component)
        leaf = _nth(part.octets, self.encoding.delimiters.subcomponent, subcomponent)
        return self.encoding.text(leaf, part.where)

    def is_empty(self) -> bool:
        """Tell absent from given; the explicit null ("") counts as absent."""
        return self.octets.strip() in {b"", b'""'}


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of a message."""

    name: str
    octets: bytes
    encoding: Encoding

    def field(self, number: int) -> Field:
        """Return the first occurrence of a field (MSH-1 is the delimiter itself)."""
        first = _nth(self._whole(number), self._separator(number), 1)
        return Field(first, self.encoding, f"{self.name}-{number}")

    def repetitions(self, number: int) -> tuple[Field, ...]:
        """Return every occurrence that is not empty."""
        occurrences = self._whole(number).split(self._separator(number), _MAX_REPETITIONS)
        fields = (Field(o, self.encoding, f"{self.name}-{number}") for o in occurrences)
        return tuple(field for field in fields if not field.is_empty())

    def text(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """Return one leaf of the first occurrence of a field."""
        return self.field(number).text(component, subcomponent)

    def _separator(self, number: int) -> bytes:
        # MSH-2 holds the delimiters themselves.
        if self.name == "MSH" and number <= 2:
            return b"\0"
        return self.encoding.delimiters.repetition

    def _whole(self, number: int) -> bytes:
        separator = self.encoding.delimiters.field
        if self.name != "MSH":
            return _nth(self.octets, separator, number + 1)
        return separator if number == 1 else _nth(self.octets, separator, number)


@dataclass(frozen=True, slots=True)
class Message:
    """Every segment in order; the first is MSH."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        return self.segments[0]

    def find_all(self, name: str) -> Iterator[Segment]:
        """Yield the segments of that name, in order."""
        return (segment for segment in self.segments if segment.name == name)

    def find(self, name: str) -> Segment | None:
        """Return the first segment of that name."""
        return next(self.find_all(name), None)

    def get(self, name: str) -> Segment:
        """Return the first segment of that name.

        Raises:
            MessageFault: there is none.
        """
        segment = self.find(name)
        if segment is None:
            raise missing(name)
        return segment


def parse_message(content: bytes) -> Message:
    """Cut a message into segments.

    Raises:
        MessageFault: no MSH, delimiters or a character set that cannot be, lines that are no
            segments, or too many of them.
    """
    content = trim(content)
    delimiters = parse_delimiters(content)
    lines = _segment_lines(content, delimiters)
    header = Segment("MSH", lines[0], Encoding(delimiters, "latin-1"))
    encoding = encoding_of(delimiters, header.text(18))
    return Message(tuple(Segment(_name(line), line, encoding) for line in lines))


def trim(content: bytes) -> bytes:
    """Drop what some senders put before MSH: a byte order mark, white space."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n\t \x0b")


def _segment_lines(content: bytes, delimiters: Delimiters) -> list[bytes]:
    """Split at CR, LF or CRLF, and join the lines over which a field of octets was broken."""
    if content.count(b"\r") + content.count(b"\n") > _MAX_LINES:
        raise MessageFault("too many lines", where="MSH", condition=ErrorCondition.SEGMENT_SEQUENCE)
    groups: list[list[bytes]] = []
    for raw in content.replace(b"\n", b"\r").split(b"\r"):
        if _is_segment(raw, delimiters.field):
            groups.append([raw])
            continue
        line = raw.strip(b" \t\0\x1a")
        if not line:
            continue
        if not groups[-1][0].startswith(_CONTINUED):
            raise MessageFault(
                "a line that begins no segment",
                where=_name(groups[-1][0]),
                condition=ErrorCondition.SEGMENT_SEQUENCE,
            )
        groups[-1].append(line)
    if len(groups) > MAX_SEGMENTS:
        raise MessageFault(
            "too many segments", where="MSH", condition=ErrorCondition.SEGMENT_SEQUENCE
        )
    return [group[0] if len(group) == 1 else b"".join(group) for group in groups]


def _is_segment(line: bytes, separator: bytes) -> bool:
    name = line[:3]
    is_name = len(name) == 3 and name.isalnum() and name.isupper() and name[:1].isalpha()
    return is_name and line[3:4] in {separator, b""}


def _name(line: bytes) -> str:
    return line[:3].decode("ascii")


def _nth(octets: bytes, separator: bytes, number: int) -> bytes:
    """Return the part of that number (from 1), or nothing; what follows it is not copied."""
    start = 0
    for _ in range(number - 1):
        at = octets.find(separator, start)
        if at < 0:
            return b""
        start = at + len(separator)
    end = octets.find(separator, start)
    return octets[start:] if end < 0 else octets[start:end]
