"""Identifiers that others send us with C-FIND and C-MOVE, and our answers (PS3.4 C.4.1, C.4.2)."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import DicomJson, DicomQuery, QueryLevel
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes, ascii_element
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.dicom_json_reader import parse_dicom_json

_PATIENT_LEVEL = "PATIENT"
_NOT_KEYS = frozenset(
    {tags.QUERY_RETRIEVE_LEVEL, tags.SPECIFIC_CHARACTER_SET, tags.RETRIEVE_AE_TITLE}
)
_PATIENT_ID = f"{tags.PATIENT_ID:08X}"
_UNIQUE = (
    tags.PATIENT_ID,
    tags.STUDY_INSTANCE_UID,
    tags.SERIES_INSTANCE_UID,
    tags.SOP_INSTANCE_UID,
)


@dataclass(frozen=True, slots=True)
class ReceivedQuery:
    """One C-FIND identifier; level is the word it came with (PATIENT is above our levels)."""

    level: str
    query: DicomQuery
    identifier: DataSet

    def has_only(self, supported: AbstractSet[str]) -> bool:
        """Tell whether every key that came is supported, for existence and for matching."""
        return all(tag in _NOT_KEYS or f"{tag:08X}" in supported for tag in self.identifier)

    def answers(
        self, rows: tuple[DicomJson, ...], ae_title: str, supported: AbstractSet[str]
    ) -> list[DataSet]:
        """Return the identifier of each match: the keys that came, but those not supported.

        PS3.4 C.2.2.1.3: an optional key whose existence is not supported is not returned.
        """
        if self.level == _PATIENT_LEVEL:
            rows = tuple({_patient_id(row): row for row in rows}.values())
        asked = {
            tag: _empty(element)
            for tag, element in self.identifier.items()
            if tag not in _NOT_KEYS and f"{tag:08X}" in supported
        }
        return [self._answer(row, ae_title, asked) for row in rows]

    def _answer(self, row: DicomJson, ae_title: str, asked: DataSet) -> DataSet:
        known = parse_dicom_json(row)
        return {
            **{tag: known.get(tag, empty) for tag, empty in asked.items()},
            tags.SPECIFIC_CHARACTER_SET: known[tags.SPECIFIC_CHARACTER_SET],
            tags.QUERY_RETRIEVE_LEVEL: ascii_element("CS", self.level),
            tags.RETRIEVE_AE_TITLE: ascii_element("AE", ae_title),
        }


def parse_query(identifier: DataSet, *, has_patients: bool) -> ReceivedQuery:
    """Read the identifier of a C-FIND; keys in sequences match everything.

    has_patients: the information model is that of the Patient Root, which has a level above.

    Raises:
        InvalidValue: no level of this model.
    """
    attributes = Attributes(identifier)
    level = attributes.text(tags.QUERY_RETRIEVE_LEVEL)
    if level == _PATIENT_LEVEL and not has_patients:
        raise InvalidValue("Query/Retrieve Level", "STUDY, SERIES or IMAGE")
    matching = {
        f"{tag:08X}": text
        for tag, (vr, _) in identifier.items()
        if tag not in _NOT_KEYS and (text := _key_text(attributes, tag, vr))
    }
    return ReceivedQuery(level, DicomQuery(_level(level), _without_star(matching)), identifier)


def parse_retrieval(identifier: DataSet) -> DicomQuery:
    """Read the identifier of a C-MOVE as a search for its instances.

    Raises:
        InvalidValue: no level that we know, or no unique key at all: that would be everything.
    """
    attributes = Attributes(identifier)
    _level(attributes.text(tags.QUERY_RETRIEVE_LEVEL))
    matching = {f"{tag:08X}": text for tag in _UNIQUE if (text := attributes.text(tag))}
    if not _without_star(matching):
        raise InvalidValue("identifier", "a unique key of its level (PS3.4 C.4.2.1.4)")
    return DicomQuery(QueryLevel.IMAGE, matching)


def _key_text(attributes: Attributes, tag: int, vr: str) -> str:
    """Return a key as text, "" for universal matching; those of VR US are numbers."""
    if vr != "US":
        return attributes.text(tag)
    number = attributes.unsigned(tag)
    return "" if number is None else str(number)


def _level(text: str) -> QueryLevel:
    if text == _PATIENT_LEVEL:
        return QueryLevel.STUDY
    try:
        return QueryLevel(text)
    except ValueError:
        raise InvalidValue("Query/Retrieve Level", "PATIENT, STUDY, SERIES or IMAGE") from None


def _without_star(matching: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out keys that are only wildcards: they match what is absent too."""
    return {tag: text for tag, text in matching.items() if text.strip("*")}


def _patient_id(row: DicomJson) -> object:
    values = row.get(_PATIENT_ID, {}).get("Value")
    return values[0] if isinstance(values, list) and values else ""


def _empty(element: tuple[str, object]) -> tuple[str, bytes | list[DataSet]]:
    return (element[0], []) if element[0] == "SQ" else (element[0], b"")
