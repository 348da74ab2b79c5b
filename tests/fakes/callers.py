"""A box that knows its callers, in memory, and requests to ask it about."""

from dataclasses import dataclass, field
from datetime import timedelta

from starlette.requests import Request
from tests.fakes.fake_clock import START, FakeClock, FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_identity_provider import FakeIdentityProvider
from tests.fakes.fake_session_store import FakeContextStore, FakeSessionStore
from tests.fakes.manifests import made_up_patient
from tests.fakes.professionals import HELENE
from tests.fakes.signing_keys import signing_key

from drimbox.entrypoints.http.bearer import (
    BrowserAuthentication,
    PeerAuthentication,
    ProfessionalTokens,
)
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.errors import (
    Refused,
    Unavailable,
)
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.access import ConsultationContext, Peer
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import LocalPatientId
from drimbox.model.session import Session
from drimbox.ports.trusted_space import Address

BROWSER, PEER = "https://box.test", "https://db1.test"
CONTEXT, COOKIE = "c" * 43, "k" * 43
CERTIFICATE, ANOTHER_PEER, STRANGER = b"peer A", b"peer B", b"stranger"


@dataclass
class FakeTrustedSpace:
    """Two boxes by certificate; those that a KOS may name, by host."""

    has_list: bool = True
    by_host: dict[str, Peer] = field(default_factory=dict)

    def check_peer_certificate(self, certificate_der: bytes) -> Peer:
        if not self.has_list:
            raise Unavailable("white list")
        if certificate_der not in {CERTIFICATE, ANOTHER_PEER}:
            raise Refused("not on the white list")
        name = certificate_der.decode()
        return Peer(name, "db1.test", "vi1.test", name, "CN=db1.test")

    def get_peer(self, db_host: str) -> Peer:
        if db_host not in self.by_host:
            raise Refused("not on the white list")
        return self.by_host[db_host]

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
