"""Parameters of stored queries: what each query takes, and how values are written (ITI-18).

Coding, 3.18.4.1.2.3.5: numbers bare; strings in single quotes, a quote inside doubled; several
values in parentheses; a code as `code^^scheme`. Values of one slot are alternatives; a slot that
stands twice is a further condition, where the attribute itself is multi-valued.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.ebrim import slot_values
from drimbox.sandbox.dmp.hl7_types import read_dtm
from drimbox.sandbox.dmp.names import RIM, qualified
from drimbox.sandbox.dmp.refusals import ContentRefused, RegistryError

_TEXT: Final = r"'(?:[^']|'')*'"
_ONE_TEXT: Final = re.compile(rf"\s*({_TEXT})\s*\Z")
_TEXT_LIST: Final = re.compile(rf"\s*\(\s*{_TEXT}(?:\s*,\s*{_TEXT})*\s*\)\s*\Z")
_EACH_TEXT: Final = re.compile(_TEXT)
_CODE: Final = re.compile(r"[^^]+\^\^[^^]+\Z")

Alternatives = tuple[str, ...]
Criteria = Mapping[str, tuple[Alternatives, ...]]
"""By parameter: every condition that must hold, each a choice of values."""


class Coding(Enum):
    """How the values of a parameter are written."""

    TEXT = "one string"
    TEXTS = "strings"
    CODES = "codes"
    TIME = "one DTM"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of one query."""

    coding: Coding
    is_required: bool = False
    is_repeatable: bool = False


_TEXT_1: Final = Parameter(Coding.TEXT)
_TEXTS: Final = Parameter(Coding.TEXTS)
_CODES: Final = Parameter(Coding.CODES)
_TIME: Final = Parameter(Coding.TIME)
_REQUIRED: Final = Parameter(Coding.TEXT, is_required=True)
_REQUIRED_LIST: Final = Parameter(Coding.TEXTS, is_required=True)
_AND_CODES: Final = Parameter(Coding.CODES, is_repeatable=True)

E: Final = "$XDSDocumentEntry"
S: Final = "$XDSSubmissionSet"

_FIND_DOCUMENTS: Final[dict[str, Parameter]] = {
    f"{E}PatientId": _REQUIRED,
    f"{E}Status": _REQUIRED_LIST,
    f"{E}ClassCode": _CODES,
    f"{E}TypeCode": _CODES,
    f"{E}PracticeSettingCode": _CODES,
    f"{E}HealthcareFacilityTypeCode": _CODES,
    f"{E}FormatCode": _CODES,
    f"{E}EventCodeList": _AND_CODES,
    f"{E}ConfidentialityCode": _AND_CODES,
    f"{E}AuthorPerson": _TEXTS,
    f"{E}Type": _TEXTS,
    **{
        f"{E}{time}Time{end}": _TIME
        for time in ("Creation", "ServiceStart", "ServiceStop")
        for end in ("From", "To")
    },
}
_BY_ENTRY: Final = {f"{E}EntryUUID": _TEXTS, f"{E}UniqueId": _TEXTS}

FIND_DOCUMENTS: Final = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
FIND_BY_REFERENCE_ID: Final = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
FIND_SUBMISSION_SETS: Final = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9"
GET_DOCUMENTS: Final = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
GET_ASSOCIATIONS: Final = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
GET_DOCUMENTS_AND_ASSOCIATIONS: Final = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a"
GET_SUBMISSION_SETS: Final = "urn:uuid:51224314-5390-4169-9b91-b1980040715a"
GET_SUBMISSION_SET_AND_CONTENTS: Final = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
GET_RELATED_DOCUMENTS: Final = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"

PARAMETERS: Final[dict[str, dict[str, Parameter]]] = {
    FIND_DOCUMENTS: _FIND_DOCUMENTS,
    FIND_BY_REFERENCE_ID: _FIND_DOCUMENTS
    | {f"{E}ReferenceIdList": Parameter(Coding.TEXTS, is_required=True, is_repeatable=True)},
    FIND_SUBMISSION_SETS: {
        f"{S}PatientId": _REQUIRED,
        f"{S}Status": _REQUIRED_LIST,
        f"{S}SourceId": _TEXTS,
        f"{S}SubmissionTimeFrom": _TIME,
        f"{S}SubmissionTimeTo": _TIME,
        f"{S}AuthorPerson": _TEXT_1,
        f"{S}ContentType": _CODES,
    },
    GET_DOCUMENTS: _BY_ENTRY,
    GET_ASSOCIATIONS: {"$uuid": _REQUIRED_LIST},
    GET_DOCUMENTS_AND_ASSOCIATIONS: _BY_ENTRY,
    GET_SUBMISSION_SETS: {"$uuid": _REQUIRED_LIST},
    GET_SUBMISSION_SET_AND_CONTENTS: {
        f"{S}EntryUUID": _TEXT_1,
        f"{S}UniqueId": _TEXT_1,
        f"{E}FormatCode": _CODES,
        f"{E}ConfidentialityCode": _AND_CODES,
        f"{E}Type": _TEXTS,
    },
    GET_RELATED_DOCUMENTS: {
        f"{E}EntryUUID": _TEXT_1,
        f"{E}UniqueId": _TEXT_1,
        "$AssociationTypes": _REQUIRED_LIST,
        f"{E}Type": _TEXTS,
    },
}
"""What the DMP answers; folders and GetAll are not among it."""
_EITHER: Final[dict[str, tuple[str, str]]] = {
    GET_DOCUMENTS: (f"{E}EntryUUID", f"{E}UniqueId"),
    GET_DOCUMENTS_AND_ASSOCIATIONS: (f"{E}EntryUUID", f"{E}UniqueId"),
    GET_SUBMISSION_SET_AND_CONTENTS: (f"{S}EntryUUID", f"{S}UniqueId"),
    GET_RELATED_DOCUMENTS: (f"{E}EntryUUID", f"{E}UniqueId"),
}


def read_criteria(query: etree._Element) -> Criteria:
    """Read the slots of a rim:AdhocQuery.

    Raises:
        ContentRefused: XDSUnknownStoredQuery, XDSStoredQueryMissingParam,
            XDSStoredQueryParamNumber, or XDSRegistryError for a value written wrongly.
    """
    query_id = query.get("id", "")
    parameters = PARAMETERS.get(query_id)
    if parameters is None:
        raise _refused("XDSUnknownStoredQuery", "no such stored query", query_id)
    criteria: dict[str, tuple[Alternatives, ...]] = {}
    for slot in query.iterchildren(qualified(RIM, "Slot")):
        name = slot.get("name", "")
        parameter = parameters.get(name)
        if parameter is None:
            raise _refused("XDSRegistryError", "this query has no such parameter", name)
        if name in criteria and not parameter.is_repeatable:
            raise _refused("XDSStoredQueryParamNumber", "this slot may stand once", name)
        values = _read_values(slot_values(slot), parameter.coding, name)
        criteria[name] = (*criteria.get(name, ()), values)
    _check_presence(query_id, parameters, criteria)
    return criteria


def _check_presence(query_id: str, parameters: Mapping[str, Parameter], criteria: Criteria) -> None:
    for name, parameter in parameters.items():
        if parameter.is_required and name not in criteria:
            raise _refused("XDSStoredQueryMissingParam", "this parameter is required", name)
    if query_id in _EITHER:
        present = [name for name in _EITHER[query_id] if name in criteria]
        if len(present) > 1:
            raise _refused("XDSStoredQueryParamNumber", "either EntryUUID or UniqueId", present[1])
        if not present:
            raise _refused(
                "XDSStoredQueryMissingParam", "EntryUUID or UniqueId", _EITHER[query_id][0]
            )


def _read_values(values: tuple[str, ...], coding: Coding, name: str) -> Alternatives:
    if not values:
        raise _refused("XDSStoredQueryMissingParam", "this parameter has no value", name)
    if coding in {Coding.TEXT, Coding.TIME}:
        return (_read_single(values, coding, name),)
    read: list[str] = []
    for value in values:
        if not _TEXT_LIST.match(value):
            raise _miscoded("several values stand in parentheses, each in single quotes", name)
        read += [_unquote(text) for text in _EACH_TEXT.findall(value)]
    if coding is Coding.CODES and not all(_CODE.match(text) for text in read):
        raise _miscoded("a code is written code^^scheme", name)
    return tuple(read)


def _read_single(values: tuple[str, ...], coding: Coding, name: str) -> str:
    if len(values) > 1 or values[0].lstrip().startswith("("):
        raise _refused("XDSStoredQueryParamNumber", "this parameter takes one value", name)
    if coding is Coding.TIME:
        if read_dtm(values[0].strip()) is None:
            raise _miscoded("a time is a DTM in UTC without quotes", name)
        return values[0].strip()
    match = _ONE_TEXT.match(values[0])
    if not match:
        raise _miscoded("a string stands in single quotes", name)
    return _unquote(match[1])


def _unquote(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _miscoded(reason: str, name: str) -> ContentRefused:
    return _refused("XDSRegistryError", reason, name)


def _refused(code: str, reason: str, location: str) -> ContentRefused:
    return ContentRefused(RegistryError(code, f"{location}: {reason}", location))
