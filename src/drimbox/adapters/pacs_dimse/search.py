"""Searches level by level, as every PACS allows: STUDY, then SERIES, then IMAGE (RAD-14).

A PACS that agreed to relational queries is asked at the last level at once, and level by level
where it then refuses one.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

from drimbox.adapters.pacs_dimse.find_scu import FindSession
from drimbox.errors import InvalidValue, NotFound, RejectedByPartner, TooLarge
from drimbox.model.retrieval import DicomJson, DicomQuery, QueryLevel
from drimbox.model.study import Series, Study
from drimbox.model.uids import SeriesInstanceUid, SopClassUid, SopInstanceUid, StudyInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.dicom_json import encode_dicom_json
from drimbox.standards.dicom.query_keys import (
    IMAGE_KEYS,
    LEVELS,
    SERIES_KEYS,
    STUDY_KEYS,
    UNIQUE_KEYS,
    encode_identifier,
    level_of,
    parse_instance,
    parse_series,
    parse_study,
)

MAX_UPPER_MATCHES = 500
"""Studies or series that a search below them may walk through."""

_WILDCARDS = frozenset("*?\\")
_NOT_RETURNED = (f"{tags.QUERY_RETRIEVE_LEVEL:08X}",)


@dataclass(frozen=True, slots=True)
class SeriesOutline:
    """One series before its images are known; instances where the PACS counts them."""

    series_instance_uid: SeriesInstanceUid
    instances: int | None
    modality: str = ""


@dataclass(frozen=True, slots=True)
class StudyOutline:
    """What a retrieval must know; sop_classes is empty where the PACS does not tell them."""

    series: tuple[SeriesOutline, ...]
    sop_classes: tuple[SopClassUid, ...]


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """One series as the PACS answered."""

    answer: DataSet
    images: tuple[DataSet, ...]

    def lacks_classes(self) -> bool:
        """Tell whether it left out of what SOP class an image is: the key is optional."""
        return any(not Attributes(image).text(tags.SOP_CLASS_UID) for image in self.images)

    def series(self, classes: Mapping[SopInstanceUid, SopClassUid]) -> Series | None:
        """Read it, None where it has no UID; classes are those that the answers left out."""
        told = [Attributes(_with_class(image, classes)) for image in self.images]
        instances = [one for one in map(parse_instance, told) if one is not None]
        try:
            return parse_series(Attributes(self.answer), instances)
        except InvalidValue:
            return None


@dataclass(frozen=True, slots=True)
class FoundStudy:
    """A study as the PACS answered."""

    answer: DataSet
    series: tuple[FoundSeries, ...]

    def series_without_classes(self) -> tuple[SeriesInstanceUid, ...]:
        """Name the series of whose images the PACS did not tell every SOP class."""
        lacking = [one for one in self.series if one.lacks_classes()]
        found = [_outline(Attributes(one.answer)) for one in lacking]
        return tuple(one.series_instance_uid for one in found if one is not None)

    def study(
        self,
        *,
        default_issuer: str | None,
        classes: Mapping[SopInstanceUid, SopClassUid] = MappingProxyType({}),
    ) -> Study:
        """Read it; classes are those of images that the answers left out."""
        series = [one.series(classes) for one in self.series]
        found = [one for one in series if one is not None]
        return parse_study(Attributes(self.answer), found, default_issuer=default_issuer)


def _with_class(image: DataSet, classes: Mapping[SopInstanceUid, SopClassUid]) -> DataSet:
    attributes = Attributes(image)
    known = classes.get(SopInstanceUid(attributes.text(tags.SOP_INSTANCE_UID))) if classes else None
    if known is None or attributes.text(tags.SOP_CLASS_UID):
        return image
    return {**image, tags.SOP_CLASS_UID: ("UI", known.encode("ascii"))}


async def find_study(session: FindSession, study: StudyInstanceUid) -> FoundStudy:
    """Return what the PACS says of a study, its series and instances.

    Raises:
        NotFound: no such study.
    """
    study_uid = {tags.STUDY_INSTANCE_UID: str(study)}
    keys = encode_identifier(QueryLevel.STUDY, study_uid, STUDY_KEYS)
    answers = await session.find(keys, limit=1)
    if not answers:
        raise NotFound("the PACS holds no such study")
    keys = encode_identifier(QueryLevel.SERIES, study_uid, SERIES_KEYS)
    series = [await _series(session, study_uid, answer) for answer in await session.find(keys)]
    # Some answer without the UID that was asked for.
    answer = {**answers[0], tags.STUDY_INSTANCE_UID: ("UI", study.encode("ascii"))}
    return FoundStudy(answer, tuple(series))


async def _series(
    session: FindSession, study_uid: Mapping[int, str], answer: DataSet
) -> FoundSeries:
    uid = Attributes(answer).text(tags.SERIES_INSTANCE_UID)
    keys = encode_identifier(
        QueryLevel.IMAGE, {**study_uid, tags.SERIES_INSTANCE_UID: uid}, IMAGE_KEYS
    )
    return FoundSeries(answer, tuple(await session.find(keys)))


async def find_outline(session: FindSession, study: StudyInstanceUid) -> StudyOutline:
    """Return the series of a study and the SOP classes in it.

    Raises:
        NotFound: no such study.
    """
    study_uid = {tags.STUDY_INSTANCE_UID: str(study)}
    keys = encode_identifier(QueryLevel.STUDY, study_uid, [tags.SOP_CLASSES_IN_STUDY])
    answers = await session.find(keys, limit=1)
    if not answers:
        raise NotFound("the PACS holds no such study")
    classes = Attributes(answers[0]).texts(tags.SOP_CLASSES_IN_STUDY)
    returned = [
        tags.NUMBER_OF_SERIES_RELATED_INSTANCES,
        tags.SERIES_INSTANCE_UID,
        tags.MODALITY,
    ]
    keys = encode_identifier(QueryLevel.SERIES, study_uid, returned)
    series = [_outline(Attributes(answer)) for answer in await session.find(keys)]
    return StudyOutline(tuple(one for one in series if one is not None), _sop_classes(classes))


def _outline(answer: Attributes) -> SeriesOutline | None:
    try:
        uid = SeriesInstanceUid(answer.text(tags.SERIES_INSTANCE_UID))
    except InvalidValue:
        return None
    count = answer.integer(tags.NUMBER_OF_SERIES_RELATED_INSTANCES)
    return SeriesOutline(uid, count, answer.text(tags.MODALITY))


def _sop_classes(texts: Sequence[str]) -> tuple[SopClassUid, ...]:
    """Return none rather than some, so that the images themselves are asked."""
    try:
        return tuple(SopClassUid(text) for text in texts)
    except InvalidValue:
        return ()


async def find_sop_classes(
    session: FindSession, study: StudyInstanceUid, series: Sequence[SeriesInstanceUid]
) -> tuple[SopClassUid, ...]:
    """Return the distinct SOP classes of these series, asked image by image."""
    found: dict[SopClassUid, None] = {}
    for one in series:
        matching = {tags.STUDY_INSTANCE_UID: str(study), tags.SERIES_INSTANCE_UID: str(one)}
        keys = encode_identifier(
            QueryLevel.IMAGE, matching, [tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID]
        )
        for answer in await session.find(keys):
            instance = parse_instance(Attributes(answer))
            if instance is not None:
                found[instance.sop_class_uid] = None
    return tuple(found)


async def find(session: FindSession, query: DicomQuery) -> tuple[DicomJson, ...]:
    """Return the matches of a search, each with what was asked of the levels above it.

    Raises:
        TooLarge: more than MAX_UPPER_MATCHES studies or series to look into.
    """
    search = _Search(session, query)
    if session.is_relational:
        with suppress(RejectedByPartner):
            return await search.at_once()
    return await search.level_by_level()


class _Search:
    def __init__(self, session: FindSession, query: DicomQuery) -> None:
        self._session = session
        self._query = query
        self._matching = {int(tag, 16): text for tag, text in query.matching.items() if text}
        returned = [*query.returned, *(tag for tag, text in query.matching.items() if not text)]
        self._returned = [int(tag, 16) for tag in returned]

    async def at_once(self) -> tuple[DicomJson, ...]:
        level = self._query.level
        unique = [UNIQUE_KEYS[one] for one in LEVELS[: LEVELS.index(level) + 1]]
        keys = encode_identifier(level, self._matching, {*self._returned, *unique})
        answers = await self._session.find(keys, limit=self._query.limit)
        return tuple(_json(answer) for answer in answers)

    async def level_by_level(self) -> tuple[DicomJson, ...]:
        """Walk down, carrying the UIDs found above as keys and the rest as results."""
        rows: list[tuple[dict[int, str], DicomJson]] = [({}, {})]
        for level in LEVELS[: LEVELS.index(self._query.level) + 1]:
            rows = await self._descend(level, rows)
        return tuple(result for _, result in rows)

    async def _descend(
        self, level: QueryLevel, rows: list[tuple[dict[int, str], DicomJson]]
    ) -> list[tuple[dict[int, str], DicomJson]]:
        unique = UNIQUE_KEYS[level]
        matching = self._of_level(level, self._matching)
        returned = list(self._of_level(level, dict.fromkeys(self._returned, "")))
        is_last = level is self._query.level
        known = matching.get(unique, "")
        is_single = bool(known) and not set(known) & _WILDCARDS
        asks_more = len(matching) > 1 or set(returned) - {unique}
        if not is_last and is_single and not asks_more:
            return [({**uids, unique: known}, result) for uids, result in rows]
        below: list[tuple[dict[int, str], DicomJson]] = []
        for uids, result in rows:
            limit = self._limit(is_last=is_last, found=len(below))
            if limit == 0:
                break
            keys = encode_identifier(level, {**uids, **matching}, {*returned, unique})
            for answer in await self._session.find(keys, limit=limit):
                uid = Attributes(answer).text(unique) or known
                below.append(({**uids, unique: uid}, {**result, **_json(answer)}))
        if not is_last and len(below) > MAX_UPPER_MATCHES:
            raise TooLarge(f"more than {MAX_UPPER_MATCHES} matches at level {level.value}")
        return below

    def _of_level(self, level: QueryLevel, keys: Mapping[int, str]) -> dict[int, str]:
        asked = self._query.level
        return {tag: text for tag, text in keys.items() if level_of(tag, asked) is level}

    def _limit(self, *, is_last: bool, found: int) -> int | None:
        if not is_last:
            return MAX_UPPER_MATCHES + 1 - found
        return None if self._query.limit is None else self._query.limit - found


def _json(answer: DataSet) -> DicomJson:
    converted = encode_dicom_json(answer)
    return {name: value for name, value in converted.items() if name not in _NOT_RETURNED}
