"""Matching of attributes as PS3.4 C.2.2.2 has it, on data sets in the DICOM JSON model.

universal  single value  list of UIDs  wildcards  ranges of dates and times (also combined)  items
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from drimbox.model.retrieval import DicomJson

# A range of dates with a range of times is one range of instants (PS3.4 C.2.2.2.5).
COMBINED = {"00080030": "00080020", "00080031": "00080021", "00400245": "00400244"}
"""Time -> its date."""

NUMBERS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV"})
_END_OF_DAY = "235959.999999"


def matches(row: DicomJson, keys: Mapping[str, str], *, are_instants: bool = True) -> bool:
    """Tell whether a data set matches every key: path of tags (with dots) -> text.

    A range of dates and one of times are instants in a search, in a C-FIND only where that was
    negotiated (are_instants); else each is matched by itself.
    """
    combined = {
        t: d
        for t, d in COMBINED.items()
        if are_instants and "-" in keys.get(t, "") and "-" in keys.get(d, "")
    }
    told_together = {*combined, *combined.values()}
    return all(
        _in_instants(row, (date, time), (keys[date], keys[time])) for time, date in combined.items()
    ) and all(
        _matches_path(row, path.split("."), text)
        for path, text in keys.items()
        if path not in told_together
    )


def _matches_path(row: DicomJson, path: list[str], text: str) -> bool:
    if not text or text == "*":
        return True
    attribute = row.get(path[0])
    values = attribute.get("Value") if attribute is not None else None
    if attribute is None or not isinstance(values, list):
        return False
    if len(path) > 1:
        return any(_matches_path(item, path[1:], text) for item in values)
    return any(_matches_value(str(attribute["vr"]), value, text) for value in _texts(values))


def _matches_value(vr: str, value: str, key: str) -> bool:
    if vr == "DA":
        return _in_range(value, key)
    if vr == "TM":
        return _in_times(value, key)
    if vr == "UI":
        return value in key.split("\\")
    if vr in NUMBERS:
        return _is_same_number(value, key)
    if vr == "PN":
        return matches_wildcards(_folded(value).rstrip("^"), _folded(key).rstrip("^"))
    return any(matches_wildcards(value, one) for one in key.split("\\"))


def _texts(values: Iterable[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, dict):
            yield from (str(group) for group in value.values())
        elif value is not None:
            yield str(value)


def _in_range(value: str, key: str) -> bool:
    first, dash, last = key.partition("-")
    if not dash:
        return value == first
    return first <= value and (not last or value <= last)


def _in_times(value: str, key: str) -> bool:
    first, dash, last = key.partition("-")
    if not dash:
        return _time(value) == _time(first)
    return _time(first) <= _time(value) <= _time(last or _END_OF_DAY, is_end=True)


def _in_instants(row: DicomJson, tags: tuple[str, str], ranges: tuple[str, str]) -> bool:
    date, time = (next(_texts(_values(row, tag)), "") for tag in tags)
    if not date:
        return False
    first_date, _, last_date = ranges[0].partition("-")
    first_time, _, last_time = ranges[1].partition("-")
    earliest = first_date + _time(first_time)
    latest = (last_date or "99999999") + _time(last_time or _END_OF_DAY, is_end=True)
    instant = date + _time(time)
    return (not first_date or earliest <= instant) and instant <= latest


def _values(row: DicomJson, tag: str) -> list[object]:
    values = row.get(tag, {}).get("Value")
    return values if isinstance(values, list) else []


def _time(text: str, *, is_end: bool = False) -> str:
    """Return HHMMSS.FFFFFF; what is not said is the beginning, or the end, of what is."""
    digits, _, fraction = text.partition(".")
    filler = _END_OF_DAY if is_end else "000000.000000"
    whole = (digits + filler[len(digits) : 6])[:6]
    return f"{whole}.{(fraction + filler[7 + len(fraction) :])[:6]}"


def _is_same_number(value: str, key: str) -> bool:
    try:
        return float(value) == float(key)
    except ValueError:
        return matches_wildcards(value, key)


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    """Forget case and accents, which matching of names may (PS3.4 C.2.2.2.1)."""
    letters = unicodedata.normalize("NFD", text.casefold())
    return "".join(c for c in letters if not unicodedata.combining(c))


def matches_wildcards(text: str, pattern: str) -> bool:
    """Match `*` and `?` (PS3.4 C.2.2.2.4), in time that grows with the product of the lengths.

    Regular expressions would take exponential time for some patterns.
    """
    at, in_pattern = 0, 0
    star, star_at = -1, 0
    while at < len(text):
        if in_pattern < len(pattern) and pattern[in_pattern] == "*":
            star, star_at = in_pattern, at
            in_pattern += 1
        elif in_pattern < len(pattern) and pattern[in_pattern] in {"?", text[at]}:
            at += 1
            in_pattern += 1
        elif star >= 0:
            # Let the last star take one character more, and try again behind it.
            star_at += 1
            at, in_pattern = star_at, star + 1
        else:
            return False
    return not pattern[in_pattern:].strip("*")
