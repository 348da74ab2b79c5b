"""The contextual call's door (TRA.04): a form POST from a calling software.

    Origin present and not allowed                        403, nothing created (O8)
    other type, over 64 KiB, a fault of Tableau 1         400 E200, every fault, never a value
    Authorization: Bearer (Pro Santé Connect)             200, a token bound to the context
    Accept: application/json                              200, where to navigate
    otherwise                                             303 to the page

A web caller reads its answer by CORS, for configured origins only; the call itself carries no
credential of the browser. No identity is ever put in an address.
"""

from dataclasses import dataclass
from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.bearer import ProfessionalTokens, bearer_token
from drimbox.entrypoints.http.calling_program import CallingProgram, PatientReference, page_of
from drimbox.entrypoints.http.encoded_bodies import check_not_encoded
from drimbox.entrypoints.http.pages import Pages, accepts, wants_page
from drimbox.entrypoints.http.problems import problem_response
from drimbox.errors import DrimboxError, Refused, TooLarge
from drimbox.flows.consumer.open_contextual_call import CallOrigin, OpenContextualCall
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.access import ConsultationContext
from drimbox.model.contextual_call import CallFault, CallParameter, MalformedCall
from drimbox.standards.contextual_call.form import is_form, parse_form, unknown_names

MAX_BODY_BYTES = 64 * 1024
# Read and thrown away, so that a caller still writing hears the answer rather than a reset.
_MAX_DISCARDED_BYTES = 8 * 1024 * 1024
_TITLE = "Appel contextuel mal formé"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept",
    "Access-Control-Max-Age": "600",
}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AllowedOrigins:
    """Whose pages may call: exact origins, and `null` (a file, a sandboxed frame) if allowed."""

    origins: frozenset[str]
    is_null_allowed: bool = False

    def check(self, request: Request) -> str | None:
        """Return the caller's origin; None where none came (a native DPI, a server).

        Raises:
            Refused: an origin that is not configured.
        """
        values = request.headers.getlist("origin")
        if not values:
            return None
        origin = values[0]
        if len(values) > 1 or not self._allows(origin):
            raise Refused("this origin may not make a contextual call")
        return origin

    def _allows(self, origin: str) -> bool:
        return self.is_null_allowed if origin == "null" else origin in self.origins


@dataclass(frozen=True, slots=True)
class ContextualCallDoor:
    """base_url is the public address; patient_reference gives `Patient/...` of the FHIR door."""

    open_call: OpenContextualCall
    professional_tokens: ProfessionalTokens
    allowed_professions: frozenset[str]
    tokens: TokenIssuer
    patient_reference: PatientReference
    allowed_origins: AllowedOrigins
    pages: Pages
    base_url: str

    async def call(self, request: Request) -> Response:
        """Answer a call, an error of it included: a web caller must be able to read that too."""
        origin = None
        try:
            origin = await self._check_origin(request)
            response = await self._open(request)
        except MalformedCall as error:
            response = self._refusal(request, error)
        except DrimboxError as error:
            _log.info("contextual_call_refused", error=type(error).__name__)
            response = self.pages.answer(request, error)
        return _with_cors(response, origin)

    async def preflight(self, request: Request) -> Response:
        """Answer a browser that asks whether it may call (Fetch standard, CORS protocol)."""
        try:
            origin = self.allowed_origins.check(request)
        except Refused as error:
            return _with_cors(problem_response(request, error), None)
        return _with_cors(Response(status_code=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT), origin)

    async def _check_origin(self, request: Request) -> str | None:
        try:
            return self.allowed_origins.check(request)
        except Refused as error:
            await self.open_call.record_refusal(_caller(request), str(error))
            raise

    async def _open(self, request: Request) -> Response:
        caller = _caller(request)
        parameters = await self._parameters(request, caller)
        token = bearer_token(request)
        if token is not None:
            caller = await self._program.identify(token, caller)
        context = await self.open_call(parameters, caller)
        if token is not None:
            return await self._token_answer(context)
        page = page_of(context)
        if accepts(request, "application/json"):
            return JSONResponse({"context": context.identifier, "page": self.base_url + page})
        return RedirectResponse(page, HTTPStatus.SEE_OTHER)

    async def _parameters(self, request: Request, caller: CallOrigin) -> tuple[CallParameter, ...]:
        try:
            parameters = await _read_form(request)
        except MalformedCall as error:
            await self.open_call.record_refusal(caller, str(error))
            raise
        names = unknown_names(parameters)
        if names:
            _log.info("contextual_call_unknown_parameters", names=names)
        return parameters

    async def _token_answer(self, context: ConsultationContext) -> Response:
        answer = await self._program.answer(context)
        return JSONResponse(
            {
                "context": answer.context,
                "access_token": answer.access_token,
                "token_type": "Bearer",
                "expires_in": answer.expires_in,
                "patient": answer.patient,
                "page": answer.page,
            }
        )

    @property
    def _program(self) -> CallingProgram:
        return CallingProgram(
            self.open_call,
            self.professional_tokens,
            self.allowed_professions,
            tokens=self.tokens,
            patient_reference=self.patient_reference,
            base_url=self.base_url,
        )

    def _refusal(self, request: Request, error: MalformedCall) -> Response:
        if wants_page(request):
            return self.pages.render("malformed_call.html", 400, faults=error.faults)
        return JSONResponse(
            {
                "type": "about:blank",
                "title": _TITLE,
                "status": int(HTTPStatus.BAD_REQUEST),
                "code": "E200",
                "errors": [{"parameter": f.parameter, "rule": f.rule} for f in error.faults],
            },
            status_code=HTTPStatus.BAD_REQUEST,
            media_type="application/problem+json",
        )


def contextual_call_routes(door: ContextualCallDoor, *, path: str) -> list[BaseRoute]:
    """Return the routes; path is contextual_call.path of the settings."""
    return [
        Route(path, door.call, methods=["POST"]),
        Route(path, door.preflight, methods=["OPTIONS"]),
    ]


def _caller(request: Request) -> CallOrigin:
    return CallOrigin(request.client.host if request.client else "")


async def _read_form(request: Request) -> tuple[CallParameter, ...]:
    """Read the body within its limit.

    Raises:
        MalformedCall: another type, too large, or too many parameters: one fault of the whole call.
        UnsupportedMessage: a compressed body (N7).
    """
    check_not_encoded(request)
    body = await _read_body(request)
    if not is_form(request.headers.get("content-type")):
        raise _whole_call("Content-Type : application/x-www-form-urlencoded")
    if body is None:
        raise _whole_call(f"{MAX_BODY_BYTES // 1024} Kio au plus")
    try:
        return parse_form(body)
    except TooLarge as error:
        raise _whole_call("moins de paramètres") from error


async def _read_body(request: Request) -> bytes | None:
    """Return the body; None when it is over the limit."""
    body = bytearray()
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > _MAX_DISCARDED_BYTES:
            return None
        if received <= MAX_BODY_BYTES:
            body += chunk
    return bytes(body) if received <= MAX_BODY_BYTES else None


def _whole_call(rule: str) -> MalformedCall:
    return MalformedCall((CallFault(None, rule),))


def _with_cors(response: Response, origin: str | None) -> Response:
    response.headers["Vary"] = "Origin"
    if origin is not None:
        response.headers["Access-Control-Allow-Origin"] = origin
    return response
