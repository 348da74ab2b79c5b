"""One representation on its way out: what is acceptable, validators, content coding, caching.

Caching (decision 18): whoever shows a bearer token is a program, which may keep what it got and
ask again with its ETag (`private, no-cache`); a browser with a session cookie stores nothing, for
its disk outlives the sign-out on a shared workstation (threat V3).
"""

import hashlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from drimbox.standards.dicomweb.content_coding import accepts_gzip, compress, is_worth_compressing
from drimbox.standards.dicomweb.media_types import MediaRange, parse_accept
from drimbox.standards.dicomweb.validators import is_named, is_same_representation

_GZIP = zlib.MAX_WBITS | 16
"""What tells zlib to write the format of gzip (RFC 1952)."""
_VARY = "Accept, Accept-Encoding, Authorization, Cookie"
_COMPRESSED = (
    "application/dicom+json",
    "application/dicom+xml",
    'multipart/related; type="application/dicom+xml',
)


@dataclass(frozen=True, slots=True)
class Representation:
    """Octets with their media type; gzipped and etag where they were made before."""

    octets: bytes
    media_type: str
    etag: str | None = None
    gzipped: bytes | None = None


def accept_of(request: Request) -> tuple[MediaRange, ...]:
    """Read what is acceptable, best first: the query parameter `accept`, then the header.

    PS3.18 8.7.8.1: the header counts where nothing of the parameter can be given.

    Raises:
        InvalidValue: one of them is no list of media ranges.
    """
    queried = [_with_plus(value) for value in request.query_params.getlist("accept")]
    headers = request.headers.getlist("accept")
    if queried and not headers:
        return parse_accept(queried)
    return (*(parse_accept(queried) if queried else ()), *parse_accept(headers))


def _with_plus(value: str) -> str:
    """Put back the plus sign of `dicom+json`, which a query string left as it is means a space."""
    return value.replace("dicom json", "dicom+json").replace("dicom xml", "dicom+xml")


def answer(
    request: Request, representation: Representation, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the representation, or 304 where the caller has it (RFC 9110 13.1.2)."""
    told = {**cache_headers(request), **(headers or {})}
    if representation.etag is not None:
        told["ETag"] = representation.etag
        if (held := not_modified(request, told)) is not None:
            return held
    octets = representation.octets
    if _is_compressible(representation) and takes_gzip(request):
        octets = representation.gzipped or compress(octets)
        told["Content-Encoding"] = "gzip"
    told["Content-Type"] = representation.media_type
    return Response(octets, headers=told)


def takes_gzip(request: Request) -> bool:
    """Tell whether an answer may leave gzipped; repeated headers are one list (RFC 9110 5.3)."""
    return accepts_gzip(",".join(request.headers.getlist("accept-encoding")))


async def gzipped(chunks: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """Compress each chunk as it comes: whoever reads it need not wait for the next."""
    compressor = zlib.compressobj(1, wbits=_GZIP)
    try:
        async for chunk in chunks:
            yield compressor.compress(chunk) + compressor.flush(zlib.Z_SYNC_FLUSH)
        yield compressor.flush()
    finally:
        await chunks.aclose()


def not_modified(
    request: Request, headers: Mapping[str, str], *, is_made: bool = True
) -> Response | None:
    """Return 304 where the caller has what the ETag of these headers names, None where not.

    Before the representation is made (is_made), `*` says nothing: there may be none.
    """
    asked = request.headers.get("if-none-match")
    has_it = is_same_representation if is_made else is_named
    if not has_it(asked, headers["ETag"]):
        return None
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)


def cache_headers(request: Request) -> dict[str, str]:
    """Return how the answer may be kept."""
    is_program = "authorization" in request.headers
    return {
        "Cache-Control": "private, no-cache" if is_program else "no-store",
        "Vary": _VARY,
    }


def weak_etag(*parts: bytes) -> str:
    """Return a validator of these octets: the same whatever their content coding."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return f'W/"{digest.hexdigest()[:32]}"'


def strong_etag(*parts: str) -> str:
    """Return a validator of a representation that is the same octet for octet."""
    digest = hashlib.sha256("/".join(parts).encode()).hexdigest()
    return f'"{digest[:32]}"'


def _is_compressible(representation: Representation) -> bool:
    is_text = representation.media_type.startswith(_COMPRESSED)
    return is_text and is_worth_compressing(representation.octets)
