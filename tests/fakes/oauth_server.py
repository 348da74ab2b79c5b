"""Our authorization server on one listener, in memory, with one client."""

from dataclasses import dataclass, field

from starlette.routing import BaseRoute
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.fake_session_store import FakeUsedTokens
from tests.fakes.signing_keys import signing_key

from drimbox.entrypoints.http.oauth import oauth_routes
from drimbox.flows.issue_token import (
    AuthenticateClient,
    IntrospectToken,
    IssueToken,
    RegisteredClient,
    TokenIssuer,
)
from drimbox.ports.session_store import UsedTokens
from drimbox.standards.iua.client_assertion import encode_client_assertion

CLIENT_KEY = signing_key("dpi", "P-384")
CLIENT_SCOPES = frozenset({"system/ImagingStudy.rs", "ITI-67"})


@dataclass
class OAuthServer:
    issuer: str = "https://box.test"
    are_tokens_bound: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    identifiers: FakeIdentifiers = field(default_factory=FakeIdentifiers)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)
    used_tokens: UsedTokens = field(default_factory=FakeUsedTokens)

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/oauth2/token"

    @property
    def tokens(self) -> TokenIssuer:
        return TokenIssuer(self.issuer, signing_key("box"), self.clock, self.identifiers)

    def routes(self) -> list[BaseRoute]:
        client = RegisteredClient("dpi", CLIENT_KEY.public, CLIENT_SCOPES)
        authenticate = AuthenticateClient(
            {"dpi": client},
            frozenset({self.issuer, self.token_url}),
            self.used_tokens,
            self.clock,
        )
        return oauth_routes(
            issue_token=IssueToken(authenticate, self.tokens, self.audit),
            introspect_token=IntrospectToken(authenticate, self.tokens),
            are_tokens_bound=self.are_tokens_bound,
        )

    def assertion(self, *, audience: str | None = None) -> str:
        return encode_client_assertion(
            CLIENT_KEY,
            client_id="dpi",
            audience=audience or self.token_url,
            identifier=self.identifiers.new_secret(),
            now=self.clock.now(),
        )
