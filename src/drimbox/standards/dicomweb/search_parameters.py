"""QIDO-RS query strings to C-FIND keys (PS3.18 8.3.4, 10.6; PS3.4 C.6.2.1).

A closed list of keys: what a caller sends is rebuilt from it, never passed on (threat D7).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag, tag_for_keyword

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import DicomQuery, QueryLevel
from drimbox.model.uids import Uid

MAX_RESULTS = 1000
_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")
_MAX_VALUE = 256

# PS3.18 tables 10.6.1-5 and 10.6.3-3..5: what may be matched, and what is always returned.
_STUDY_KEYS = (
    "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "ReferringPhysicianName",
    "PatientName", "PatientID", "StudyInstanceUID", "StudyID",
)  # fmt: skip
_SERIES_KEYS = (
    "Modality", "SeriesInstanceUID", "SeriesNumber", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
)  # fmt: skip
_INSTANCE_KEYS = ("SOPClassUID", "SOPInstanceUID", "InstanceNumber")
_STUDY_RETURNED = (
    *_STUDY_KEYS, "TimezoneOffsetFromUTC", "PatientBirthDate", "PatientSex", "StudyDescription",
    "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances",
)  # fmt: skip
_SERIES_RETURNED = (
    "Modality", "SeriesInstanceUID", "SeriesNumber", "SeriesDescription",
    "NumberOfSeriesRelatedInstances", "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
)  # fmt: skip
_INSTANCE_RETURNED = (
    *_INSTANCE_KEYS, "Rows", "Columns", "BitsAllocated", "NumberOfFrames",
)  # fmt: skip
# Levels a relational search may also match and then returns too (PS3.18 10.6.1.2).
_KEYS = {
    QueryLevel.STUDY: _STUDY_KEYS,
    QueryLevel.SERIES: _STUDY_KEYS + _SERIES_KEYS,
    QueryLevel.IMAGE: _STUDY_KEYS + _SERIES_KEYS + _INSTANCE_KEYS,
}
_OPTIONAL_KEYS = ("StudyDescription", "SeriesDescription", "PatientBirthDate", "PatientSex")
_RETURNED = {
    QueryLevel.STUDY: _STUDY_RETURNED,
    QueryLevel.SERIES: _SERIES_RETURNED,
    QueryLevel.IMAGE: _INSTANCE_RETURNED,
}


@dataclass(frozen=True, slots=True)
class Search:
    """One QIDO-RS request; offset and limit count after what the caller may not see is left out."""

    query: DicomQuery
    offset: int
    limit: int
    has_fuzzy_matching: bool


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """What the path of the request says: the level, and the parents where they are named."""

    level: QueryLevel
    study_instance_uid: str | None = None
    series_instance_uid: str | None = None


def parse_search(target: SearchTarget, parameters: Iterable[tuple[str, str]]) -> Search:
    """Read the query string of a search.

    Raises:
        InvalidValue: an unknown key, a value of another grammar, a limit that is no number.
    """
    grouped: dict[str, list[str]] = {}
    for name, value in parameters:
        if len(value) > _MAX_VALUE * 32:
            raise InvalidValue(_safe(name), "a shorter value")
        grouped.setdefault(name, []).append(value)
    limit = _number(grouped.pop("limit", []), "limit", MAX_RESULTS)
    offset = _number(grouped.pop("offset", []), "offset", 0)
    fuzzy = _boolean(grouped.pop("fuzzymatching", []), "fuzzymatching")
    included = grouped.pop("includefield", [])
    matching = _matching(target, grouped)
    returned = _returned(target, included)
    query = DicomQuery(target.level, matching, tuple(dict.fromkeys((*returned, *matching))))
    return Search(query, offset, min(limit, MAX_RESULTS), fuzzy)


def _matching(target: SearchTarget, grouped: Mapping[str, Sequence[str]]) -> dict[str, str]:
    allowed = {_hex(k) for k in (*_KEYS[target.level], *_OPTIONAL_KEYS)}
    matching: dict[str, str] = {}
    for name, values in grouped.items():
        tag = _tag(name)
        if tag not in allowed:
            raise InvalidValue(_safe(name), "a key that this level matches (PS3.18 10.6.1.2)")
        matching[tag] = _value(name, values)
    parents = {
        "StudyInstanceUID": target.study_instance_uid,
        "SeriesInstanceUID": target.series_instance_uid,
    }
    for keyword, uid in parents.items():
        if uid is not None:
            matching[_hex(keyword)] = Uid(uid)
    return matching


def _value(name: str, values: Sequence[str]) -> str:
    """Return the key as C-FIND wants it: several UIDs separated by backslash."""
    if len(values) != 1:
        raise InvalidValue(_safe(name), "once")
    value = values[0].strip()
    if not value.isprintable() or (len(value) > _MAX_VALUE and not _is_uid_key(name)):
        raise InvalidValue(_safe(name), "printable characters, 256 at most")
    if _is_uid_key(name):
        uids = [u.strip() for u in re.split(r"[,\\]", value) if u.strip()]
        return "\\".join(Uid(u) for u in uids)
    if "\\" in value:
        raise InvalidValue(_safe(name), "one value")
    return value


def _returned(target: SearchTarget, included: Sequence[str]) -> tuple[str, ...]:
    returned = [_hex(k) for k in _RETURNED[target.level]]
    if target.level is not QueryLevel.STUDY:
        returned.append(_hex("StudyInstanceUID"))
        if target.study_instance_uid is None:
            returned.extend(_hex(k) for k in _STUDY_RETURNED)
    if target.level is QueryLevel.IMAGE:
        returned.append(_hex("SeriesInstanceUID"))
        if target.series_instance_uid is None:
            returned.extend(_hex(k) for k in _SERIES_RETURNED)
    for name in (n.strip() for field in included for n in field.split(",")):
        if name and name.lower() != "all":
            returned.append(_tag(name.split(".")[0]))
        elif name:
            returned.extend(_hex(k) for k in _OPTIONAL_KEYS)
    return tuple(dict.fromkeys(returned))


def _is_uid_key(name: str) -> bool:
    return (keyword_for_tag(int(_tag(name), 16)) or "").endswith("UID")


def _tag(name: str) -> str:
    """Return the tag a keyword or eight hexadecimal digits name, in upper case."""
    if _TAG.match(name):
        return name.upper()
    tag = tag_for_keyword(name)
    if tag is None:
        raise InvalidValue(_safe(name), "a DICOM keyword or tag")
    return f"{tag:08X}"


def _hex(keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    assert tag is not None  # noqa: S101  # keywords of this file
    return f"{tag:08X}"


def _number(values: Sequence[str], name: str, default: int) -> int:
    if not values:
        return default
    if len(values) != 1 or not values[0].isascii() or not values[0].isdigit():
        raise InvalidValue(name, "a whole number, once")
    if len(values[0]) > 9:
        raise InvalidValue(name, "a smaller number")
    return int(values[0])


def _boolean(values: Sequence[str], name: str) -> bool:
    if not values:
        return False
    if len(values) != 1 or values[0].lower() not in {"true", "false"}:
        raise InvalidValue(name, "true or false")
    return values[0].lower() == "true"


def _safe(name: str) -> str:
    """Return a parameter's name fit for an error text: names are the caller's own words."""
    return re.sub(r"[^A-Za-z0-9._]", "?", name)[:64]
