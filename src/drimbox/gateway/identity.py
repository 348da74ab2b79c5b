"""Who is who: Pro Santé Connect, our authorization server, sessions and bearers."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from drimbox.adapters.pro_sante_connect.identity_provider import ProSanteConnect
from drimbox.entrypoints.http.bearer import (
    BrowserAuthentication,
    PeerAuthentication,
    ProfessionalTokens,
)
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.entrypoints.http.sign_in import SignInDoor
from drimbox.errors import SettingsError
from drimbox.flows.consumer.sign_in import SignIn, UseSession
from drimbox.flows.issue_token import (
    AuthenticateClient,
    IntrospectToken,
    IssueToken,
    RegisteredClient,
    TokenIssuer,
)
from drimbox.gateway.stores import Stores
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.settings.load import Settings
from drimbox.standards.iua.iti103_metadata import TOKEN_PATH
from drimbox.standards.iua.jwks import SigningKey, parse_jwks, parse_signing_key


@dataclass(frozen=True, slots=True)
class TokenServer:
    """The authorization server of one listener."""

    issuer: TokenIssuer
    issue_token: IssueToken
    introspect_token: IntrospectToken


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that turns credentials into callers."""

    provider: ProSanteConnect
    professional_tokens: ProfessionalTokens
    cookies: BrowserCookies
    browser_tokens: TokenServer
    peer_tokens: TokenServer | None
    browser: BrowserAuthentication
    peer: PeerAuthentication | None
    sign_in: SignInDoor
    allowed_professions: frozenset[str]


def make_identity(
    settings: Settings,
    stores: Stores,
    trusted_space: TrustedSpace,
    clock: Clock,
    identifiers: Identifiers,
) -> Identity:
    """Read the keys and make the identity side of the box.

    Raises:
        SettingsError: a key file cannot be used.
    """
    base_url = settings.browser.base_url
    psc = settings.pro_sante_connect
    provider = ProSanteConnect(psc, base_url=base_url, clock=clock)
    professional_tokens = ProfessionalTokens(psc.issuer, provider)
    cookies = BrowserCookies(is_secure=settings.browser.certificate_file is not None)
    key = parse_signing_key(_read(settings.oauth.signing_key_file))
    servers = {
        url: _token_server(url, key, settings, stores, clock, identifiers)
        for url in (base_url, settings.peer.base_url if settings.peer else None)
        if url is not None
    }
    browser_tokens = servers[base_url]
    peer_tokens = servers[settings.peer.base_url] if settings.peer else None
    sign_in = _sign_in(settings, stores, provider, clock, identifiers)
    return Identity(
        provider=provider,
        professional_tokens=professional_tokens,
        cookies=cookies,
        browser_tokens=browser_tokens,
        peer_tokens=peer_tokens,
        browser=BrowserAuthentication(
            tokens=browser_tokens.issuer,
            professional_tokens=professional_tokens,
            contexts=stores.contexts,
            use_session=UseSession(provider, stores.sessions, clock),
            cookies=cookies,
            clock=clock,
        ),
        peer=PeerAuthentication(peer_tokens.issuer, professional_tokens, trusted_space)
        if peer_tokens
        else None,
        sign_in=SignInDoor(sign_in, stores.contexts, cookies, clock, identifiers, base_url),
        allowed_professions=frozenset(psc.allowed_professions),
    )


def _sign_in(
    settings: Settings,
    stores: Stores,
    provider: ProSanteConnect,
    clock: Clock,
    identifiers: Identifiers,
) -> SignIn:
    psc = settings.pro_sante_connect
    return SignIn(
        provider=provider,
        pending=stores.pending_sign_ins,
        sessions=stores.sessions,
        audit=stores.audit,
        clock=clock,
        identifiers=identifiers,
        issuer=psc.issuer,
        allowed_professions=frozenset(psc.allowed_professions),
    )


def _token_server(
    base_url: str,
    key: SigningKey,
    settings: Settings,
    stores: Stores,
    clock: Clock,
    identifiers: Identifiers,
) -> TokenServer:
    oauth = settings.oauth
    issuer = TokenIssuer(
        issuer=base_url,
        signing_key=key,
        clock=clock,
        identifiers=identifiers,
        client_token_lifetime=timedelta(seconds=oauth.access_token_seconds),
        context_token_lifetime=timedelta(seconds=oauth.context_token_seconds),
    )
    clients = {
        c.client_id: RegisteredClient(
            c.client_id, parse_jwks(_read(c.jwks_file)), frozenset(c.scopes)
        )
        for c in oauth.clients
    }
    authenticate = AuthenticateClient(
        clients, frozenset({base_url, base_url + TOKEN_PATH}), stores.used_tokens, clock
    )
    return TokenServer(
        issuer,
        IssueToken(authenticate, issuer, stores.audit),
        IntrospectToken(authenticate, issuer),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(str(path), error.strerror or "cannot be read") from error
