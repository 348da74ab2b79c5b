"""A contextual call's body: application/x-www-form-urlencoded, as old software writes it too.

    name=value&name=value     percent-decoded, + is a space, UTF-8; ISO-8859-1 where UTF-8 fails

The specification's own examples write `Patient.identifier.system&1.2.250...`, without `=`: read as
a name without value, then a name that nobody knows.
"""

import re
from urllib.parse import unquote_to_bytes

from drimbox.errors import TooLarge
from drimbox.model.contextual_call import CallParameter, canonical_name

MEDIA_TYPE = "application/x-www-form-urlencoded"
MAX_PARAMETERS = 128

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_LOGGABLE_NAME = re.compile(r"[A-Za-z][A-Za-z._-]{0,63}\Z", re.ASCII)


def is_form(content_type: str | None) -> bool:
    """Tell whether a Content-Type is the form's, whatever its parameters and case."""
    return (content_type or "").split(";", 1)[0].strip().lower() == MEDIA_TYPE


def parse_form(body: bytes) -> tuple[CallParameter, ...]:
    """Split a body into parameters, in order; a value that cannot be decoded is None.

    Raises:
        TooLarge: more parameters than any call has.
    """
    pairs = [pair for pair in body.split(b"&") if pair]
    if len(pairs) > MAX_PARAMETERS:
        raise TooLarge(f"more than {MAX_PARAMETERS} parameters")
    return tuple(_parse_pair(pair) for pair in pairs)


def unknown_names(parameters: tuple[CallParameter, ...]) -> tuple[str, ...]:
    """Return the unknown names that may be logged, each once.

    A name without a value, or with other characters than names have, may be a value gone astray:
    it is left out.
    """
    return tuple(
        dict.fromkeys(
            parameter.name
            for parameter in parameters
            if canonical_name(parameter.name) is None
            and parameter.value
            and _LOGGABLE_NAME.match(parameter.name)
        )
    )


def _parse_pair(pair: bytes) -> CallParameter:
    name, _, value = pair.partition(b"=")
    return CallParameter(_decode(name) or "", _decode(value))


def _decode(octets: bytes) -> str | None:
    if _BAD_ESCAPE.search(octets):
        return None
    decoded = unquote_to_bytes(octets.replace(b"+", b" "))
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        return decoded.decode("iso-8859-1")
