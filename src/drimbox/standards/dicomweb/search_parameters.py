"""QIDO-RS query strings to searches (PS3.18 8.3.4, 10.6; PS3.4 C.6).

key=value&...                      matched        a closed list (threat D7), see search_fields
includefield=key,...|all           returned       what a level always returns, and these
limit, offset                      the page       1000 at most
fuzzymatching, emptyvaluematching, multiplevaluematching = true     told not to be done, by a
                                                   Warning; the search is a literal one
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import DicomQuery, QueryLevel
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.standards.dicomweb.attribute_matching import COMBINED, NUMBERS
from drimbox.standards.dicomweb.attribute_names import (
    is_private,
    keyword_of,
    parse_attribute,
    safe_name,
    tag_of,
    vr_of_tag,
)
from drimbox.standards.dicomweb.search_fields import (
    all_tags,
    is_below,
    matched_tags,
    returned_tags,
)
from drimbox.standards.dicomweb.search_values import parse_key

MAX_RESULTS = 1000
_MAX_VALUE = 70_000
_MAX_PARAMETERS = 200
_MAX_DIGITS = 9
_NOT_DONE = ("fuzzymatching", "emptyvaluematching", "multiplevaluematching")
# Required keys of PS3.4 C.6; other numbers are optional ones, which most PACS do not look at, or
# compare as text.
_NUMBERS_OF_EVERY_PACS = frozenset(map(tag_of, ("SeriesNumber", "InstanceNumber")))
# What a PACS counts from the images of a study: it tells them, and hardly any matches them.
_TOLD_ONLY = frozenset({tag_of("SOPClassesInStudy")})
_STUDY, _SERIES = tag_of("StudyInstanceUID"), tag_of("SeriesInstanceUID")


@dataclass(frozen=True, slots=True)
class Search:
    """One QIDO-RS request; ignored are the parameters that were asked for and are not done."""

    query: DicomQuery
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchTarget:
    """What the path of the request says: the level, and the parents where they are named."""

    level: QueryLevel
    study_instance_uid: StudyInstanceUid | None = None
    series_instance_uid: SeriesInstanceUid | None = None

    @property
    def named_parents(self) -> int:
        return (self.study_instance_uid is not None) + (self.series_instance_uid is not None)


def parse_search(target: SearchTarget, parameters: Iterable[tuple[str, str]]) -> Search:
    """Read the query string of a search.

    Raises:
        InvalidValue: an unknown key, a value of another grammar, a limit that is no number; it
            names the parameter.
    """
    grouped = _group(parameters)
    limit = _number(grouped.pop("limit", []), "limit", MAX_RESULTS)
    offset = _number(grouped.pop("offset", []), "offset", 0)
    ignored = tuple(name for name in _NOT_DONE if _boolean(grouped.pop(name, []), name))
    asked = _asked(target, grouped.pop("includefield", []))
    matching, filters = _keys(target, grouped)
    roots = {path.split(".")[0] for path in (*matching, *filters)}
    returned = {*returned_tags(target.level, named_parents=target.named_parents), *asked, *roots}
    query = DicomQuery(
        target.level,
        matching,
        tuple(sorted(returned)),
        limit=min(limit, MAX_RESULTS),
        filters=filters,
        asked=tuple(sorted({*asked, *roots})),
        offset=offset,
    )
    return Search(query, ignored)


def _group(parameters: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for count, (name, value) in enumerate(parameters):
        if count >= _MAX_PARAMETERS:
            raise InvalidValue("query", f"at most {_MAX_PARAMETERS} parameters")
        if len(value) > _MAX_VALUE:
            raise InvalidValue(safe_name(name), "a shorter value")
        grouped.setdefault(name, []).append(value)
    return grouped


def _keys(
    target: SearchTarget, grouped: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return what C-FIND matches as it is, and what must be matched on its answers."""
    allowed = matched_tags(target.level)
    keys: dict[str, str] = {}
    for name, values in grouped.items():
        path = parse_attribute(name)
        vr = vr_of_tag(path[-1])
        if path[0] not in allowed or vr in {"SQ", "UN"}:
            raise InvalidValue(safe_name(name), "a key that this level matches (PS3.18 10.6.1.2)")
        if ".".join(path) in keys:
            raise InvalidValue(safe_name(name), "once, by keyword or by tag")
        keys[".".join(path)] = parse_key(safe_name(name), vr, values)
    filters = {path: text for path, text in keys.items() if _is_filter(path, keys)}
    matching = {
        path: text for path, text in keys.items() if path not in filters and "." not in path
    }
    return _with_parents(target, matching), {p: t for p, t in filters.items() if t}


def _is_filter(path: str, keys: Mapping[str, str]) -> bool:
    if "." in path:
        return True
    vr = vr_of_tag(path)
    if vr == "CS" and "\\" in keys[path]:
        return True
    if path in _TOLD_ONLY or (vr in NUMBERS and path not in _NUMBERS_OF_EVERY_PACS):
        return True
    # The times alone would leave out what lies inside the range of instants.
    return "-" in keys[path] and "-" in keys.get(COMBINED.get(path, ""), "")


def _with_parents(target: SearchTarget, matching: dict[str, str]) -> dict[str, str]:
    """Add the UIDs of the path; one that the query contradicts matches nothing."""
    named = {_STUDY: target.study_instance_uid, _SERIES: target.series_instance_uid}
    for tag, uid in named.items():
        if uid is None:
            continue
        others = matching.get(tag, "")
        if others and uid not in others.split("\\"):
            raise InvalidValue(keyword_of(tag), "the UID that the path names")
        matching[tag] = uid
    return matching


def _asked(target: SearchTarget, fields: Sequence[str]) -> frozenset[str]:
    names = [name.strip() for field in fields for name in field.split(",")]
    asked: set[str] = set()
    for name in filter(None, names):
        if name.lower() == "all":
            asked |= all_tags(target.level, named_parents=target.named_parents)
            continue
        tag = _field(name)
        if tag is not None and not is_below(tag, target.level):
            asked.add(tag)
    return frozenset(asked)


def _field(name: str) -> str | None:
    """Return the attribute to include: of one in a sequence, the whole sequence.

    None for one that no answer has, which is left out (PS3.18 8.3.4.3): a private attribute, which
    only its creator tells from another's.
    """
    if is_private(name):
        return None
    try:
        return parse_attribute(name)[0]
    except InvalidValue as error:
        raise InvalidValue("includefield", error.rule) from error


def _number(values: Sequence[str], name: str, default: int) -> int:
    if not values or values == [""]:
        return default
    if len(values) != 1 or not values[0].isascii() or not values[0].isdigit():
        raise InvalidValue(name, "a whole number, once")
    digits = values[0].lstrip("0") or "0"
    return int(digits) if len(digits) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _boolean(values: Sequence[str], name: str) -> bool:
    if not values:
        return False
    if len(values) != 1 or values[0].lower() not in {"true", "false"}:
        raise InvalidValue(name, "true or false, once")
    return values[0].lower() == "true"
