"""The parameters of a FHIR request: of its address, and of the form of a POST _search."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from drimbox.entrypoints.http.encoded_bodies import check_not_encoded
from drimbox.entrypoints.http.fhir.formats import note_format
from drimbox.errors import MalformedMessage, TooLarge, UnsupportedMessage
from drimbox.standards.fhir.search import MAX_PARAMETERS

MAX_FORM_BYTES = 64 * 1024
_FORM = "application/x-www-form-urlencoded"


async def search_pairs(request: Request) -> list[tuple[str, str]]:
    """Return the parameters, those of a POST's address first (R4 3.1.1.1).

    Raises:
        MalformedMessage: what cannot be decoded.
        UnsupportedMessage: a body that is no form.
        TooLarge: a body over 64 KiB, or too many parameters.
    """
    pairs = _parse(request.url.query, "the query")
    if request.method == "POST":
        body = await read_body(request, MAX_FORM_BYTES)
        if body and media_type(request) != _FORM:
            raise UnsupportedMessage(_FORM, where="Content-Type")
        pairs += _parse(_ascii(body), "the form")
        note_format(request, dict(pairs).get("_format"))
    return pairs


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read a body within its limit.

    Raises:
        TooLarge: more octets.
        UnsupportedMessage: compressed (N7).
    """
    check_not_encoded(request)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"the body is larger than {max_bytes // 1024} KiB")
    return bytes(body)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_strict(request: Request) -> bool:
    """Read `Prefer: handling=strict` (R4 3.1.0.1.1, RFC 7240); lenient is the default."""
    preferences = ",".join(request.headers.getlist("prefer")).replace(";", ",").split(",")
    return "handling=strict" in {p.replace(" ", "").replace('"', "").lower() for p in preferences}


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedMessage("percent-encoded UTF-8", where="the form") from None


def _parse(text: str, where: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError:
        raise MalformedMessage("percent-encoded UTF-8", where=where) from None
    except ValueError:
        raise TooLarge(f"{MAX_PARAMETERS} parameters at most") from None
