"""DICOM JSON model -> elements (PS3.18 annex F), as a data set in UTF-8.

What is only referred to (BulkDataURI) is left out: nobody fetches what a search answer names.
"""

import base64
import binascii
import struct
from collections.abc import Mapping, Sequence

from drimbox.errors import MalformedMessage
from drimbox.model.retrieval import DicomJson
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import ascii_element, sequence
from drimbox.standards.dicom.character_sets import UTF_8
from drimbox.standards.dicom.data_set import MAX_DEPTH, DataSet, RawElement

_FORMATS = {
    "FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q",
}  # fmt: skip
_COMPONENT_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def parse_dicom_json(attributes: DicomJson) -> DataSet:
    """Convert one data set.

    Raises:
        MalformedMessage: not the DICOM JSON model.
    """
    try:
        data_set = _data_set(attributes, 0)
    except (AttributeError, KeyError, TypeError, ValueError, struct.error) as error:
        raise MalformedMessage("not the DICOM JSON model (PS3.18 F.2)") from error
    data_set[tags.SPECIFIC_CHARACTER_SET] = ascii_element("CS", UTF_8)
    return dict(sorted(data_set.items()))


def _data_set(attributes: DicomJson, depth: int) -> DataSet:
    if depth > MAX_DEPTH:
        raise ValueError
    elements = {int(name, 16): _element(value, depth) for name, value in attributes.items()}
    return {tag: element for tag, element in elements.items() if element is not None}


def _element(attribute: Mapping[str, object], depth: int) -> RawElement | None:
    vr = attribute["vr"]
    if not isinstance(vr, str) or len(vr) != 2:
        raise ValueError
    inline = attribute.get("InlineBinary")
    if isinstance(inline, str):
        return vr, _binary(inline)
    if "BulkDataURI" in attribute:
        return None
    values = attribute.get("Value", ())
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise TypeError
    if vr == "SQ":
        return sequence(_data_set(item or {}, depth + 1) for item in values)
    return vr, _octets(vr, values)


def _binary(inline: str) -> bytes:
    try:
        return base64.b64decode(inline, validate=True)
    except binascii.Error as error:
        raise ValueError from error


def _octets(vr: str, values: Sequence[object]) -> bytes:
    letter = _FORMATS.get(vr)
    if letter is not None:
        return struct.pack(f"<{len(values)}{letter}", *values)
    if vr == "AT":
        words = (int(str(value), 16) for value in values)
        return b"".join(struct.pack("<HH", word >> 16, word & 0xFFFF) for word in words)
    read = _person_name if vr == "PN" else _text
    return "\\".join(read(value) for value in values).encode()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _person_name(value: object) -> str:
    """Join the component groups; some servers give the text of PS3.5 instead of an object."""
    if not isinstance(value, Mapping):
        return _text(value)
    return "=".join(_text(value.get(group)) for group in _COMPONENT_GROUPS).rstrip("=")
