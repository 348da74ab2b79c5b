"""From a request to its caller: tokens, cookies, certificates (rows O2, O4, ITI-72, RFC 6750)."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from starlette.requests import Request
from tests.fakes.fake_clock import START, FakeClock, FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_identity_provider import FakeIdentityProvider
from tests.fakes.fake_session_store import FakeContextStore, FakeSessionStore
from tests.fakes.hostile_tokens import GoodToken
from tests.fakes.manifests import made_up_patient
from tests.fakes.professionals import HELENE, JOSIANE
from tests.fakes.signing_keys import ec_key, rsa_key, signing_key

from drimbox.entrypoints.http.bearer import (
    BrowserAuthentication,
    PeerAuthentication,
    ProfessionalTokens,
    bearer_token,
)
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.errors import (
    DrimboxError,
    MalformedMessage,
    NotAuthenticated,
    NotFound,
    Refused,
    Unavailable,
)
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.issue_token import CONTEXT_SCOPES, TokenIssuer
from drimbox.model.access import CallerKind, ConsultationContext, Peer
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import LocalPatientId
from drimbox.model.session import Session
from drimbox.ports.trusted_space import Address

BROWSER, PEER = "https://box.test", "https://db1.test"
CONTEXT, COOKIE = "c" * 43, "k" * 43
CERTIFICATE, ANOTHER_PEER, STRANGER = b"peer A", b"peer B", b"stranger"


@dataclass
class FakeTrustedSpace:
    """Two boxes, by certificate."""

    has_list: bool = True

    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        if not self.has_list:
            raise Unavailable("white list")
        if certificate_der not in {CERTIFICATE, ANOTHER_PEER}:
            raise Refused("not on the white list")
        name = certificate_der.decode()
        return Peer(name, "db1.test", "vi1.test", name, "CN=db1.test")

    def get_peer(self, db_host: str) -> Peer:
        raise NotImplementedError

    def address_of(self, peer: Peer) -> Address:
        raise NotImplementedError


@dataclass
class Box:
    clock: FakeClock = field(default_factory=FakeClock)
    contexts: FakeContextStore = field(default_factory=FakeContextStore)
    sessions: FakeSessionStore = field(default_factory=FakeSessionStore)
    trusted_space: FakeTrustedSpace = field(default_factory=FakeTrustedSpace)

    def __post_init__(self) -> None:
        self.provider = FakeIdentityProvider(self.clock, HELENE)
        identifiers = FakeIdentifiers()
        key = signing_key("box")
        self.tokens = TokenIssuer(BROWSER, key, self.clock, identifiers)
        self.peer_tokens = TokenIssuer(PEER, key, self.clock, identifiers)
        professional_tokens = ProfessionalTokens(PSC, self.provider)
        self.browser = BrowserAuthentication(
            tokens=self.tokens,
            professional_tokens=professional_tokens,
            contexts=self.contexts,
            use_session=UseSession(self.provider, self.sessions, self.clock),
            cookies=BrowserCookies(is_secure=True),
            clock=self.clock,
        )
        self.peer = PeerAuthentication(self.peer_tokens, professional_tokens, self.trusted_space)

    async def open_context(
        self, identifier: str = CONTEXT, *, by: object = HELENE
    ) -> ConsultationContext:
        context = ConsultationContext(
            identifier=identifier,
            patient=made_up_patient(),
            local_patient_id=LocalPatientId("IPP-7"),
            consent=InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
            created_at=START,
            expires_at=START + timedelta(minutes=20),
            professional=by,  # type: ignore[arg-type]
            access_token="psc-program",
        )
        await self.contexts.add(context)
        return context

    async def open_session(self, *context_ids: str) -> Session:
        signed_in = self.provider.sign_in()
        session = Session(
            identifier=COOKIE,
            professional=HELENE,
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            id_token=None,
            access_token_expires_at=signed_in.expires_at,
            created_at=START,
            last_seen_at=START,
            context_ids=context_ids,
        )
        await self.sessions.save(session)
        return session


@pytest.fixture
def box() -> Box:
    return Box()


def request(
    *authorizations: str,
    cookie: str | None = None,
    certificate: bytes | None = None,
    headers: dict[str, str] | None = None,
    path_params: dict[str, str] | None = None,
) -> Request:
    raw = [(b"authorization", a.encode("latin-1")) for a in authorizations]
    if cookie is not None:
        raw.append((b"cookie", f"__Host-drimbox={cookie}".encode()))
    raw += [(n.encode(), v.encode()) for n, v in (headers or {}).items()]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/fhir/ImagingStudy",
        "query_string": b"access_token=never-read",
        "headers": raw,
        "path_params": path_params or {},
        "extensions": {"tls": {"client_cert_der": certificate}},
    }
    return Request(scope)


async def _context_token(box: Box) -> str:
    return box.tokens.issue_context_token(await box.open_context()).access_token


@pytest.mark.anyio
async def test_a_context_token_gives_its_professional_patient_and_consent(box: Box) -> None:
    caller = await box.browser(request(f"Bearer {await _context_token(box)}"))
    assert (caller.kind, caller.subject) == (CallerKind.PROFESSIONAL, HELENE.national_id)
    assert caller.context == box.contexts.contexts[CONTEXT]
    assert (caller.scopes, caller.access_token) == (CONTEXT_SCOPES, "psc-program")


@pytest.mark.anyio
async def test_a_context_token_ends_with_its_context(box: Box) -> None:
    token = await _context_token(box)
    del box.contexts.contexts[CONTEXT]
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(f"Bearer {token}"))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
@pytest.mark.parametrize("owner", [None, JOSIANE], ids=["nobody's", "another professional's"])
async def test_a_context_token_is_its_professionals_alone(box: Box, owner: object) -> None:
    token = await _context_token(box)
    stored = box.contexts.contexts[CONTEXT]
    box.contexts.contexts[CONTEXT] = replace(stored, professional=owner)  # type: ignore[arg-type]
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {token}"))


@pytest.mark.anyio
async def test_a_client_of_the_site_is_a_system(box: Box) -> None:
    issued = box.tokens.issue_client_token("dpi", frozenset({"ITI-67"}), None)
    caller = await box.browser(request(f"bearer {issued.access_token}"))
    assert (caller.kind, caller.subject) == (CallerKind.SYSTEM, "dpi")
    assert (caller.scopes, caller.context) == (frozenset({"ITI-67"}), None)


@pytest.mark.anyio
@pytest.mark.requirement("SO.33")
async def test_a_professional_is_known_by_introspection(box: Box) -> None:
    token = box.provider.sign_in().access_token
    for caller in (
        await box.browser(request(f"Bearer {token}")),
        await box.peer(request(f"Bearer {token}", certificate=CERTIFICATE)),
    ):
        assert (caller.professional, caller.access_token) == (HELENE, token)


@pytest.mark.anyio
async def test_a_token_wins_over_a_cookie(box: Box) -> None:
    await box.open_session()
    issued = box.tokens.issue_client_token("dpi", frozenset({"ITI-67"}), None)
    caller = await box.browser(request(f"Bearer {issued.access_token}", cookie=COOKIE))
    assert caller.kind is CallerKind.SYSTEM
    with pytest.raises(NotAuthenticated):
        await box.browser(request("Bearer bad", cookie=COOKIE))


# Row O4: who issued a token, for whom, and where it is shown.


def _foreign_jwt(issuer: str, *, is_signed_by_us: bool) -> str:
    claims = {
        "iss": issuer,
        "aud": BROWSER,
        "sub": HELENE.national_id,
        "client_id": "dpi",
        "scope": "patient/*.rs",
        "jti": "1",
        "iat": int(START.timestamp()),
        "exp": int(START.timestamp()) + 300,
    }
    if is_signed_by_us:
        header = {"alg": "ES256", "typ": "at+jwt", "kid": "box"}
        return GoodToken(header, claims, ec_key("box", "P-256")).signed()
    header = {"alg": "RS256", "kid": "psc"}
    return GoodToken(header, claims, rsa_key("psc")).signed()


@pytest.mark.anyio
@pytest.mark.parametrize("is_signed_by_us", [True, False], ids=["our key", "another key"])
@pytest.mark.parametrize(
    "issuer",
    [PEER, PSC, "https://psc.evil.test", f"{BROWSER}/", f"{PSC}/", BROWSER.upper(), ""],
)
async def test_the_browser_listener_refuses_what_others_issued(
    box: Box, issuer: str, is_signed_by_us: bool
) -> None:
    token = _foreign_jwt(issuer, is_signed_by_us=is_signed_by_us)
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(f"Bearer {token}"))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
async def test_a_token_signed_by_another_under_our_name_is_never_asked_about(box: Box) -> None:
    box.provider.is_away = True
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {_foreign_jwt(BROWSER, is_signed_by_us=False)}"))


@pytest.mark.anyio
async def test_a_foreign_issuer_is_never_asked_about(box: Box) -> None:
    box.provider.is_away = True
    token = _foreign_jwt("https://psc.evil.test", is_signed_by_us=False)
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {token}"))


@pytest.mark.anyio
async def test_a_token_of_one_listener_is_refused_at_the_other(box: Box) -> None:
    at_browser = box.tokens.issue_client_token("dpi", frozenset({"a"}), None).access_token
    at_peer = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), CERTIFICATE).access_token
    with pytest.raises(NotAuthenticated):
        await box.peer(request(f"Bearer {at_browser}", certificate=CERTIFICATE))
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {at_peer}"))
    with pytest.raises(NotAuthenticated):
        await box.browser(request(f"Bearer {at_peer}", certificate=CERTIFICATE))


# Row O2: a token is worth something with its certificate only.


@pytest.mark.anyio
async def test_a_bound_token_opens_to_its_certificate(box: Box) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), CERTIFICATE)
    caller = await box.peer(request(f"Bearer {issued.access_token}", certificate=CERTIFICATE))
    assert (caller.kind, caller.subject) == (CallerKind.SYSTEM, "dpi")
    assert caller.peer is not None
    assert caller.peer.identifier == "peer A"


@pytest.mark.anyio
async def test_a_token_of_one_peer_is_worth_nothing_to_another(box: Box) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), CERTIFICATE)
    with pytest.raises(NotAuthenticated) as refusal:
        await box.peer(request(f"Bearer {issued.access_token}", certificate=ANOTHER_PEER))
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
async def test_an_unbound_token_is_worth_nothing_at_the_peer_listener(box: Box) -> None:
    issued = box.peer_tokens.issue_client_token("dpi", frozenset({"a"}), None)
    with pytest.raises(NotAuthenticated):
        await box.peer(request(f"Bearer {issued.access_token}", certificate=CERTIFICATE))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("certificate", "authorizations", "error"),
    [
        pytest.param(STRANGER, ("Bearer bad",), Refused, id="a stranger is told 403 first"),
        pytest.param(None, ("Bearer bad",), Refused, id="so is one without certificate"),
        pytest.param(CERTIFICATE, (), NotAuthenticated, id="a peer without token 401"),
        pytest.param(CERTIFICATE, ("Bearer bad",), NotAuthenticated, id="a bad token 401"),
    ],
)
async def test_the_peer_listener_answers_in_its_order(
    box: Box,
    certificate: bytes | None,
    authorizations: tuple[str, ...],
    error: type[DrimboxError],
) -> None:
    with pytest.raises(error):
        await box.peer(request(*authorizations, certificate=certificate))


@pytest.mark.anyio
async def test_without_a_verified_white_list_nobody_comes_in(box: Box) -> None:
    box.trusted_space.has_list = False
    with pytest.raises(Unavailable):
        await box.peer(request("Bearer x", certificate=CERTIFICATE))


@pytest.mark.anyio
async def test_a_cookie_opens_nothing_at_the_peer_listener(box: Box) -> None:
    await box.open_session()
    with pytest.raises(NotAuthenticated):
        await box.peer(request(cookie=COOKIE, certificate=CERTIFICATE))


# Cookies.


@pytest.mark.anyio
async def test_a_cookie_gives_its_professional_and_the_only_context(box: Box) -> None:
    context = await box.open_context()
    session = await box.open_session(CONTEXT)
    caller = await box.browser(request(cookie=COOKIE))
    assert (caller.professional, caller.context) == (HELENE, context)
    assert caller.access_token == session.access_token


@pytest.mark.anyio
async def test_two_tabs_with_two_patients_never_mix(box: Box) -> None:
    one, other = await box.open_context("1" * 43), await box.open_context("2" * 43)
    await box.open_session(one.identifier, other.identifier)
    assert (await box.browser(request(cookie=COOKIE))).context is None
    for context in (one, other):
        by_path = request(cookie=COOKIE, path_params={"context": context.identifier})
        by_header = request(cookie=COOKIE, headers={"drimbox-context": context.identifier})
        assert (await box.browser(by_path)).context == context
        assert (await box.browser(by_header)).context == context


@pytest.mark.anyio
async def test_a_context_not_confirmed_in_this_session_does_not_exist(box: Box) -> None:
    await box.open_context()
    await box.open_session()
    assert (await box.browser(request(cookie=COOKIE))).context is None
    with pytest.raises(NotFound):
        await box.browser(request(cookie=COOKIE, path_params={"context": CONTEXT}))


@pytest.mark.anyio
async def test_a_context_that_is_over_does_not_exist(box: Box) -> None:
    await box.open_session(CONTEXT)
    assert (await box.browser(request(cookie=COOKIE))).context is None
    with pytest.raises(NotFound):
        await box.browser(request(cookie=COOKIE, path_params={"context": CONTEXT}))


@pytest.mark.anyio
@pytest.mark.parametrize("cookie", ["x" * 43, "", "short", "../etc", "é" * 43, "x" * 5000])
async def test_a_cookie_of_nobody_is_no_credential(box: Box, cookie: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        await box.browser(request(cookie=cookie))
    assert refusal.value.error is None


# RFC 6750: the header itself.


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    assert bearer_token(request(f"{scheme} abc.def-_~+/=")) == "abc.def-_~+/="


def test_without_header_there_is_no_token() -> None:
    assert bearer_token(request()) is None


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("Basic dXNlcjpwYXNz", None),
        ("Bearer", None),
        ("Bearerabc", None),
        ("Bearer ", "invalid_token"),
        ("Bearer a b", "invalid_token"),
        ("Bearer a,b", "invalid_token"),
        ("Bearer é", "invalid_token"),
        ("Bearer =", "invalid_token"),
        ("Bearer " + "a" * 8192, "invalid_token"),
    ],
)
def test_another_header_is_no_bearer(header: str, code: str | None) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        bearer_token(request(header))
    assert refusal.value.error == code


def test_two_headers_are_an_invalid_request() -> None:
    with pytest.raises(MalformedMessage):
        bearer_token(request("Bearer a", "Bearer b"))
