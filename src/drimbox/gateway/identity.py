"""Who is who: Pro Santé Connect, our authorization server, sessions and bearers."""

from dataclasses import dataclass

from drimbox.adapters.pro_sante_connect.identity_provider import ProSanteConnect
from drimbox.entrypoints.http.bearer import (
    BrowserAuthentication,
    PeerAuthentication,
    ProfessionalTokens,
)
from drimbox.entrypoints.http.refused_credentials import RefusalsRecorded
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.entrypoints.http.sign_in import SignInDoor
from drimbox.flows.consumer.sign_in import SignIn, UseSession
from drimbox.flows.exchange_token import CheckSubject
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.flows.record_refusal import RecordRefusal
from drimbox.gateway.authorization import (
    AuthorizationParts,
    TokenServer,
    make_browser_server,
    make_peer_server,
)
from drimbox.gateway.named_files import naming
from drimbox.gateway.parts import Parts


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything that turns credentials into callers.

    browser knows sessions too; the doors ask browser_callers and peer_callers, which leave a trace.
    """

    provider: ProSanteConnect
    professional_tokens: ProfessionalTokens
    cookies: BrowserCookies
    browser_tokens: TokenServer
    peer_tokens: TokenServer | None
    browser: BrowserAuthentication
    browser_callers: RefusalsRecorded
    peer_callers: RefusalsRecorded | None
    sign_in: SignInDoor
    allowed_professions: frozenset[str]


def make_identity(parts: Parts) -> Identity:
    """Read the keys and make the identity side of the box.

    Raises:
        SettingsError: a key file cannot be used.
    """
    settings, stores = parts.settings, parts.stores
    clock, identifiers = parts.clock, parts.identifiers
    base_url = settings.browser.base_url
    psc = settings.pro_sante_connect
    with naming("pro_sante_connect"):
        provider = ProSanteConnect(psc, base_url=base_url, clock=clock)
    professional_tokens = ProfessionalTokens(psc.issuer, provider)
    cookies = BrowserCookies(is_secure=settings.browser.certificate_file is not None)
    authorization = AuthorizationParts(
        settings,
        stores,
        clock,
        identifiers,
        CheckSubject(KnowProfessional(psc.issuer, provider), frozenset(psc.allowed_professions)),
    )
    browser_tokens = make_browser_server(authorization)
    peer_tokens = make_peer_server(authorization, parts.trusted_space)
    browser = BrowserAuthentication(
        tokens=browser_tokens.issuer,
        professional_tokens=professional_tokens,
        contexts=stores.contexts,
        use_session=UseSession(provider, stores.sessions, clock),
        cookies=cookies,
        clock=clock,
    )
    record = RecordRefusal(stores.audit, clock)
    return Identity(
        provider=provider,
        professional_tokens=professional_tokens,
        cookies=cookies,
        browser_tokens=browser_tokens,
        peer_tokens=peer_tokens,
        browser=browser,
        browser_callers=RefusalsRecorded(browser, record),
        peer_callers=RefusalsRecorded(
            PeerAuthentication(peer_tokens.issuer, professional_tokens, parts.trusted_space), record
        )
        if peer_tokens
        else None,
        sign_in=SignInDoor(
            _sign_in(parts, provider), stores.contexts, cookies, clock, identifiers, base_url
        ),
        allowed_professions=frozenset(psc.allowed_professions),
    )


def _sign_in(parts: Parts, provider: ProSanteConnect) -> SignIn:
    psc, stores = parts.settings.pro_sante_connect, parts.stores
    return SignIn(
        provider=provider,
        pending=stores.pending_sign_ins,
        sessions=stores.sessions,
        audit=stores.audit,
        clock=parts.clock,
        identifiers=parts.identifiers,
        memory=parts.memory,
        issuer=psc.issuer,
        allowed_professions=frozenset(psc.allowed_professions),
    )
