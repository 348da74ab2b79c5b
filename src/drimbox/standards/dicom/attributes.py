"""Attributes of a data set as text, numbers and items, and the way back.

An `Attributes` reads leniently: what is absent, empty or of another kind is "" or None.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, time

from drimbox.errors import InvalidValue
from drimbox.model.uids import Oid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.character_sets import (
    character_set_term,
    decoder_of,
    encode_text,
)
from drimbox.standards.dicom.data_set import DataSet, RawElement


class Attributes:
    """One data set, or one item of a sequence, with its character set."""

    def __init__(self, data_set: DataSet, decode: Callable[[bytes], str] | None = None) -> None:
        own = data_set.get(tags.SPECIFIC_CHARACTER_SET)
        if own is not None and isinstance(own[1], bytes):
            decode = decoder_of(character_set_term(own[1]))
        self._data_set = data_set
        self._decode = decode or decoder_of("")

    def text(self, tag: int) -> str:
        """Return the whole value, padding removed; several values keep their backslashes."""
        value = self._raw(tag)
        return self._decode(value).strip(" \0") if value else ""

    def texts(self, tag: int) -> tuple[str, ...]:
        """Return the values, each trimmed, empty ones left out."""
        values = (value.strip(" \0") for value in self.text(tag).split("\\"))
        return tuple(value for value in values if value)

    def person_name(self, tag: int) -> str:
        """Return the first value's alphabetic group, without trailing carets."""
        first = self.text(tag).split("\\")[0].split("=")[0]
        return first.rstrip("^ ")

    def integer(self, tag: int) -> int | None:
        return first_integer(self.text(tag))

    def unsigned(self, tag: int) -> int | None:
        """Return a US; values are little endian whatever the transfer syntax."""
        value = self._raw(tag)
        return int.from_bytes(value[:2], "little") if value and len(value) >= 2 else None

    def oid(self, tag: int) -> Oid | None:
        try:
            return Oid(self.text(tag))
        except InvalidValue:
            return None

    def date(self, tag: int) -> date | None:
        # PS3.5 6.2, DA: YYYYMMDD; YYYY.MM.DD is the retired form.
        digits = self.text(tag).replace(".", "")
        try:
            return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        except ValueError:
            return None

    def time(self, tag: int) -> time | None:
        # PS3.5 6.2, TM: HH[MM[SS[.F-FFFFFF]]]; HH:MM:SS is the retired form.
        digits, _, fraction = self.text(tag).replace(":", "").partition(".")
        try:
            microsecond = int(fraction[:6].ljust(6, "0")) if fraction else 0
            return time(int(digits[:2]), int(digits[2:4] or 0), int(digits[4:6] or 0), microsecond)
        except ValueError:
            return None

    def items(self, tag: int) -> "tuple[Attributes, ...]":
        element = self._data_set.get(tag)
        if element is None or not isinstance(element[1], list):
            return ()
        return tuple(Attributes(item, self._decode) for item in element[1])

    def rows(self, sequence_tag: int, tags: Sequence[int]) -> Iterator[tuple[str, ...]]:
        """Return of each item these values, ASCII by their VR (UI, IS), "" where absent.

        For long sequences: an Attributes an item would be most of the work.
        """
        element = self._data_set.get(sequence_tag)
        items = element[1] if element is not None and isinstance(element[1], list) else ()
        for item in items:
            yield tuple(_ascii_text(item.get(tag)) for tag in tags)

    def first_item(self, tag: int) -> "Attributes":
        """Return the first item, or one without attributes."""
        items = self.items(tag)
        return items[0] if items else Attributes({}, self._decode)

    def _raw(self, tag: int) -> bytes | None:
        element = self._data_set.get(tag)
        return element[1] if element is not None and isinstance(element[1], bytes) else None


def first_integer(text: str) -> int | None:
    """Read the first value of an IS."""
    try:
        return int(text.split("\\", maxsplit=1)[0])
    except ValueError:
        return None


def _ascii_text(element: RawElement | None) -> str:
    if element is None or not isinstance(element[1], bytes):
        return ""
    return element[1].decode("latin-1").strip(" \0")


class AttributeWriter:
    """Builds elements in one character set; a character it lacks becomes a question mark."""

    def __init__(self, character_set: str) -> None:
        self.character_set = character_set

    def text(self, vr: str, value: str) -> RawElement:
        encoded = encode_text(value, self.character_set)
        if encoded is None:
            encoded = b"".join(
                encode_text(character, self.character_set) or b"?" for character in value
            )
        return vr, encoded


def ascii_element(vr: str, value: str) -> RawElement:
    """Build an element of a VR that Specific Character Set does not govern."""
    return vr, value.encode("ascii", "replace")


def sequence(items: Iterable[DataSet]) -> RawElement:
    return "SQ", list(items)


def date_text(value: date | None) -> str:
    return value.strftime("%Y%m%d") if value else ""


def time_text(value: time | None) -> str:
    """Write TM; the fraction only where there is one."""
    if value is None:
        return ""
    return value.strftime("%H%M%S.%f" if value.microsecond else "%H%M%S")


def one_line(text: str, max_length: int) -> str:
    """Fit a text into a VR without control characters or backslashes (PS3.5 6.2, LO and SH)."""
    cleaned = "".join(c if c.isprintable() and c != "\\" else " " for c in text)
    return " ".join(cleaned.split())[:max_length].rstrip()


def universal_entity(oid: Oid) -> DataSet:
    """Build an item that names an assigning authority by its OID (PS3.3 table 10-17)."""
    return {
        tags.UNIVERSAL_ENTITY_ID: ascii_element("UT", oid),
        tags.UNIVERSAL_ENTITY_ID_TYPE: ascii_element("CS", "ISO"),
    }
