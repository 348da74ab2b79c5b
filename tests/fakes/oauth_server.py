"""Our authorization server on one listener, in memory, with a client, an application and a box."""

from dataclasses import dataclass, field

from starlette.routing import BaseRoute
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_authorization_codes import FakeAuthorizationCodes
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_identity_provider import FakeIdentityProvider
from tests.fakes.fake_session_store import FakeContextStore, FakeUsedTokens
from tests.fakes.professionals import ALLOWED_PROFESSIONS, HELENE
from tests.fakes.signing_keys import signing_key

from drimbox.entrypoints.http.oauth import oauth_routes
from drimbox.flows.authenticate_client import AuthenticateClient, RegisteredClient
from drimbox.flows.consumer.authorize_application import RedeemCode
from drimbox.flows.consumer.exchange_for_context import ExchangeForContext
from drimbox.flows.exchange_token import CheckSubject, ExchangeForPeer
from drimbox.flows.get_access_token import GetAccessToken, GrantFlow
from drimbox.flows.introspect_token import IntrospectToken
from drimbox.flows.issue_token import TokenIssuer
from drimbox.flows.machine_grants import GrantByAssertion, GrantToClient
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.ports.authorization_codes import AuthorizationCodes
from drimbox.ports.session_store import UsedTokens
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.standards.iua.client_assertion import encode_client_assertion
from drimbox.standards.iua.iti71_get_access_token import GrantType
from drimbox.standards.iua.iti103_metadata import ServerFeatures
from drimbox.standards.iua.jwks import PublicKeys

CLIENT_KEY = signing_key("dpi", "P-384")
CLIENT_SCOPES = frozenset({"system/ImagingStudy.rs", "ITI-67"})
PROGRAM_KEY = signing_key("program", "P-384")
APPLICATION_SCOPES = frozenset({"launch", "launch/patient", "patient/*.rs"})
REDIRECT_URI = "https://app.test/back?from=drimbox"
CLIENTS = {
    "dpi": RegisteredClient("dpi", CLIENT_KEY.public, CLIENT_SCOPES),
    "program": RegisteredClient("program", PROGRAM_KEY.public, APPLICATION_SCOPES),
    "app": RegisteredClient(
        "app", PublicKeys(), APPLICATION_SCOPES, frozenset({REDIRECT_URI}), "Carnet de lésions"
    ),
}


@dataclass
class OAuthServer:
    """trusted_space makes it the one of a peer listener."""

    issuer: str = "https://box.test"
    trusted_space: TrustedSpace | None = None
    clock: FakeClock = field(default_factory=FakeClock)
    identifiers: FakeIdentifiers = field(default_factory=FakeIdentifiers)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)
    used_tokens: UsedTokens = field(default_factory=FakeUsedTokens)
    codes: AuthorizationCodes = field(default_factory=FakeAuthorizationCodes)
    contexts: FakeContextStore = field(default_factory=FakeContextStore)
    other_keys: PublicKeys = field(default_factory=PublicKeys)

    def __post_init__(self) -> None:
        self.provider = FakeIdentityProvider(self.clock, HELENE)

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/oauth2/token"

    @property
    def tokens(self) -> TokenIssuer:
        return TokenIssuer(
            self.issuer,
            signing_key("box"),
            self.clock,
            self.identifiers,
            other_keys=self.other_keys,
        )

    @property
    def authenticate_client(self) -> AuthenticateClient:
        return AuthenticateClient(
            CLIENTS,
            frozenset({self.issuer, self.token_url}),
            self.used_tokens,
            self.clock,
            self.trusted_space,
        )

    @property
    def grants(self) -> dict[GrantType, GrantFlow]:
        know = KnowProfessional(PSC, self.provider)
        check = CheckSubject(know, ALLOWED_PROFESSIONS)
        tokens, authenticate = self.tokens, self.authenticate_client
        if self.trusted_space is not None:
            return {
                GrantType.CLIENT_CREDENTIALS: GrantToClient(tokens),
                GrantType.TOKEN_EXCHANGE: ExchangeForPeer(authenticate, tokens, check),
            }
        return {
            GrantType.CLIENT_CREDENTIALS: GrantToClient(tokens),
            GrantType.JWT_BEARER: GrantByAssertion(authenticate, tokens),
            GrantType.AUTHORIZATION_CODE: RedeemCode(tokens, self.codes, self.contexts),
            GrantType.TOKEN_EXCHANGE: ExchangeForContext(tokens, check, self.contexts),
        }

    @property
    def get_access_token(self) -> GetAccessToken:
        return GetAccessToken(self.authenticate_client, self.tokens, self.audit, self.grants)

    @property
    def introspect_token(self) -> IntrospectToken:
        return IntrospectToken(self.authenticate_client, self.tokens, self.contexts)

    def routes(self) -> list[BaseRoute]:
        scopes = frozenset(scope for client in CLIENTS.values() for scope in client.scopes)
        return oauth_routes(
            get_access_token=self.get_access_token,
            introspect_token=self.introspect_token,
            features=ServerFeatures(
                self.issuer,
                tuple(self.grants),
                scopes,
                are_tokens_bound=self.trusted_space is not None,
            ),
        )

    def assertion(self, *, client_id: str = "dpi", audience: str | None = None) -> str:
        return encode_client_assertion(
            PROGRAM_KEY if client_id == "program" else CLIENT_KEY,
            client_id=client_id,
            audience=audience or self.token_url,
            identifier=self.identifiers.new_secret(),
            now=self.clock.now(),
        )
