"""What a browser meets: the authorization endpoint, the choice of a person, the way back."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from drimbox.sandbox.openid_provider.authorization_request import (
    AuthorizationRequest,
    AuthorizationRules,
    find_redirection,
    judge_request,
)
from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.openid_provider.listening import read_form
from drimbox.sandbox.openid_provider.pages import Choice, Look, choice_page, message_page
from drimbox.sandbox.openid_provider.refusals import AuthorizationRefused, PageRefused

_WAIT = timedelta(minutes=10)
_SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@dataclass(slots=True)
class FrontDoor:
    """One provider's; grant_code returns a code for a request and the value of a choice."""

    look: Look
    clients: Mapping[str, SandboxClient]
    rules: AuthorizationRules
    choices: Sequence[Choice]
    grant_code: Callable[[AuthorizationRequest, str], str]
    issuer: str = ""
    choose_path: str = "/choose"
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _waiting: dict[str, tuple[AuthorizationRequest, datetime]] = field(default_factory=dict)

    async def authorize(self, request: web.Request) -> web.StreamResponse:
        """Judge the request; show whom to sign in as."""
        redirect_uri, state = "", None
        try:
            pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
            client, redirect_uri, parameters = find_redirection(pairs, self.clients)
            state = parameters.get("state")
            judged = judge_request(client, redirect_uri, parameters, self.rules)
        except PageRefused as refusal:
            return self.message("Demande refusée", str(refusal), status=400)
        except AuthorizationRefused as refusal:
            return self._back(
                redirect_uri,
                {"error": refusal.error, "error_description": refusal.description},
                state,
            )
        identifier = secrets.token_urlsafe(24)
        self._waiting[identifier] = (judged, self.now() + _WAIT)
        page = choice_page(
            self.look,
            action=self.choose_path,
            request_id=identifier,
            choices=list(self.choices),
        )
        return _html(page, status=200)

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Send the browser back with a code, or with access_denied."""
        form = await read_form(request)
        judged, until = self._waiting.pop(form.get("request", ""), (None, self.now()))
        if judged is None or until <= self.now():
            return self.message(
                "Demande expirée", "Recommencez depuis votre application.", status=400
            )
        subject = form.get("subject", "")
        if not subject:
            return self._back(judged.redirect_uri, {"error": "access_denied"}, judged.state)
        if subject not in {choice.value for choice in self.choices}:
            return self.message("Identité inconnue", "Recommencez.", status=400)
        code = self.grant_code(judged, subject)
        return self._back(judged.redirect_uri, {"code": code}, judged.state)

    def message(self, title: str, text: str, *, status: int = 200) -> web.Response:
        return _html(message_page(self.look, title, text), status=status)

    def _back(
        self, redirect_uri: str, answer: Mapping[str, str], state: str | None
    ) -> web.Response:
        # RFC 9207: the answer says whose it is.
        parameters = dict(answer) | {"iss": self.issuer}
        if state is not None:
            parameters["state"] = state
        location = f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{urlencode(parameters)}"
        return web.Response(status=303, headers=_SECURITY | {"Location": location})


def _html(page: str, *, status: int) -> web.Response:
    return web.Response(text=page, content_type="text/html", status=status, headers=_SECURITY)
