"""The door of Pro Santé Connect: start, callback, sign-out (CO.63, CO.64, O6, O7).

    GET  /sign-in/pro-sante-connect[?context=ID]   303 to the provider
    GET  /sign-in/callback                         303 to a path of ours, with a new session cookie
    POST /sign-out                                 303 to the provider, which comes back to GET
    GET  /sign-out                                 a page that says so

context is the identifier of a stored context; no address is ever taken from a request.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.errors import MalformedMessage
from drimbox.flows.consumer.sign_in import Callback, SignIn
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.session_store import ContextStore

START_PATH = "/sign-in/pro-sante-connect"
SIGN_OUT_PATH = "/sign-out"
HOME_PATH = "/consultation"
_MAX_VALUE = 4096
_MAX_FIELDS = 32
_SEE_OTHER = 303
_NO_STORE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_CALLBACK_NAMES = frozenset({"state", "code", "error", "iss"})
_SIGNED_OUT = """<!doctype html>
<html lang="fr"><head><meta charset="utf-8"><title>Déconnexion</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><main><h1>Vous êtes déconnecté</h1>
<p>Votre session est terminée. Sur un poste partagé, fermez le navigateur.</p>
<p><a href="/sign-in/pro-sante-connect">Se connecter avec Pro Santé Connect</a></p></main></body>
</html>
"""


@dataclass(frozen=True, slots=True)
class SignInDoor:
    """Sign-in and sign-out of a browser; pages that need a sign-in call send_to_provider."""

    sign_in: SignIn
    contexts: ContextStore
    cookies: BrowserCookies
    clock: Clock
    identifiers: Identifiers
    base_url: str

    async def send_to_provider(self, request: Request, return_to: str) -> Response:
        """Redirect to Pro Santé Connect; return_to, a path of ours, is kept on this side.

        Tabs of one browser share its binding, so that several sign-ins may be under way.
        """
        binding = self.cookies.sign_in_of(request) or self.identifiers.new_secret()
        url = await self.sign_in.start(browser_binding=binding, return_to=return_to)
        response = RedirectResponse(url, _SEE_OTHER, headers=_NO_STORE)
        self.cookies.set_sign_in(response, binding)
        return response

    async def start(self, request: Request) -> Response:
        identifier = request.query_params.get("context")
        if identifier is None:
            return await self.send_to_provider(request, HOME_PATH)
        context = await self.contexts.get(identifier, self.clock.now())
        return await self.send_to_provider(request, f"{HOME_PATH}/{context.identifier}")

    async def finish(self, request: Request) -> Response:
        callback = _parse_callback(request.url.query)
        session, return_to = await self.sign_in.finish(
            callback,
            browser_binding=self.cookies.sign_in_of(request),
            source_address=request.client.host if request.client else "",
        )
        former = self.cookies.session_of(request)
        if former is not None:
            await self.sign_in.sessions.remove(former)
        response = RedirectResponse(return_to, _SEE_OTHER, headers=_NO_STORE)
        self.cookies.set_session(response, session.identifier)
        self.cookies.clear_sign_in(response)
        return response

    async def sign_out(self, request: Request) -> Response:
        back = self.base_url + SIGN_OUT_PATH
        identifier = self.cookies.session_of(request)
        if identifier is None:
            return RedirectResponse(SIGN_OUT_PATH, _SEE_OTHER, headers=_NO_STORE)
        url = await self.sign_in.end(identifier, return_to=back)
        headers = _NO_STORE | {"Clear-Site-Data": '"cache", "storage"'}
        response = RedirectResponse(url, _SEE_OTHER, headers=headers)
        self.cookies.clear_session(response)
        return response

    async def signed_out(self, request: Request) -> Response:
        del request
        return HTMLResponse(_SIGNED_OUT, headers=_NO_STORE)


def address_of(request: Request) -> str:
    """Return path and query of a request, written as a path of ours to come back to.

    A query that cannot be written so is left out: the page then opens without it.
    """
    path = request.url.path
    try:
        pairs = parse_qsl(
            request.url.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError:
        return path
    query = urlencode(pairs, quote_via=quote, safe="")
    return f"{path}?{query}" if query else path


def sign_in_routes(door: SignInDoor, *, callback_path: str) -> list[BaseRoute]:
    """Return the routes; callback_path is pro_sante_connect.redirect_path."""
    return [
        Route(START_PATH, door.start, methods=["GET"]),
        Route(callback_path, door.finish, methods=["GET"]),
        Route(SIGN_OUT_PATH, door.sign_out, methods=["POST"]),
        Route(SIGN_OUT_PATH, door.signed_out, methods=["GET"]),
    ]


def _parse_callback(query: str) -> Callback:
    """Read the provider's redirection.

    Raises:
        MalformedMessage: no state, a parameter twice, or too many of them.
    """
    try:
        pairs = parse_qsl(query, max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise MalformedMessage("a few parameters", where="callback") from error
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in _CALLBACK_NAMES:
            continue
        if name in values or len(value) > _MAX_VALUE:
            raise MalformedMessage("a parameter twice, or too long", where="callback")
        values[name] = value
    if "state" not in values:
        raise MalformedMessage("state is required", where="callback")
    return Callback(values["state"], values.get("code"), values.get("error"), values.get("iss"))
