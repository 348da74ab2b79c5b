"""C-FIND in the Study Root model: STUDY, SERIES, IMAGE (PS3.4 C.4.1, C.6.2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from drimbox.sandbox.pacs.archive import Archive, StoredObject, is_uid
from drimbox.sandbox.pacs.matching import matches


class Level(Enum):
    """Query/Retrieve Level (0008,0052), with the unique key of its objects."""

    STUDY = "StudyInstanceUID"
    SERIES = "SeriesInstanceUID"
    IMAGE = "SOPInstanceUID"


class WrongIdentifier(Exception):
    """The identifier does not fit the SOP class (status A900)."""


@dataclass(frozen=True, slots=True)
class _Match:
    """One entity that matches: an object that stands for it, all that is in it, and its study."""

    example: StoredObject
    objects: list[StoredObject]
    study: list[StoredObject]


_CHARACTER_SET_TAG = Tag("SpecificCharacterSet")
_LEVEL_TAG = Tag("QueryRetrieveLevel")
# Never matched: they say how to read, or where to get, not what to find.
_NOT_KEYS = frozenset(
    Tag(name)
    for name in ("SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle",
                 "TimezoneOffsetFromUTC", "InstanceAvailability")
)  # fmt: skip
# Computed from all the objects of the study, at whatever level they are asked for.
_SERIES_OF_STUDY = Tag("NumberOfStudyRelatedSeries")
_OBJECTS_OF_STUDY = Tag("NumberOfStudyRelatedInstances")
_OBJECTS_OF_SERIES = Tag("NumberOfSeriesRelatedInstances")
_COUNTED = frozenset((_SERIES_OF_STUDY, _OBJECTS_OF_STUDY, _OBJECTS_OF_SERIES))
_GATHERED = {
    Tag("ModalitiesInStudy"): "Modality",
    Tag("SOPClassesInStudy"): "SOPClassUID",
}
_SERIES_KEYS = frozenset(
    Tag(name)
    for name in ("SeriesInstanceUID", "SeriesNumber", "Modality", "SeriesDescription",
                 "SeriesDate", "SeriesTime", "BodyPartExamined", "ProtocolName", "Laterality",
                 "Manufacturer", "ManufacturerModelName", "RequestAttributesSequence",
                 "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime")
)  # fmt: skip
_IMAGE_KEYS = frozenset(
    Tag(name)
    for name in ("SOPInstanceUID", "SOPClassUID", "InstanceNumber", "ContentDate", "ContentTime",
                 "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "ImageType",
                 "ConceptNameCodeSequence")
)  # fmt: skip
_KEYS_BELOW: dict[Level, frozenset[BaseTag]] = {
    Level.STUDY: _SERIES_KEYS | _IMAGE_KEYS,
    Level.SERIES: _IMAGE_KEYS,
    Level.IMAGE: frozenset(),
}


def find(
    archive: Archive, identifier: Dataset, *, ae_title: str, is_relational: bool
) -> Iterator[Dataset]:
    """Yield the identifiers of the matches.

    is_relational: the association negotiated relational queries, so keys of higher levels may be
    anything; otherwise each higher level needs its unique key with a single UID (C.4.1.2.1).

    Raises:
        WrongIdentifier: no level, an unknown one, or a hierarchy that is not respected.
    """
    level = parse_level(identifier)
    if not is_relational:
        _check_hierarchy(identifier, level)
    for match in _matches_of(archive, identifier, level):
        if all(_key_matches(key, match, level) for key in identifier):
            yield _response(identifier, match, level, ae_title)


def parse_level(identifier: Dataset) -> Level:
    """Return the level of the identifier.

    Raises:
        WrongIdentifier: none, or one the Study Root model does not have.
    """
    try:
        return Level[str(identifier.get("QueryRetrieveLevel", ""))]
    except KeyError:
        raise WrongIdentifier("Query/Retrieve Level") from None


def select(archive: Archive, identifier: Dataset) -> list[StoredObject]:
    """Return what a C-GET or C-MOVE asks for: unique keys only (C.4.2.2.1).

    Raises:
        WrongIdentifier: a unique key is missing at or above the level, or is no UID.
    """
    level = parse_level(identifier)
    wanted: dict[Level, list[str]] = {}
    for each in list(Level)[: list(Level).index(level) + 1]:
        uids = _uids(identifier, each.value)
        if not uids or (each is not level and len(uids) > 1):
            raise WrongIdentifier(each.value)
        wanted[each] = uids
    return [
        item
        for item in archive.objects_of(wanted.pop(Level.STUDY))
        if all(str(item.header[each.value].value) in uids for each, uids in wanted.items())
    ]


def _uids(identifier: Dataset, name: str) -> list[str]:
    if name not in identifier or not identifier[name].value:
        return []
    value = identifier[name].value
    uids = [str(uid) for uid in (value if identifier[name].VM > 1 else [value])]
    if not all(is_uid(uid) for uid in uids):
        raise WrongIdentifier(name)
    return uids


def _check_hierarchy(identifier: Dataset, level: Level) -> None:
    for above in list(Level)[: list(Level).index(level)]:
        if len(_uids(identifier, above.value)) != 1:
            raise WrongIdentifier(f"{above.value} must be a single UID")
    if any(element.tag in _KEYS_BELOW[level] and element.value for element in identifier):
        raise WrongIdentifier("a key of a lower level")


def _matches_of(archive: Archive, identifier: Dataset, level: Level) -> Iterator[_Match]:
    study_uids = _uids(identifier, Level.STUDY.value)
    objects = archive.objects_of(study_uids) if study_uids else archive.objects()
    groups: dict[str, list[StoredObject]] = {}
    studies: dict[str, list[StoredObject]] = {}
    for item in objects:
        groups.setdefault(str(item.header[level.value].value), []).append(item)
        studies.setdefault(str(item.header.StudyInstanceUID), []).append(item)
    for members in groups.values():
        yield _Match(members[0], members, studies[str(members[0].header.StudyInstanceUID)])


def _key_matches(key: DataElement, match: _Match, level: Level) -> bool:
    if key.tag in _NOT_KEYS or key.tag in _COUNTED or key.tag.is_private:
        return True
    if key.tag in _GATHERED:
        name = _GATHERED[key.tag]
        return any(matches(key, _as(key, item.header.get(name))) for item in match.study)
    if key.tag in _KEYS_BELOW[level]:
        return any(matches(key, item.header.get(key.tag)) for item in match.objects)
    return matches(key, match.example.header.get(key.tag))


def _as(key: DataElement, value: object) -> DataElement | None:
    return DataElement(key.tag, key.VR, value) if value else None


def _response(identifier: Dataset, match: _Match, level: Level, ae_title: str) -> Dataset:
    """Return the keys asked for, with the values of the match."""
    header = match.example.header
    answer = Dataset()
    answer.QueryRetrieveLevel = level.name
    answer.RetrieveAETitle = ae_title
    if "SpecificCharacterSet" in header:
        answer.SpecificCharacterSet = header.SpecificCharacterSet
    for key in identifier:
        if key.tag not in {_LEVEL_TAG, _CHARACTER_SET_TAG, Tag("RetrieveAETitle")}:
            answer.add(_value(key, match))
    return answer


def _value(key: DataElement, match: _Match) -> DataElement:
    header = match.example.header
    if key.tag in _COUNTED:
        return DataElement(key.tag, key.VR, _count(key.tag, match))
    if key.tag in _GATHERED:
        name = _GATHERED[key.tag]
        values = dict.fromkeys(item.header[name].value for item in match.study)
        return DataElement(key.tag, key.VR, list(values))
    if key.tag == Tag("InstanceAvailability"):
        return DataElement(key.tag, key.VR, "ONLINE")
    if key.tag not in header:
        return DataElement(key.tag, key.VR, [] if key.VR == "SQ" else None)
    found = header[key.tag]
    return DataElement(key.tag, found.VR, found.value)


def _count(tag: BaseTag, match: _Match) -> int:
    if tag == _SERIES_OF_STUDY:
        return len({item.header.SeriesInstanceUID for item in match.study})
    if tag == _OBJECTS_OF_STUDY:
        return len(match.study)
    series = match.example.header.SeriesInstanceUID
    return sum(item.header.SeriesInstanceUID == series for item in match.study)
