"""The authorization server's door: ITI-71, ITI-102, ITI-103, JWKS; errors as RFC 6749 5.2 says.

The same routes serve both listeners, each with its own issuer; on the peer listener tokens are
bound to the client certificate of the connection (RFC 8705 3). What is public may be read by any
page, an answer to a token request by the pages of registered applications only.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.encoded_bodies import EncodedBody, check_not_encoded
from drimbox.entrypoints.http.hardened import client_certificate
from drimbox.entrypoints.http.problems import retry_after
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
from drimbox.flows.get_access_token import Connection, GetAccessToken, GrantedToken
from drimbox.flows.introspect_token import IntrospectToken
from drimbox.standards.fhir.patient_reference import patient_id
from drimbox.standards.iua.iti71_get_access_token import (
    ACCESS_TOKEN_TYPE,
    GrantType,
    TokenRequest,
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
    SMART_CONFIGURATION_PATH,
    TOKEN_PATH,
    ServerFeatures,
    encode_metadata,
    encode_smart_configuration,
)

MAX_FORM_BYTES = 32 * 1024
_MAX_FIELDS = 32
_FORM_TYPE = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_PUBLIC = {"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}

# RFC 6749 5.2 has no code for a server in trouble; RFC 6749 4.1.2.1 lends its two.
OAUTH_ANSWER_TO: dict[type[DrimboxError], tuple[HTTPStatus, str]] = {
    InvalidValue: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    MalformedMessage: (HTTPStatus.BAD_REQUEST, "invalid_request"),
    UnsupportedMessage: (HTTPStatus.BAD_REQUEST, "unsupported_grant_type"),
    EncodedBody: (HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "invalid_request"),
    TooLarge: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_request"),
    NotAcceptable: (HTTPStatus.NOT_ACCEPTABLE, "invalid_request"),
    NotFound: (HTTPStatus.NOT_FOUND, "invalid_request"),
    NotAuthenticated: (HTTPStatus.UNAUTHORIZED, "invalid_client"),
    Refused: (HTTPStatus.BAD_REQUEST, "unauthorized_client"),
    ConsentMissing: (HTTPStatus.BAD_REQUEST, "unauthorized_client"),
    Mismatch: (HTTPStatus.BAD_REQUEST, "invalid_grant"),
    Conflict: (HTTPStatus.BAD_REQUEST, "invalid_grant"),
    Unavailable: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    TooManyRequests: (HTTPStatus.TOO_MANY_REQUESTS, "temporarily_unavailable"),
    TimedOut: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    RejectedByPartner: (HTTPStatus.SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    SettingsError: (HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"),
    DrimboxError: (HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"),
}
_CODE_OF_VALUE = {"scope": "invalid_scope", "resource": "invalid_target"}

_Handler = Callable[[Request], Awaitable[Response]]


def oauth_routes(
    *, get_access_token: GetAccessToken, introspect_token: IntrospectToken, features: ServerFeatures
) -> list[BaseRoute]:
    """Return the routes of one listener; features is what its two discovery documents tell."""
    jwks = get_access_token.tokens.keys.encode()
    origins = _origins_of(get_access_token)

    def certificate_of(request: Request) -> bytes | None:
        return client_certificate(request.scope) if features.are_tokens_bound else None

    async def token(request: Request) -> Response:
        asked = parse_token_request(await _read_form(request))
        source_address = request.client.host if request.client else ""
        granted = await get_access_token(asked, Connection(certificate_of(request), source_address))
        return JSONResponse(_token_answer(asked, granted), headers=_NO_STORE)

    async def introspect(request: Request) -> Response:
        asked = parse_introspection_request(await _read_form(request))
        found = await introspect_token(asked, certificate_of(request))
        answer = INACTIVE if found is None else encode_introspection(found)
        return JSONResponse(answer, headers=_NO_STORE)

    routes: list[BaseRoute] = [
        Route(TOKEN_PATH, _readable_by(origins, _answering(token)), methods=["POST"]),
        Route(INTROSPECTION_PATH, _answering(introspect), methods=["POST"]),
        Route(JWKS_PATH, _publishing(jwks, "application/jwk-set+json"), methods=["GET"]),
        Route(METADATA_PATH, _publishing(encode_metadata(features)), methods=["GET"]),
    ]
    if not features.are_tokens_bound:
        smart = _publishing(encode_smart_configuration(features))
        routes.append(Route(SMART_CONFIGURATION_PATH, smart, methods=["GET"]))
    return routes


def _token_answer(asked: TokenRequest, granted: GrantedToken) -> dict[str, object]:
    answer = encode_token_answer(
        granted.issued.access_token, expires_in=granted.issued.expires_in, scopes=granted.scopes
    )
    if asked.grant.grant_type is GrantType.TOKEN_EXCHANGE:
        # RFC 8693 2.2.1.
        answer["issued_token_type"] = ACCESS_TOKEN_TYPE
    if granted.context is not None:
        # SMART App Launch 2.2 2.0.10.5: whose data; the application shows the traits itself.
        answer |= {"patient": patient_id(granted.context), "need_patient_banner": True}
    return answer


def _origins_of(get_access_token: GetAccessToken) -> frozenset[str]:
    """Return the origins of the registered applications, whose pages redeem codes."""
    clients = get_access_token.authenticate_client.clients.values()
    addresses = [urlsplit(uri) for client in clients for uri in client.redirect_uris]
    return frozenset(f"{address.scheme}://{address.netloc}" for address in addresses)


def _publishing(document: object, media_type: str = "application/json") -> _Handler:
    async def publish(request: Request) -> Response:
        del request
        return JSONResponse(document, headers=_PUBLIC, media_type=media_type)

    return publish


def _readable_by(origins: frozenset[str], handler: _Handler) -> _Handler:
    """Let pages of these origins read the answer (CORS); such a form needs no preflight."""

    async def answer(request: Request) -> Response:
        response = await handler(request)
        response.headers["Vary"] = "Origin"
        origin = request.headers.get("origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
        return response

    return answer


def oauth_error(request: Request, error: DrimboxError) -> Response:
    """Answer an error by this door's table."""
    status, code = _answer_to(error)
    headers = dict(_NO_STORE)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = retry_after(error)
    # RFC 6749 5.2: a client that tried the Authorization header is told so.
    if status is HTTPStatus.UNAUTHORIZED and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="drimbox"'
    # What a request should have been, in our words: they quote nothing that came.
    tells = isinstance(error, InvalidValue | MalformedMessage)
    answer = encode_token_error(code, str(error) if tells else "")
    return JSONResponse(answer, status_code=status, headers=headers)


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
    return row_of(OAUTH_ANSWER_TO, error)


async def _read_form(request: Request) -> list[tuple[str, str]]:
    check_not_encoded(request)
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
