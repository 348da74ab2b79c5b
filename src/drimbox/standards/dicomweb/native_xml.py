"""DICOM JSON to the Native DICOM Model, `application/dicom+xml` (PS3.19 A.1, PS3.18 8.7.3.2).

<NativeDicomModel> <DicomAttribute tag vr keyword> Value* | PersonName* | Item* | BulkData ...

A private attribute is named by its creator, and by its tag without the block that this data set
reserved for it: gggg00ee (PS3.19 A.1.5).
"""

import secrets
from collections.abc import Iterable, Mapping

from lxml import etree
from lxml.builder import ElementMaker

from drimbox.model.retrieval import DicomJson
from drimbox.standards.dicom.dictionary import find_keyword
from drimbox.standards.dicomweb.media_types import DICOM_XML
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_make = ElementMaker(namespace=_NAMESPACE, nsmap={None: _NAMESPACE})
_XML_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")


def encode_native_xml(row: DicomJson) -> bytes:
    """Return one data set; characters that XML 1.0 does not have become U+FFFD."""
    model = _make.NativeDicomModel({_XML_SPACE: "preserve"})
    _append_attributes(model, row)
    return etree.tostring(model, encoding="UTF-8", xml_declaration=True)


def encode_multipart_xml(rows: Iterable[DicomJson]) -> tuple[bytes, str]:
    """Return every data set as one part, and the media type of the whole."""
    boundary = secrets.token_hex(16)
    head = part_header(boundary, {"Content-Type": DICOM_XML})
    parts = b"".join(head + encode_native_xml(row) + PART_END for row in rows)
    media_type = f'multipart/related; type="{DICOM_XML}"; boundary={boundary}'
    return parts + closing(boundary), media_type


def _append_attributes(parent: etree._Element, row: Mapping[str, Mapping[str, object]]) -> None:
    for tag, attribute in row.items():
        told = {"tag": tag, "vr": str(attribute["vr"])}
        if keyword := find_keyword(int(tag, 16)):
            told["keyword"] = keyword
        elif creator := _private_creator(tag, row):
            told |= {"tag": f"{tag[:4]}00{tag[6:]}", "privateCreator": creator}
        element = _make.DicomAttribute(told)
        _append_value(element, attribute)
        parent.append(element)


def _append_value(element: etree._Element, attribute: Mapping[str, object]) -> None:
    if "BulkDataURI" in attribute:
        element.append(_make.BulkData({"uri": str(attribute["BulkDataURI"])}))
        return
    if "InlineBinary" in attribute:
        element.append(_make.InlineBinary(str(attribute["InlineBinary"])))
        return
    values = attribute.get("Value")
    for number, value in enumerate(values if isinstance(values, list) else [], 1):
        element.append(_value(str(attribute["vr"]), value, str(number)))


def _value(vr: str, value: object, number: str) -> etree._Element:
    if vr == "SQ":
        item = _element("Item", number=number)
        if isinstance(value, dict):
            _append_attributes(item, value)
        return item
    if vr == "PN":
        name = _element("PersonName", number=number)
        for group, text in value.items() if isinstance(value, dict) else ():
            name.append(_name_group(group, text))
        return name
    element = _element("Value", number=number)
    if value is not None:
        element.text = xml_text(value)
    return element


def _name_group(group: str, text: str) -> etree._Element:
    element = _element(group)
    for part, letters in zip(_NAME_PARTS, text.split("^"), strict=False):
        if letters:
            component = _element(part)
            component.text = xml_text(letters)
            element.append(component)
    return element


def _element(name: str, **attributes: str) -> etree._Element:
    made: etree._Element = _make(name, attributes)
    return made


def _private_creator(tag: str, row: Mapping[str, Mapping[str, object]]) -> str | None:
    number = int(tag, 16)
    block = (number & 0xFFFF) >> 8
    if not number >> 16 & 1 or not block:
        return None
    values = row.get(f"{number >> 16:04X}{block:04X}", {}).get("Value")
    return xml_text(values[0]) if isinstance(values, list) and values else None


def xml_text(value: object) -> str:
    """Return the value as text; characters that XML 1.0 does not have become U+FFFD."""
    text = repr(value) if isinstance(value, float) else str(value)
    return "".join(c if _is_xml_character(c) else "\ufffd" for c in text)


def _is_xml_character(character: str) -> bool:
    code = ord(character)
    return (
        code in {0x9, 0xA, 0xD}
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or (code >= 0x10000)
    )
