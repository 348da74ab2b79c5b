"""Structured reports and key objects as a tree of what they say (PS3.3 C.17.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drimbox.model.retrieval import DicomJson
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.dicom_json import encode_dicom_json

_CONTENT, _CONCEPT = f"{tags.CONTENT_SEQUENCE:08X}", f"{tags.CONCEPT_NAME_CODE_SEQUENCE:08X}"
_MEANING, _CODE = f"{tags.CODE_MEANING:08X}", f"{tags.CODE_VALUE:08X}"
_VALUE_TYPE, _RELATIONSHIP = f"{tags.VALUE_TYPE:08X}", f"{tags.RELATIONSHIP_TYPE:08X}"
_CODED_VALUE, _MEASURED, _NUMBER, _UNIT = "0040A168", "0040A300", "0040A30A", "004008EA"
_REFERENCED, _REFERENCED_UID = "00081199", "00081155"
_COMPLETION, _VERIFICATION = "0040A491", "0040A493"
_PLAIN = {
    "TEXT": f"{tags.TEXT_VALUE:08X}",
    "DATETIME": "0040A120",
    "DATE": "0040A121",
    "TIME": "0040A122",
    "PNAME": "0040A123",
    "UIDREF": "0040A124",
    "SCOORD": "00700023",
    "SCOORD3D": "00700023",
    "TCOORD": "0040A130",
}


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One line: what it is about, what it says, and what stands below it."""

    value_type: str
    concept: str = ""
    value: str = ""
    relationship: str = ""
    items: tuple["ContentItem", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class StructuredReport:
    """The root, and who and when it is about; what is not said is empty."""

    root: ContentItem
    patient_name: str = ""
    patient_id: str = ""
    birth_date: str = ""
    study_date: str = ""
    content_date: str = ""
    completion: str = ""
    verification: str = ""


def parse_structured_report(data_set: DataSet) -> StructuredReport:
    """Read leniently: what cannot be understood is left empty."""
    row = encode_dicom_json(data_set)
    return StructuredReport(
        root=_item(row),
        patient_name=_text(row, f"{tags.PATIENT_NAME:08X}"),
        patient_id=_text(row, f"{tags.PATIENT_ID:08X}"),
        birth_date=_text(row, "00100030"),
        study_date=_text(row, f"{tags.STUDY_DATE:08X}"),
        content_date=_text(row, f"{tags.CONTENT_DATE:08X}"),
        completion=_text(row, _COMPLETION),
        verification=_text(row, _VERIFICATION),
    )


def _item(row: DicomJson) -> ContentItem:
    value_type = _text(row, _VALUE_TYPE)
    return ContentItem(
        value_type,
        concept=_code(row, _CONCEPT),
        value=_value(row, value_type),
        relationship=_text(row, _RELATIONSHIP),
        items=tuple(_item(child) for child in _items(row, _CONTENT)),
    )


def _value(row: DicomJson, value_type: str) -> str:
    if value_type == "CODE":
        return _code(row, _CODED_VALUE)
    if value_type == "NUM":
        measured = next(iter(_items(row, _MEASURED)), {})
        return f"{_text(measured, _NUMBER)} {_code(measured, _UNIT)}".strip()
    if value_type in {"IMAGE", "COMPOSITE", "WAVEFORM"}:
        referenced = next(iter(_items(row, _REFERENCED)), {})
        return _text(referenced, _REFERENCED_UID)
    return _text(row, _PLAIN.get(value_type, ""))


def _code(row: DicomJson, tag: str) -> str:
    """Return the meaning of a coded entry; its code where it has none."""
    entry = next(iter(_items(row, tag)), {})
    return _text(entry, _MEANING) or _text(entry, _CODE)


def _items(row: DicomJson, tag: str) -> list[Mapping[str, Mapping[str, object]]]:
    values = row.get(tag, {}).get("Value")
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def _text(row: DicomJson, tag: str) -> str:
    values = row.get(tag, {}).get("Value")
    if not isinstance(values, list) or not values:
        return ""
    first = values[0]
    if isinstance(first, dict):
        return str(first.get("Alphabetic", "")).replace("^", " ").strip()
    return "" if first is None else str(first)
