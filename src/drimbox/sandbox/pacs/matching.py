"""Does an object match the keys of a query? Attribute matching of PS3.4 C.2.2.2."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

_RANGE_VRS = frozenset({"DA", "TM", "DT"})
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})


def matches(key: DataElement, found: DataElement | None) -> bool:
    """Tell whether the value of the object matches the key.

    An empty key matches everything (universal matching); an absent value matches no other key.
    """
    if key.VR == "SQ":
        return _matches_sequence(key, found)
    wanted = _texts(key)
    if not wanted:
        return True
    values = _texts(found) if found is not None else []
    if key.VR == "UI":  # a list of UIDs
        return bool(set(wanted) & set(values))
    return any(_matches_text(key.VR, wanted[0], value) for value in values)


def _matches_sequence(key: DataElement, found: DataElement | None) -> bool:
    """Match when one item of the object matches every key of the one item of the query."""
    if not key.value or len(key.value[0]) == 0:
        return True
    wanted: Dataset = key.value[0]
    items: Iterable[Dataset] = found.value if found is not None and found.VR == "SQ" else ()
    if all(_is_universal(element) for element in wanted):
        return True
    return any(all(matches(element, item.get(element.tag)) for element in wanted) for item in items)


def _is_universal(element: DataElement) -> bool:
    if element.VR == "SQ":
        return not element.value or all(_is_universal(e) for e in element.value[0])
    return not _texts(element)


def _texts(element: DataElement) -> list[str]:
    value = element.value
    values = value if element.VM > 1 else [value]
    return [text for text in (str(v) for v in values if v is not None) if text]


def _matches_text(vr: str, wanted: str, value: str) -> bool:
    if vr in _RANGE_VRS:
        return _matches_range(vr, wanted, value)
    if vr == "PN":
        return _matches_name(wanted, value)
    if vr in _WILDCARD_VRS and ("*" in wanted or "?" in wanted):
        return bool(_pattern(wanted).match(value))
    return wanted.strip() == value.strip()


def _matches_range(vr: str, wanted: str, value: str) -> bool:
    """Match a single value or a range; a time shorter than the other stands for its whole span."""
    first, dash, last = wanted.partition("-")
    if vr == "TM":
        value, first, last = (text.partition(".")[0] for text in (value, first, last))
    if not dash:
        return value.startswith(first) or first == value
    return (not first or value[: len(first)] >= first) and (not last or value[: len(last)] <= last)


def _matches_name(wanted: str, value: str) -> bool:
    """Names match whatever their case and accents are (PS3.4 C.2.2.2.1 lets a PACS do so)."""
    wanted, value = _folded(wanted), _folded(value)
    if "*" in wanted or "?" in wanted:
        return bool(_pattern(wanted).match(value))
    return wanted.rstrip("^") == value.rstrip("^")


def _folded(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@lru_cache(maxsize=256)
def _pattern(wanted: str) -> re.Pattern[str]:
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in wanted.strip())
    return re.compile("".join(parts) + r"\s*\Z", re.DOTALL)
