"""What the browser listener answers to each error: the table, and RFC 9457 problem details.

The FHIR, DICOMweb, OAuth and contextual-call doors have tables of their own; this one serves pages
and whatever has no closer door. Texts for people are in French and never quote what the caller
sent.
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drimbox.entrypoints.http.request_limit import TooManyRequests
from drimbox.errors import (
    Conflict,
    ConsentMissing,
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    Mismatch,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    SettingsError,
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedMessage,
    row_of,
)

STATUS_OF: dict[type[DrimboxError], HTTPStatus] = {
    InvalidValue: HTTPStatus.BAD_REQUEST,
    MalformedMessage: HTTPStatus.BAD_REQUEST,
    UnsupportedMessage: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    Refused: HTTPStatus.FORBIDDEN,
    ConsentMissing: HTTPStatus.FORBIDDEN,
    Mismatch: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    TimedOut: HTTPStatus.GATEWAY_TIMEOUT,
    RejectedByPartner: HTTPStatus.BAD_GATEWAY,
    SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    DrimboxError: HTTPStatus.INTERNAL_SERVER_ERROR,
}

TITLES: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "La demande est mal formée.",
    HTTPStatus.UNAUTHORIZED: "Connexion nécessaire, ou expirée.",
    HTTPStatus.FORBIDDEN: "Vous n'avez pas le droit de faire cela.",
    HTTPStatus.NOT_FOUND: "Cette page ou cet examen n'existe pas, ou n'est pas accessible.",
    HTTPStatus.NOT_ACCEPTABLE: "Aucun des formats acceptés ne peut être fourni.",
    HTTPStatus.CONFLICT: "L'état a changé entre-temps ; recommencez.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "La demande est trop volumineuse.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Ce type de contenu n'est pas accepté.",
    HTTPStatus.TOO_MANY_REQUESTS: "Trop de demandes ; réessayez dans un instant.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Erreur interne.",
    HTTPStatus.BAD_GATEWAY: "Un service distant a refusé la demande.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Un service distant ne répond pas ; réessayez dans un instant.",
    HTTPStatus.GATEWAY_TIMEOUT: "Un service distant n'a pas répondu à temps.",
}

RETRY_AFTER_SECONDS = 10


def status_of(
    error: DrimboxError, table: dict[type[DrimboxError], HTTPStatus] | None = None
) -> HTTPStatus:
    """Return the status of the error's class, or of its nearest ancestor in the table."""
    table = STATUS_OF if table is None else table
    try:
        return row_of(table, error)
    except LookupError:
        return HTTPStatus.INTERNAL_SERVER_ERROR


def problem_headers(error: DrimboxError) -> dict[str, str]:
    """Return what must go with the status: WWW-Authenticate (RFC 6750 3), Retry-After, no-store."""
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = challenge(error)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = retry_after(error)
    return headers


def retry_after(error: DrimboxError) -> str:
    """Return the value of Retry-After (RFC 9110 10.2.3)."""
    told = error.retry_after_seconds if isinstance(error, TooManyRequests) else None
    return str(told or RETRY_AFTER_SECONDS)


def challenge(error: NotAuthenticated) -> str:
    """Return the WWW-Authenticate of a 401.

    RFC 6750 3.1: no error code where the request carried no credential at all.
    """
    if error.error is None:
        return 'Bearer realm="drimbox"'
    return f'Bearer realm="drimbox", error="{error.error}"'


def problem_response(request: Request, error: DrimboxError) -> Response:
    """Answer with application/problem+json (RFC 9457)."""
    del request
    status = status_of(error)
    return JSONResponse(
        {"type": "about:blank", "title": TITLES[status], "status": int(status)},
        status_code=status,
        headers=problem_headers(error),
        media_type="application/problem+json",
    )
