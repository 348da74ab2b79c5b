"""The value of one attribute of a data set in little endian, found by its path.

7FE00010                    at the top: only the headers before it are read
54000100/0/54001010         in an item of a sequence, items counted from 0
"""

from collections.abc import Sequence
from dataclasses import dataclass

from drimbox.errors import MalformedMessage, NotFound
from drimbox.standards.dicom.data_set import (
    UNDEFINED_LENGTH,
    DataSet,
    DataSetReader,
    Encoding,
    Fragments,
)

_HEX = frozenset("0123456789ABCDEFabcdef")
_MAX_STEPS = 120


@dataclass(frozen=True, slots=True)
class BinaryValue:
    """Where a value stands in what was searched; where offset is None, its octets themselves."""

    length: int
    offset: int | None = None
    octets: bytes = b""
    is_encapsulated: bool = False


def find_binary_value(
    octets: memoryview, path: str, encoding: Encoding = Encoding.EXPLICIT_LITTLE
) -> BinaryValue:
    """Find the value; at the top it is not copied.

    Raises:
        NotFound: no such attribute, or a sequence.
        MalformedMessage: not a data set.
    """
    steps = _steps(path)
    reader = DataSetReader(octets, encoding)
    offset, end, siblings = 0, len(octets), DataSet()
    while offset < end:
        header = reader.read_header(offset, end)
        if header.tag == steps[0]:
            is_native = header.length != UNDEFINED_LENGTH
            if len(steps) == 1 and is_native and header.vr != "SQ":
                stop = header.value_offset + header.length
                if stop > end:
                    raise MalformedMessage("the data set ends inside a value")
                return BinaryValue(header.length, offset=header.value_offset)
            element, _ = reader.read_element(header, end, siblings)
            return _descend({header.tag: element}, steps)
        if header.tag > steps[0]:
            break
        if header.length == UNDEFINED_LENGTH:
            _, offset = reader.read_element(header, end, siblings)
        else:
            offset = header.value_offset + header.length
    raise NotFound("no such attribute")


def _descend(data_set: DataSet, steps: Sequence[int]) -> BinaryValue:
    for tag, number in zip(steps[:-1:2], steps[1::2], strict=True):
        value = data_set.get(tag, ("", b""))[1]
        items = value if isinstance(value, list) else _items_of_unknown(value)
        if number >= len(items):
            raise NotFound("no such item")
        data_set = items[number]
    value = data_set.get(steps[-1], ("SQ", []))[1]
    if isinstance(value, list):
        raise NotFound("no such attribute, or a sequence")
    return BinaryValue(len(value), octets=value, is_encapsulated=isinstance(value, Fragments))


def _items_of_unknown(value: bytes) -> list[DataSet]:
    """Read a sequence whose VR was lost on its way here (PS3.5 6.2.2 note 2)."""
    try:
        return DataSetReader(value, Encoding.IMPLICIT_LITTLE).read_items(0, len(value))
    except MalformedMessage:
        return []


def _steps(path: str) -> list[int]:
    """Read tag, item number, tag... (at least a tag)."""
    parts = path.split("/")
    tags, numbers = parts[::2], parts[1::2]
    if (
        len(parts) % 2 == 0
        or len(parts) > _MAX_STEPS
        or not all(len(tag) == 8 and set(tag) <= _HEX for tag in tags)
        or not all(n.isascii() and n.isdigit() and len(n) < 8 for n in numbers)
    ):
        raise NotFound("no path of an attribute")
    return [int(part, 16) if i % 2 == 0 else int(part) for i, part in enumerate(parts)]
