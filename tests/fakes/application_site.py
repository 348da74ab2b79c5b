"""A Consommatrice that lets applications in, in memory: authorization server, sign-in, one page."""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_session_store import FakePendingSignIns, FakeSessionStore
from tests.fakes.oauth_server import REDIRECT_URI, OAuthServer
from tests.fakes.professionals import ALLOWED_PROFESSIONS, HELENE
from tests.fakes.published_answers import published
from tests.flows.test_issue_token import CONTEXT

from drimbox.entrypoints.http.authorize import AuthorizeDoor, authorize_routes
from drimbox.entrypoints.http.bearer import BrowserAuthentication, ProfessionalTokens
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.security_headers import BrowserPolicy, SecurityHeaders
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.entrypoints.http.sign_in import SignInDoor, sign_in_routes
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.flows.consumer.authorize_application import AuthorizeApplication
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.consultation_memory import make_consultation_memory
from drimbox.flows.consumer.sign_in import SignIn, UseSession, code_challenge
from drimbox.flows.consumer.situation import Situations
from drimbox.model.access import ConsultationContext
from drimbox.model.practice import Professional
from drimbox.model.session import Session

VERIFIER = "v" * 64
LAUNCH = replace(CONTEXT, identifier="l" * 43, professional=None)
FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
ACTION = re.compile(r'<form method="post" action="(/oauth2/[^"]+)"')
ASK = {
    "response_type": "code",
    "client_id": "app",
    "redirect_uri": REDIRECT_URI,
    "scope": "launch patient/*.rs",
    "state": "state-1",
    "aud": "https://box.test/fhir",
    "launch": LAUNCH.identifier,
    "code_challenge": code_challenge(VERIFIER),
    "code_challenge_method": "S256",
}


@dataclass
class ApplicationSite:
    """LAUNCH is a context that no professional has confirmed yet."""

    server: OAuthServer = field(default_factory=OAuthServer)
    sessions: FakeSessionStore = field(default_factory=FakeSessionStore)
    pending: FakePendingSignIns = field(default_factory=FakePendingSignIns)

    def __post_init__(self) -> None:
        self.server.contexts.contexts[LAUNCH.identifier] = LAUNCH
        self.cookies = BrowserCookies(is_secure=True)
        self.authentication = self._authentication()
        self.app = self._app()

    def browser(self, professional: Professional | None = HELENE) -> TestClient:
        """Return a browser, signed in where a professional is given."""
        client = published(
            TestClient(self.app, base_url=self.server.issuer, follow_redirects=False)
        )
        if professional is not None:
            session = self.session_of(professional)
            client.cookies.set(self.cookies.session_name, session.identifier, domain="box.test")
        return client

    def session_of(self, professional: Professional) -> Session:
        signed_in, now = self.server.provider.sign_in(), self.server.clock.now()
        session = Session(
            identifier=f"{len(self.sessions.sessions):0>43}",
            professional=professional,
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            id_token=None,
            access_token_expires_at=signed_in.expires_at,
            created_at=now,
            last_seen_at=now,
        )
        self.sessions.sessions[session.identifier] = session
        return session

    def open_in_session(self, *contexts: ConsultationContext) -> None:
        """Let these be confirmed in the latest session."""
        identifier, session = list(self.sessions.sessions.items())[-1]
        for context in contexts:
            self.server.contexts.contexts[context.identifier] = context
        confirmed = (*session.context_ids, *(c.identifier for c in contexts))
        self.sessions.sessions[identifier] = replace(session, context_ids=confirmed)

    def ask(self, browser: TestClient, **changes: str | None) -> httpx2.Response:
        return browser.get(f"/oauth2/authorize?{query(**changes)}")

    def decide(
        self, browser: TestClient, page: httpx2.Response, decision: str = "allow", **changes: str
    ) -> httpx2.Response:
        """Answer the question that a page asks."""
        action = ACTION.findall(page.text)[0].replace("&amp;", "&")
        form = {
            "form_token": FORM_TOKEN.findall(page.text)[-1],
            "decision": decision,
            "context": LAUNCH.identifier,
        }
        return browser.post(action, data=form | changes)

    def code(self, browser: TestClient | None = None, **changes: str | None) -> str:
        """Let a professional say yes, and return the code."""
        browser = browser or self.browser()
        return answer_of(self.decide(browser, self.ask(browser, **changes)))["code"]

    def redeem(self, code: str, /, **changes: str | None) -> httpx2.Response:
        form = {
            "grant_type": "authorization_code",
            "client_id": "app",
            "code": code,
            "redirect_uri": REDIRECT_URI,
            "code_verifier": VERIFIER,
            **changes,
        }
        client = published(TestClient(self.app, base_url=self.server.issuer))
        return client.post("/oauth2/token", data={k: v for k, v in form.items() if v is not None})

    def who_calls(self, token: str) -> httpx2.Response:
        """Ask a resource of the box with a token."""
        client = TestClient(self.app, base_url=self.server.issuer)
        return client.get("/who", headers={"Authorization": f"Bearer {token}"})

    def _authentication(self) -> BrowserAuthentication:
        server = self.server
        return BrowserAuthentication(
            server.tokens,
            ProfessionalTokens(PSC, server.provider),
            server.contexts,
            UseSession(server.provider, self.sessions, server.clock),
            self.cookies,
            server.clock,
        )

    def _app(self) -> SecurityHeaders:
        server = self.server
        sign_in = SignIn(
            server.provider,
            self.pending,
            self.sessions,
            server.audit,
            server.clock,
            server.identifiers,
            make_consultation_memory(server.clock, timedelta(seconds=30)),
            PSC,
            ALLOWED_PROFESSIONS,
        )
        sign_in_door = SignInDoor(
            sign_in,
            server.contexts,
            self.cookies,
            server.clock,
            server.identifiers,
            server.issuer,
        )
        pages, policy = (
            Pages(UTC),
            BrowserPolicy(is_secure=True, form_targets=("https://psc.test",)),
        )
        authorize = AuthorizeApplication(
            server.get_access_token,
            ConfirmPatient(server.contexts, self.sessions, server.clock, Situations(frozenset())),
            server.contexts,
            server.codes,
            server.clock,
            server.identifiers,
        )
        signed_in = SignedInPages(self.authentication, sign_in_door, pages)
        door = AuthorizeDoor(authorize, signed_in, pages, policy, server.issuer)
        application = Starlette(
            routes=[
                *server.routes(),
                *authorize_routes(door),
                *sign_in_routes(sign_in_door, callback_path="/sign-in/callback"),
                Route("/who", self._who),
            ],
            exception_handlers=exception_handlers(),
        )
        return SecurityHeaders(application, policy)

    async def _who(self, request: Request) -> JSONResponse:
        caller = await self.authentication(request)
        context = caller.context
        return JSONResponse(
            {
                "subject": caller.subject,
                "scopes": sorted(caller.scopes),
                "context": context.identifier if context else None,
                "access_token": caller.access_token,
            }
        )


def query(**changes: str | None) -> str:
    asked = {name: value for name, value in (ASK | changes).items() if value is not None}
    return urlencode(asked)


def answer_of(response: httpx2.Response) -> dict[str, str]:
    """Return the parameters that go back to the application, at its registered address."""
    assert response.status_code == 303, response.text
    location = urlsplit(response.headers["location"])
    assert location._replace(query="").geturl() == REDIRECT_URI.partition("?")[0]
    answer = dict(parse_qsl(location.query))
    assert answer.pop("from") == "drimbox"
    return answer
