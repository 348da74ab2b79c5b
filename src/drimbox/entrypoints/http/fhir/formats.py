"""Which format a FHIR client gets, and resources written in it (R4 3.1.0.1.10).

`_format`, of the address or of a form, beats Accept; Accept is read with its q values; a client
that says nothing gets JSON. No other version of FHIR than R4 can be had (fhirVersion, R4 2.1.0.6).
"""

from enum import Enum
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from drimbox.errors import InvalidValue, NotAcceptable
from drimbox.standards.dicomweb.media_types import parse_accept
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.json import cleaned, encode_json
from drimbox.standards.fhir.xml import encode_xml

PRIVATE = "private, no-store"
_JSON_NAMES = frozenset(
    {"json", "application/fhir+json", "application/json", "application/json+fhir", "text/json"}
)
_XML_NAMES = frozenset(
    {"xml", "application/fhir+xml", "application/xml", "application/xml+fhir", "text/xml"}
)
_STATE_KEY = "asked_format"
_VERSION = "4.0"
_ANY = frozenset({"*/*", "application/*", "text/*"})


class Format(Enum):
    """The value is the Content-Type."""

    JSON = "application/fhir+json; charset=utf-8"
    XML = "application/fhir+xml; charset=utf-8"


def format_of(request: Request) -> Format:
    """Choose the format of an answer.

    Raises:
        NotAcceptable: neither JSON nor XML is accepted.
    """
    asked = asked_format(request)
    if asked is not None:
        # A + in an address that nobody encoded has become a space.
        return _named(asked.strip().replace(" ", "+").partition(";")[0].lower())
    try:
        ranges = parse_accept(request.headers.getlist("accept"))
    except InvalidValue as error:
        raise NotAcceptable(str(error)) from error
    for one in ranges:
        if one.q <= 0 or one.parameters.get("fhirversion", _VERSION) != _VERSION:
            continue
        if one.media_type in _ANY:
            return Format.JSON
        if one.media_type in _JSON_NAMES | _XML_NAMES:
            return _named(one.media_type)
    raise NotAcceptable("resources are sent as application/fhir+json or application/fhir+xml")


def asked_format(request: Request) -> str | None:
    """Return `_format` as it was asked for, None where it was not."""
    noted = getattr(request.state, _STATE_KEY, None)
    return request.query_params.get("_format", noted)


def note_format(request: Request, asked: str | None) -> None:
    """Remember `_format` of a form."""
    setattr(request.state, _STATE_KEY, asked)


def with_format(address: str, asked: str | None) -> str:
    """Return an address whose answer is in the format that was asked for by `_format`."""
    if asked is None:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'_format': asked})}"


def accepts_resource(request: Request) -> bool:
    """Tell whether a Binary is asked for as a resource, not as its octets (R4 2.43.3)."""
    if asked_format(request) is not None:
        return True
    asked = ",".join(request.headers.getlist("accept")).lower()
    return "application/fhir+" in asked


def resource_response(
    resource: Json,
    written_as: Format,
    status: HTTPStatus = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
) -> Response:
    """Write a resource; what concerns a patient is kept nowhere."""
    is_json = written_as is Format.JSON
    content = encode_json(resource) if is_json else encode_xml(cleaned(resource))
    return Response(
        content,
        int(status),
        {"Cache-Control": PRIVATE, "Vary": "Accept, Authorization"} | (headers or {}),
        media_type=written_as.value,
    )


def _named(name: str) -> Format:
    if name in _JSON_NAMES:
        return Format.JSON
    if name in _XML_NAMES:
        return Format.XML
    raise NotAcceptable("_format: json or xml")
