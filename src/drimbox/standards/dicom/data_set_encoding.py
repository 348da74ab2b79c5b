"""Data sets as octets to send: little endian, in the order of tags (PS3.5 section 7)."""

import struct

from drimbox.standards.dicom.data_set import (
    UNDEFINED_LENGTH,
    DataSet,
    Fragments,
    RawElement,
)
from drimbox.standards.dicom.value_representations import LONG_VRS

_EXPLICIT_SHORT = struct.Struct("<HH2sH")
_EXPLICIT_LONG = struct.Struct("<HH2s2xI")
_TAG_AND_LENGTH = struct.Struct("<HHI")
_ITEM_TAG = (0xFFFE, 0xE000)


def encode_data_set(data_set: DataSet, *, is_implicit: bool = False) -> bytes:
    """Write little endian, in the order of tags, sequences and items of defined length."""
    return b"".join(
        encode_element(tag, data_set[tag], is_implicit=is_implicit) for tag in sorted(data_set)
    )


def encode_element(tag: int, element: RawElement, *, is_implicit: bool = False) -> bytes:
    """Write one element; a value of odd length gets the padding of its VR (PS3.5 6.2)."""
    vr, value = element
    if isinstance(value, list):
        value = b"".join(_encode_item(item, is_implicit=is_implicit) for item in value)
    elif isinstance(value, Fragments):
        delimiter = _TAG_AND_LENGTH.pack(0xFFFE, 0xE0DD, 0)
        return encode_header(tag, vr, UNDEFINED_LENGTH, is_implicit=is_implicit) + value + delimiter
    elif len(value) & 1:
        value += b" " if vr in _SPACE_PADDED else b"\0"
    return encode_header(tag, vr, len(value), is_implicit=is_implicit) + value


_SPACE_PADDED = frozenset(
    {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT"}
)


def encode_header(tag: int, vr: str, length: int, *, is_implicit: bool = False) -> bytes:
    """Write what stands before the value."""
    group, element = tag >> 16, tag & 0xFFFF
    if is_implicit:
        return _TAG_AND_LENGTH.pack(group, element, length)
    if vr in LONG_VRS:
        return _EXPLICIT_LONG.pack(group, element, vr.encode("ascii"), length)
    if length > 0xFFFF:
        # PS3.5 6.2.2: a value too long for its VR's length field is written as UN.
        return _EXPLICIT_LONG.pack(group, element, b"UN", length)
    return _EXPLICIT_SHORT.pack(group, element, vr.encode("ascii"), length)


def _encode_item(item: DataSet, *, is_implicit: bool) -> bytes:
    content = encode_data_set(item, is_implicit=is_implicit)
    return _TAG_AND_LENGTH.pack(*_ITEM_TAG, len(content)) + content
