"""Whether an entry or a submission set meets the criteria of a stored query (ITI-18)."""

import re
from datetime import datetime
from typing import Final

from drimbox.sandbox.dmp.ebrim import RegistryObject
from drimbox.sandbox.dmp.hl7_types import read_dtm
from drimbox.sandbox.dmp.names import (
    CLASS_CODE,
    CONFIDENTIALITY_CODE,
    CONTENT_TYPE_CODE,
    ENTRY_AUTHOR,
    EVENT_CODE,
    FACILITY_CODE,
    FORMAT_CODE,
    PRACTICE_CODE,
    REFERENCE_ID_LIST,
    SET_AUTHOR,
    SET_SOURCE_ID,
    STABLE_DOCUMENT,
    TYPE_CODE,
)
from drimbox.sandbox.dmp.query_parameters import Criteria, E, S

_CODES: Final = {
    f"{E}ClassCode": CLASS_CODE,
    f"{E}TypeCode": TYPE_CODE,
    f"{E}PracticeSettingCode": PRACTICE_CODE,
    f"{E}HealthcareFacilityTypeCode": FACILITY_CODE,
    f"{E}FormatCode": FORMAT_CODE,
    f"{E}EventCodeList": EVENT_CODE,
    f"{E}ConfidentialityCode": CONFIDENTIALITY_CODE,
    f"{S}ContentType": CONTENT_TYPE_CODE,
}
_TIMES: Final = {
    f"{E}CreationTime": "creationTime",
    f"{E}ServiceStartTime": "serviceStartTime",
    f"{E}ServiceStopTime": "serviceStopTime",
    f"{S}SubmissionTime": "submissionTime",
}


def matches(found: RegistryObject, criteria: Criteria) -> bool:
    """Tell whether an object meets every criterion that speaks of its own metadata."""
    return (
        _has_codes(found, criteria)
        and _is_in_time(found, criteria)
        and _has_author(found, criteria)
        and _has_reference_ids(found, criteria)
        and _has_type(found, criteria)
        and _has_source(found, criteria)
    )


def _has_codes(found: RegistryObject, criteria: Criteria) -> bool:
    for parameter, scheme in _CODES.items():
        own = {f"{code.code}^^{code.coding_scheme}" for code in found.codes(scheme)}
        if not all(own & set(values) for values in criteria.get(parameter, ())):
            return False
    return True


def _is_in_time(found: RegistryObject, criteria: Criteria) -> bool:
    """From <= t < To; what has no time is not held back by it."""
    for parameter, slot in _TIMES.items():
        at = read_dtm(found.slot(slot))
        if at is None:
            continue
        start, end = (_time(criteria, f"{parameter}{which}") for which in ("From", "To"))
        if (start is not None and at < start) or (end is not None and at >= end):
            return False
    return True


def _time(criteria: Criteria, parameter: str) -> datetime | None:
    conditions = criteria.get(parameter, ())
    return read_dtm(conditions[0][0]) if conditions else None


def _has_author(found: RegistryObject, criteria: Criteria) -> bool:
    for parameter, scheme in ((f"{E}AuthorPerson", ENTRY_AUTHOR), (f"{S}AuthorPerson", SET_AUTHOR)):
        persons = [p for a in found.codes(scheme) for p in a.slots.get("authorPerson", ())]
        for values in criteria.get(parameter, ()):
            if not any(_is_like(person, pattern) for person in persons for pattern in values):
                return False
    return True


def _is_like(text: str, pattern: str) -> bool:
    """SQL LIKE: % any characters, _ one."""
    expression = re.escape(pattern).replace("%", ".*").replace("_", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _has_reference_ids(found: RegistryObject, criteria: Criteria) -> bool:
    own = set(found.slots.get(REFERENCE_ID_LIST, ()))
    return all(own & set(values) for values in criteria.get(f"{E}ReferenceIdList", ()))


def _has_type(found: RegistryObject, criteria: Criteria) -> bool:
    """Only stable entries, unless the query says which types (3.18.4.1.2.3.6.2)."""
    kind = found.attribute("objectType")
    wanted = criteria.get(f"{E}Type", ((STABLE_DOCUMENT,),))
    return not kind.startswith("urn:uuid:") or all(kind in values for values in wanted)


def _has_source(found: RegistryObject, criteria: Criteria) -> bool:
    source = found.identifier(SET_SOURCE_ID)
    return all(source in values for values in criteria.get(f"{S}SourceId", ()))
