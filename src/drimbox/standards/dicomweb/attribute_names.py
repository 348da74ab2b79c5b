"""Attributes as QIDO-RS names them: keyword or tag, and dotted for those in sequences (8.3.4.1).

PatientID  00100020  RequestAttributesSequence.ScheduledProcedureStepID  00400275.00400009
"""

import re

from drimbox.errors import InvalidValue
from drimbox.standards.dicom.dictionary import find_keyword, find_tag, find_vr

AttributePath = tuple[str, ...]
"""Tags from the outermost sequence inwards, each eight upper-case hexadecimal digits."""

MAX_DEPTH = 4
_TAG = re.compile(r"[0-9A-Fa-f]{8}\Z")


def parse_attribute(name: str) -> AttributePath:
    """Return the path that a parameter names.

    Raises:
        InvalidValue: no keyword or tag of PS3.6, or one inside what is no sequence.
    """
    parts = name.split(".")
    if len(parts) > MAX_DEPTH:
        raise InvalidValue(safe_name(name), f"at most {MAX_DEPTH} levels")
    path = tuple(_parse_tag(part, name) for part in parts)
    if any(vr_of_tag(tag) != "SQ" for tag in path[:-1]):
        raise InvalidValue(safe_name(name), "dots lead into sequences only (PS3.18 8.3.4.1)")
    return path


def is_private(name: str) -> bool:
    """Tell whether a name is the tag of a private attribute, of an odd group (PS3.5 7.8)."""
    return bool(_TAG.match(name.partition(".")[0])) and int(name[:4], 16) & 1 == 1


def tag_of(keyword: str) -> str:
    """Return the tag of a keyword that this package itself names."""
    tag = find_tag(keyword)
    assert tag is not None  # noqa: S101  # keywords of our own tables
    return f"{tag:08X}"


def keyword_of(tag: str) -> str:
    """Return the keyword of a tag, or the tag where it has none."""
    return find_keyword(int(tag, 16)) or tag


def vr_of_tag(tag: str) -> str:
    """Return the VR of the dictionary, the first where it names several; UN where unknown."""
    return (find_vr(int(tag, 16)) or "UN").split(" ")[0]


def safe_name(name: str) -> str:
    """Return a parameter's name fit for an error text: names are the caller's own words."""
    return re.sub(r"[^A-Za-z0-9._]", "?", name)[:64]


def _parse_tag(part: str, name: str) -> str:
    tag = int(part, 16) if _TAG.match(part) else find_tag(part)
    if tag is None or not find_keyword(tag):
        raise InvalidValue(safe_name(name), "a keyword or tag of PS3.6")
    return f"{tag:08X}"
