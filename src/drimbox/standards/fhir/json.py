"""A resource as JSON, and what a FHIR string may not hold (R4 2.24.0.1: no control character).

Texts come from the DMP and from KOS, where others wrote them: what FHIR and XML cannot hold is
dropped, rather than the answer refused.
"""

import re
from collections.abc import Sequence

import orjson

from drimbox.standards.fhir.code_systems import Json

# Written by orjson for control characters other than \\b \\t \\n \\f \\r; the rest need no escape.
_ESCAPES = (b"\\u00", b"\\b", b"\\f")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")


def encode_json(resource: Json) -> bytes:
    """Write a resource; cleaning costs only where something has to be cleaned."""
    return _encoded(resource)


def encode_json_list(values: Sequence[Json]) -> bytes:
    """Write an array of a resource, to be put in it as it is (orjson.Fragment)."""
    return _encoded(list(values))


def _encoded(value: object) -> bytes:
    content = orjson.dumps(value)
    # Most answers have no backslash at all, and one octet is found far sooner than four.
    if b"\\" in content and any(escape in content for escape in _ESCAPES):
        return orjson.dumps(_cleaned(value))
    return content


def indented_json(content: bytes) -> bytes:
    """Write JSON anew, to be read by people (`_pretty`, R4 3.1.0.1.12)."""
    return orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2)


def cleaned(resource: Json) -> Json:
    """Return the resource without the characters that no FHIR string has."""
    return {name: _cleaned(value) for name, value in resource.items()}


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return _FORBIDDEN.sub("", value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return cleaned(value)
    return value
