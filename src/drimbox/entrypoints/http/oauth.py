"""The authorization server's door: ITI-71, ITI-102, ITI-103, JWKS; errors as RFC 6749 5.2 says.

The same routes serve both listeners, each with its own issuer; on the peer listener tokens are
bound to the client certificate of the connection (RFC 8705 3).
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.hardened import client_certificate
from drimbox.entrypoints.http.problems import RETRY_AFTER_SECONDS
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
)
from drimbox.flows.issue_token import IntrospectToken, IssueToken
from drimbox.standards.iua.iti71_get_access_token import (
    encode_token_answer,
    encode_token_error,
    parse_token_request,
)
from drimbox.standards.iua.iti102_introspect_token import (
    INACTIVE,
    encode_introspection,
    parse_introspection_request,
)
from drimbox.standards.iua.iti103_metadata import (
    INTROSPECTION_PATH,
    JWKS_PATH,
    METADATA_PATH,
    TOKEN_PATH,
    encode_metadata,
)

MAX_FORM_BYTES = 32 * 1024
_MAX_FIELDS = 32
_FORM_TYPE = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PUBLIC = {"Cache-Control": "public, max-age=300"}

# RFC 6749 5.2 has no code for a server in trouble; RFC 6749 4.1.2.1 lends its two.
OAUTH_ANSWER_TO: dict[type[DrimboxError], tuple[HTTPStatus, str]] = {
    InvalidValue: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    MalformedMessage: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    UnsupportedMessage: (HTTPStatus.BAD_REQUEST, "unsupported_grant_type"),
    TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_request"),
    NotAcceptable: (HTTPStatus.NOT_ACCEPTABLE, "invalid_request"),
    NotFound: (HTTPStatus.NOT_FOUND, "invalid_request"),
    NotAuthenticated: (HTTPStatus.UNAUTHORIZED, "invalid_client"),
    Refused: (HTTPStatus.BAD_REQUEST, "unauthorized_client"),
    ConsentMissing: (HTTPStatus.BAD_REQUEST, "unauthorized_client"),
    Mismatch: (HTTPStatus.BAD_REQUEST, "invalid_grant"),
    Conflict: (HTTPStatus.BAD_REQUEST, "invalid_grant"),
    Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    TimedOut: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    RejectedByPartner: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    SettingsError: (HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"),
    DrimboxError: (HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"),
}
_CODE_OF_VALUE = {"scope": "invalid_scope", "resource": "invalid_target"}

_Handler = Callable[[Request], Awaitable[Response]]


def oauth_routes(
    *, issue_token: IssueToken, introspect_token: IntrospectToken, are_tokens_bound: bool
) -> list[BaseRoute]:
    """Return the routes of one listener; are_tokens_bound on the one with client certificates."""
    tokens = issue_token.tokens
    scopes = {s for c in issue_token.authenticate_client.clients.values() for s in c.scopes}
    metadata = encode_metadata(tokens.issuer, scopes=scopes, are_tokens_bound=are_tokens_bound)
    jwks = tokens.signing_key.public.encode()

    async def token(request: Request) -> Response:
        answered, granted = await issue_token(
            parse_token_request(await _read_form(request)),
            certificate_der=client_certificate(request.scope) if are_tokens_bound else None,
            source_address=request.client.host if request.client else "",
        )
        answer = encode_token_answer(
            answered.access_token, expires_in=answered.expires_in, scopes=granted
        )
        return JSONResponse(answer, headers=_NO_STORE)

    async def introspect(request: Request) -> Response:
        found = await introspect_token(parse_introspection_request(await _read_form(request)))
        answer = INACTIVE if found is None else encode_introspection(found)
        return JSONResponse(answer, headers=_NO_STORE)

    async def publish_keys(request: Request) -> Response:
        del request
        return JSONResponse(jwks, headers=_PUBLIC, media_type="application/jwk-set+json")

    async def publish_metadata(request: Request) -> Response:
        del request
        return JSONResponse(metadata, headers=_PUBLIC)

    return [
        Route(TOKEN_PATH, _answering(token), methods=["POST"]),
        Route(INTROSPECTION_PATH, _answering(introspect), methods=["POST"]),
        Route(JWKS_PATH, publish_keys, methods=["GET"]),
        Route(METADATA_PATH, publish_metadata, methods=["GET"]),
    ]


def oauth_error(request: Request, error: DrimboxError) -> Response:
    """Answer an error by this door's table."""
    status, code = _answer_to(error)
    headers = dict(_NO_STORE)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    # RFC 6749 5.2: a client that tried the Authorization header is told so.
    if status is HTTPStatus.UNAUTHORIZED and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="drimbox"'
    return JSONResponse(encode_token_error(code), status_code=status, headers=headers)


def _answering(handler: _Handler) -> _Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except DrimboxError as error:
            return oauth_error(request, error)

    return answer


def _answer_to(error: DrimboxError) -> tuple[HTTPStatus, str]:
    if isinstance(error, InvalidValue) and error.what in _CODE_OF_VALUE:
        return HTTPStatus.BAD_REQUEST, _CODE_OF_VALUE[error.what]
    known = [OAUTH_ANSWER_TO[a] for a in type(error).__mro__ if a in OAUTH_ANSWER_TO]
    return known[0]


async def _read_form(request: Request) -> list[tuple[str, str]]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _FORM_TYPE:
        raise MalformedMessage(_FORM_TYPE, where="Content-Type")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise TooLarge("the form is larger than 32 KiB")
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError as error:
        raise MalformedMessage("percent-encoded UTF-8", where="form") from error
