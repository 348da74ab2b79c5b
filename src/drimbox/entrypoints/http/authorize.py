"""The page where a professional lets an application in (RFC 6749 4.1.1, SMART App Launch 2.2).

    GET   application registered, else a page that says no -> sign-in -> the question
    POST  the professional's answer -> 303 to the application: code, or error; state and iss

Nothing is sent to an address that is not registered. The form carries the request in its own
address and is checked anew.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.security_headers import BrowserPolicy
from drimbox.entrypoints.http.sign_in import address_of
from drimbox.entrypoints.http.signed_in_pages import SignedInPages, form_token, read_form
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
from drimbox.flows.consumer.authorize_application import AuthorizeApplication, Proposal
from drimbox.model.scopes import parse_scope
from drimbox.model.session import Session
from drimbox.standards.iua.authorization_request import (
    AuthorizationRequest,
    answer_url,
    find_state,
    parse_answer_address,
    parse_authorization_request,
)
from drimbox.standards.iua.iti103_metadata import AUTHORIZE_PATH

# RFC 6749 4.1.2.1; what the application is told in its redirection.
AUTHORIZE_ERROR_OF: Mapping[type[DrimboxError], str] = {
    InvalidValue: "invalid_request",
    MalformedMessage: "invalid_request",
    UnsupportedMessage: "unsupported_response_type",
    TooLarge: "invalid_request",
    NotAcceptable: "invalid_request",
    NotFound: "access_denied",
    NotAuthenticated: "access_denied",
    Refused: "access_denied",
    ConsentMissing: "access_denied",
    Mismatch: "access_denied",
    Conflict: "access_denied",
    Unavailable: "temporarily_unavailable",
    TimedOut: "temporarily_unavailable",
    RejectedByPartner: "temporarily_unavailable",
    SettingsError: "server_error",
    DrimboxError: "server_error",
}
_CODE_OF_VALUE = {"scope": "invalid_scope", "resource": "invalid_target"}
_MAX_QUERY, _MAX_FIELDS = 8192, 32
_ALLOW = "allow"

# What each resource is, as the professional reads it.
RESOURCE_TEXTS = {
    "*": "Tout ce que cette consultation donne à voir",
    "ImagingStudy": "Ses examens d'imagerie et leurs images",
    "DocumentReference": "La liste de ses documents d'imagerie",
    "Binary": "Le contenu de ses documents d'imagerie",
    "Patient": "Ses traits d'identité",
    "Bundle": "Le manifeste de chaque examen : séries et images qui le composent",
    "List": "La liste des envois faits à son DMP",
    "Provenance": "L'origine des informations de ses examens",
    "Practitioner": "L'identité des professionnels qui ont fait ses documents",
    "PractitionerRole": "La profession et le lieu d'exercice de ces professionnels",
    "Organization": "Les établissements où ses examens ont été faits",
    "Device": "L'identité technique de cette DRIMbox",
    "Endpoint": "L'adresse où se trouvent les images",
}
_OTHER_RESOURCE = "D'autres informations de son dossier d'imagerie"

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class AuthorizeDoor:
    """issuer is the browser listener's base URL; policy the one of its pages."""

    authorize: AuthorizeApplication
    signed_in: SignedInPages
    pages: Pages
    policy: BrowserPolicy
    issuer: str

    async def ask(self, request: Request) -> Response:
        """Answer GET: nobody is sent to sign in for an application that is not registered."""
        return await self._of_registered(request, self.signed_in.page(self._ask))

    async def decide(self, request: Request) -> Response:
        """Answer POST."""
        return await self._of_registered(request, self.signed_in.page(self._decide))

    async def _of_registered(self, request: Request, endpoint: Endpoint) -> Response:
        try:
            self.authorize.get_client(parse_answer_address(_query_of(request)))
        except DrimboxError as error:
            return self.pages.refusal(request, error)
        return await endpoint(request)

    async def _ask(self, request: Request, session: Session) -> Response:
        try:
            _, proposal = await self._propose(request, session)
        except DrimboxError as error:
            return self._send_back(request, {"error": _error_code(error)})
        page = self.pages.render(
            "authorize.html",
            professional=session.professional,
            application=proposal.client.name or proposal.client.client_id,
            site=urlsplit(_redirect_uri(request)).netloc,
            contexts=proposal.contexts,
            permissions=_permissions(proposal.scopes),
            action=address_of(request),
            form_token=form_token(session),
        )
        # The answer to this form redirects to the application, which form-action counts too.
        target = _origin(_redirect_uri(request))
        policy = replace(self.policy, form_targets=(*self.policy.form_targets, target))
        page.headers["Content-Security-Policy"] = policy.content_security_policy
        return page

    async def _decide(self, request: Request, session: Session) -> Response:
        form = await read_form(request, session)
        if form.get("decision") != _ALLOW:
            return self._send_back(request, {"error": "access_denied"})
        try:
            asked, proposal = await self._propose(request, session)
            context = str(form.get("context", ""))
            granted = await self.authorize.allow(proposal, asked, session, context)
        except DrimboxError as error:
            return self._send_back(request, {"error": _error_code(error)})
        return self._send_back(request, {"code": granted.code})

    async def _propose(
        self, request: Request, session: Session
    ) -> tuple[AuthorizationRequest, Proposal]:
        query = _query_of(request)
        asked = parse_authorization_request(query)
        client = self.authorize.get_client(parse_answer_address(query))
        return asked, await self.authorize.propose(client, asked, session)

    def _send_back(self, request: Request, answer: Mapping[str, str]) -> Response:
        """Answer the application at its registered address, naming ourselves (RFC 9207 2)."""
        state = find_state(_query_of(request))
        parameters = {**answer, "state": state, "iss": self.issuer}
        url = answer_url(_redirect_uri(request), parameters)
        return RedirectResponse(url, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def authorize_routes(door: AuthorizeDoor) -> list[BaseRoute]:
    """Return the routes of the browser listener."""
    return [
        Route(AUTHORIZE_PATH, door.ask, methods=["GET"]),
        Route(AUTHORIZE_PATH, door.decide, methods=["POST"]),
    ]


def _query_of(request: Request) -> list[tuple[str, str]]:
    """Read the query, of GET and POST alike.

    Raises:
        MalformedMessage: too long, too many parameters, or no UTF-8.
    """
    query = request.url.query
    if len(query) > _MAX_QUERY:
        raise MalformedMessage("8 KiB at most", where="query")
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise MalformedMessage("a few parameters in UTF-8", where="query") from error


def _redirect_uri(request: Request) -> str:
    return parse_answer_address(_query_of(request)).redirect_uri


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _error_code(error: DrimboxError) -> str:
    if isinstance(error, InvalidValue) and error.what in _CODE_OF_VALUE:
        return _CODE_OF_VALUE[error.what]
    return row_of(AUTHORIZE_ERROR_OF, error)


def _permissions(scopes: frozenset[str]) -> list[str]:
    """Say each resource once, in the order of the texts."""
    resources = {scope.resource for scope in map(parse_scope, scopes) if scope is not None}
    texts = [text for resource, text in RESOURCE_TEXTS.items() if resource in resources]
    return texts if resources <= RESOURCE_TEXTS.keys() else [*texts, _OTHER_RESOURCE]
