"""What each error means at the DICOMweb doors (PS3.18 8.5, table 8.5-1)."""

from http import HTTPStatus

import orjson
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.problems import STATUS_OF, challenge, retry_after, status_of
from drimbox.errors import DrimboxError, InvalidValue, MalformedMessage, NotAuthenticated
from drimbox.standards.dicomweb.validators import RangeNotSatisfiable

# No request has a body: octets that are malformed came from a PACS or another box.
_STATUS_OF = {**STATUS_OF, MalformedMessage: HTTPStatus.BAD_GATEWAY}
_NO_STORE = {"Cache-Control": "no-store"}
_LATER = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


def error_response(request: Request, error: DrimboxError) -> Response:
    """Return the PS3.18 status of an error, with a JSON message (interfaces.md)."""
    del request
    status = status_of(error, _STATUS_OF)
    headers = dict(_NO_STORE)
    if isinstance(error, RangeNotSatisfiable):
        status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        headers["Content-Range"] = f"bytes */{error.length}"
    if status in _LATER:
        headers["Retry-After"] = retry_after(error)
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = challenge(error)
    told: dict[str, object] = {"status": int(status), "message": str(error)}
    if isinstance(error, InvalidValue):
        told["parameter"] = error.what
    return Response(orjson.dumps(told), status, headers, "application/json")
