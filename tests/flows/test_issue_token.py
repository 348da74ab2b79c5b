"""Who gets which token, and what it opens (ITI-71, ITI-102)."""

from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import START, FakeClock, FakeIdentifiers
from tests.fakes.fake_session_store import FakeUsedTokens
from tests.fakes.manifests import made_up_patient
from tests.fakes.professionals import HELENE
from tests.fakes.signing_keys import signing_key

from drimbox.errors import InvalidValue, NotAuthenticated, Refused, Unavailable
from drimbox.flows.issue_token import (
    AuthenticateClient,
    IntrospectToken,
    IssuedToken,
    IssueToken,
    RegisteredClient,
    TokenIssuer,
)
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import LocalPatientId
from drimbox.standards.iua.client_assertion import encode_client_assertion
from drimbox.standards.iua.iti71_get_access_token import ClientCredentials, TokenRequest
from drimbox.standards.iua.iti102_introspect_token import IntrospectionRequest

ISSUER = "https://box.test"
TOKEN_URL = f"{ISSUER}/oauth2/token"
DPI = signing_key("dpi", "P-384")
CERTIFICATE = b"a certificate"


class Server:
    """Our authorization server with one client, dpi."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.identifiers = FakeIdentifiers()
        self.audit = FakeAuditRepository()
        client = RegisteredClient("dpi", DPI.public, frozenset({"system/*.rs", "ITI-67"}))
        self.tokens = TokenIssuer(ISSUER, signing_key("box"), self.clock, self.identifiers)
        self.authenticate = AuthenticateClient(
            {"dpi": client}, frozenset({ISSUER, TOKEN_URL}), FakeUsedTokens(), self.clock
        )
        self.issue = IssueToken(self.authenticate, self.tokens, self.audit)
        self.introspect = IntrospectToken(self.authenticate, self.tokens)

    def credentials(self, client_id: str = "dpi") -> ClientCredentials:
        assertion = encode_client_assertion(
            DPI,
            client_id=client_id,
            audience=TOKEN_URL,
            identifier=self.identifiers.new_secret(),
            now=self.clock.now(),
        )
        return ClientCredentials(None, assertion)

    async def ask(
        self,
        *scopes: str,
        resources: tuple[str, ...] = (),
        credentials: ClientCredentials | None = None,
        certificate: bytes | None = None,
    ) -> tuple[IssuedToken, frozenset[str]]:
        request = TokenRequest(credentials or self.credentials(), frozenset(scopes), resources)
        return await self.issue(request, certificate_der=certificate, source_address="192.0.2.1")


@pytest.fixture
def server() -> Server:
    return Server()


def _context() -> ConsultationContext:
    return ConsultationContext(
        identifier="c" * 43,
        patient=made_up_patient(),
        local_patient_id=LocalPatientId("IPP-7"),
        consent=InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE,
        created_at=START,
        expires_at=START + timedelta(minutes=20),
        professional=HELENE,
    )


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_a_client_gets_the_scopes_it_asks_for_and_may_have(server: Server) -> None:
    issued, scopes = await server.ask("ITI-67")
    token = server.tokens.read(issued.access_token)
    assert scopes == token.scopes == {"ITI-67"}
    assert (token.subject, token.client_id, token.context) == ("dpi", "dpi", None)
    assert issued.expires_in == 300


@pytest.mark.anyio
async def test_without_scope_it_gets_all_it_may_have(server: Server) -> None:
    _, scopes = await server.ask()
    assert scopes == {"system/*.rs", "ITI-67"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scopes", "resources", "what"),
    [
        pytest.param(("ITI-68",), (), "scope", id="a scope it is not registered for"),
        pytest.param(("ITI-67", "x"), (), "scope", id="one of two"),
        pytest.param((), ("https://other.test",), "resource", id="another server"),
        pytest.param((), (f"{ISSUER}.evil.test/fhir",), "resource", id="a look-alike"),
    ],
)
async def test_more_is_refused_and_audited(
    server: Server, scopes: tuple[str, ...], resources: tuple[str, ...], what: str
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await server.ask(*scopes, resources=resources)
    assert refusal.value.what == what
    assert [(e.action, e.outcome, e.user) for e in server.audit.events] == [
        (AuditAction.TOKEN_ISSUED, AuditOutcome.MINOR_FAILURE, "dpi")
    ]


@pytest.mark.anyio
async def test_an_assertion_serves_once(server: Server) -> None:
    credentials = server.credentials()
    await server.ask(credentials=credentials)
    with pytest.raises(NotAuthenticated) as refusal:
        await server.ask(credentials=credentials)
    assert refusal.value.error == "invalid_client"
    assert [e.outcome for e in server.audit.events] == [
        AuditOutcome.SUCCESS,
        AuditOutcome.MINOR_FAILURE,
    ]


@pytest.mark.anyio
async def test_of_a_hundred_at_once_one_wins(server: Server) -> None:
    credentials = server.credentials()
    outcomes: list[str] = []

    async def ask() -> None:
        try:
            await server.ask(credentials=credentials)
            outcomes.append("issued")
        except NotAuthenticated:
            outcomes.append("refused")

    async with anyio.create_task_group() as clients:
        for _ in range(100):
            clients.start_soon(ask)
    assert outcomes.count("issued") == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    "credentials",
    [
        pytest.param(ClientCredentials(None, "x.y.z"), id="no assertion at all"),
        pytest.param(
            replace(Server().credentials(), client_id="other"), id="client_id of another"
        ),
        pytest.param(Server().credentials("nobody"), id="a client that nobody registered"),
    ],
)  # fmt: skip
async def test_others_are_invalid_clients(server: Server, credentials: ClientCredentials) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        await server.ask(credentials=credentials)
    assert refusal.value.error == "invalid_client"


@pytest.mark.anyio
async def test_no_token_without_its_trace(server: Server) -> None:
    server.audit.is_away = True
    with pytest.raises(Unavailable):
        await server.ask()


@pytest.mark.anyio
async def test_a_token_asked_for_with_a_certificate_is_bound_to_it(server: Server) -> None:
    issued, _ = await server.ask(certificate=CERTIFICATE)
    server.tokens.read(issued.access_token, CERTIFICATE)
    for other in (b"another certificate", None):
        with pytest.raises(NotAuthenticated):
            server.tokens.read(issued.access_token, other)


@pytest.mark.anyio
async def test_introspection_tells_live_tokens_from_all_others(server: Server) -> None:
    issued, _ = await server.ask("ITI-67", certificate=CERTIFICATE)

    async def introspect(text: str) -> bool:
        return await server.introspect(IntrospectionRequest(server.credentials(), text)) is not None

    assert await introspect(issued.access_token)
    assert not await introspect("opaque")
    server.clock.advance(400)
    assert not await introspect(issued.access_token)


@pytest.mark.anyio
async def test_introspection_is_for_clients_of_ours(server: Server) -> None:
    with pytest.raises(NotAuthenticated):
        await server.introspect(IntrospectionRequest(server.credentials("nobody"), "whatever"))


def test_a_context_token_names_the_professional_and_not_the_patient(server: Server) -> None:
    context = _context()
    issued = server.tokens.issue_context_token(context)
    token = server.tokens.read(issued.access_token)
    assert (token.subject, token.context) == (HELENE.national_id, context.identifier)
    assert token.ihe_iua is not None
    assert token.ihe_iua.subject_organization_id == HELENE.activities[0].structure.identifier
    assert context.patient.ins.value not in issued.access_token
    assert issued.expires_in == 1200


def test_a_context_token_does_not_outlive_its_context(server: Server) -> None:
    server.clock.advance(19 * 60)
    assert server.tokens.issue_context_token(_context()).expires_in == 60
    server.clock.advance(60)
    with pytest.raises(Refused):
        server.tokens.issue_context_token(_context())


def test_a_context_nobody_signed_in_for_gets_no_token(server: Server) -> None:
    with pytest.raises(Refused):
        server.tokens.issue_context_token(replace(_context(), professional=None))


def test_a_professional_without_place_or_profession_still_gets_one(server: Server) -> None:
    bare = replace(HELENE, activities=(), profession_code="")
    issued = server.tokens.issue_context_token(replace(_context(), professional=bare))
    token = server.tokens.read(issued.access_token)
    assert token.ihe_iua is not None
    assert token.ihe_iua.subject_role == ()
