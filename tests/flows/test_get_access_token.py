"""Who gets which token: clients of the site, for themselves or for whom they name (ITI-71)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from tests.fakes.callers import CERTIFICATE, STRANGER, FakeTrustedSpace
from tests.fakes.hostile_tokens import CORPUS, GoodToken
from tests.fakes.oauth_server import APPLICATION_SCOPES, CLIENT_SCOPES, OAuthServer
from tests.fakes.signing_keys import ec_key, signing_key

from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    Mismatch,
    NotAuthenticated,
    Unavailable,
    UnsupportedMessage,
)
from drimbox.flows.get_access_token import Connection, GrantedToken
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.standards.iua.assertion import Assertion, encode_assertion
from drimbox.standards.iua.iti71_get_access_token import (
    AssertionGrant,
    ClientCredentials,
    ClientGrant,
    CodeGrant,
    Grant,
    TokenRequest,
)
from drimbox.standards.iua.iua_extensions import IheIua

DPI = signing_key("dpi", "P-384")
NURSE = IheIua("Nadia INFIRMIERE", subject_organization="CHU")


@pytest.fixture
def server() -> OAuthServer:
    return OAuthServer()


async def _ask(
    server: OAuthServer,
    *scopes: str,
    resources: tuple[str, ...] = (),
    credentials: ClientCredentials | None = None,
    certificate: bytes | None = None,
    grant: Grant | None = None,
) -> GrantedToken:
    if credentials is None and not isinstance(grant, AssertionGrant):
        credentials = ClientCredentials(None, server.assertion())
    request = TokenRequest(credentials, frozenset(scopes), resources, grant or ClientGrant())
    return await server.get_access_token(request, Connection(certificate, "192.0.2.1"))


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_a_client_gets_the_scopes_it_asks_for_and_may_have(server: OAuthServer) -> None:
    granted = await _ask(server, "ITI-67")
    token = server.tokens.read(granted.issued.access_token)
    assert granted.scopes == token.scopes == {"ITI-67"}
    assert (token.subject, token.client_id, token.context) == ("dpi", "dpi", None)
    assert granted.issued.expires_in == 300


@pytest.mark.anyio
async def test_without_scope_it_gets_all_it_may_have(server: OAuthServer) -> None:
    assert (await _ask(server)).scopes == CLIENT_SCOPES


@pytest.mark.anyio
async def test_less_than_it_may_have_can_be_asked_for(server: OAuthServer) -> None:
    assert (await _ask(server, "system/ImagingStudy.s")).scopes == {"system/ImagingStudy.s"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scopes", "resources", "what"),
    [
        pytest.param(("ITI-68",), (), "scope", id="a scope it is not registered for"),
        pytest.param(("ITI-67", "x"), (), "scope", id="one of two"),
        pytest.param(("system/*.rs",), (), "scope", id="more than a part"),
        pytest.param(("system/ImagingStudy.cruds",), (), "scope", id="more than reading"),
        pytest.param((), ("https://other.test",), "resource", id="another server"),
        pytest.param((), ("https://box.test.evil.test/fhir",), "resource", id="a look-alike"),
    ],
)
async def test_more_is_refused_and_audited(
    server: OAuthServer, scopes: tuple[str, ...], resources: tuple[str, ...], what: str
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _ask(server, *scopes, resources=resources)
    assert refusal.value.what == what
    assert [(e.action, e.outcome, e.user) for e in server.audit.events] == [
        (AuditAction.TOKEN_ISSUED, AuditOutcome.MINOR_FAILURE, "dpi")
    ]


@pytest.mark.anyio
async def test_a_client_of_applications_gets_nothing_for_itself(server: OAuthServer) -> None:
    credentials = ClientCredentials(None, server.assertion(client_id="program"))
    with pytest.raises(InvalidValue):
        await _ask(server, *APPLICATION_SCOPES, credentials=credentials)


@pytest.mark.anyio
async def test_an_assertion_serves_once(server: OAuthServer) -> None:
    credentials = ClientCredentials(None, server.assertion())
    await _ask(server, credentials=credentials)
    with pytest.raises(NotAuthenticated) as refusal:
        await _ask(server, credentials=credentials)
    assert refusal.value.error == "invalid_client"
    assert [e.outcome for e in server.audit.events] == [
        AuditOutcome.SUCCESS,
        AuditOutcome.MINOR_FAILURE,
    ]


@pytest.mark.anyio
async def test_of_a_hundred_at_once_one_wins(server: OAuthServer) -> None:
    credentials = ClientCredentials(None, server.assertion())
    outcomes: list[str] = []

    async def ask() -> None:
        try:
            await _ask(server, credentials=credentials)
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
            ClientCredentials("other", OAuthServer().assertion()), id="client_id of another"
        ),
        pytest.param(
            ClientCredentials(None, OAuthServer().assertion(client_id="nobody")),
            id="a client that nobody registered",
        ),
        pytest.param(ClientCredentials("dpi"), id="no proof"),
        pytest.param(ClientCredentials("app"), id="a public client, for itself"),
        pytest.param(ClientCredentials("nobody"), id="a name that nobody has"),
    ],
)
async def test_others_are_invalid_clients(
    server: OAuthServer, credentials: ClientCredentials
) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        await _ask(server, credentials=credentials)
    assert refusal.value.error == "invalid_client"
    assert [e.user for e in server.audit.events] == [""]


@pytest.mark.anyio
async def test_no_token_without_its_trace(server: OAuthServer) -> None:
    server.audit.is_away = True
    with pytest.raises(Unavailable):
        await _ask(server)


# Mutual TLS: a box of the white list (RFC 8705 2.1).


@pytest.fixture
def peers() -> OAuthServer:
    return OAuthServer(trusted_space=FakeTrustedSpace())


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_a_box_is_known_by_its_certificate(peers: OAuthServer) -> None:
    credentials = ClientCredentials("db1.test")
    granted = await _ask(peers, credentials=credentials, certificate=CERTIFICATE)
    token = peers.tokens.read(granted.issued.access_token, CERTIFICATE)
    assert (token.subject, token.scopes, token.actor) == ("db1.test", {"RAD-107"}, None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("client_id", "certificate"),
    [
        pytest.param("db2.test", CERTIFICATE, id="the name of another box"),
        pytest.param("dpi", CERTIFICATE, id="the name of a client of the site"),
        pytest.param("db1.test", STRANGER, id="a certificate that is on no list"),
        pytest.param("db1.test", None, id="no certificate"),
    ],
)
async def test_a_box_is_who_its_certificate_says(
    peers: OAuthServer, client_id: str, certificate: bytes | None
) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        await _ask(peers, credentials=ClientCredentials(client_id), certificate=certificate)
    assert refusal.value.error == "invalid_client"


@pytest.mark.anyio
async def test_without_a_verified_white_list_no_box_is_known(peers: OAuthServer) -> None:
    peers.trusted_space = FakeTrustedSpace(has_list=False)
    with pytest.raises(Unavailable):
        await _ask(peers, credentials=ClientCredentials("db1.test"), certificate=CERTIFICATE)


@pytest.mark.anyio
async def test_a_certificate_proves_nothing_where_none_is_asked_for(server: OAuthServer) -> None:
    with pytest.raises(NotAuthenticated):
        await _ask(server, credentials=ClientCredentials("db1.test"), certificate=CERTIFICATE)


@pytest.mark.anyio
async def test_a_grant_that_a_listener_does_not_serve_is_told_so(peers: OAuthServer) -> None:
    grant = CodeGrant("code", "https://app.test/back", "v" * 43)
    with pytest.raises(UnsupportedMessage):
        await _ask(peers, credentials=ClientCredentials("db1.test"), grant=grant)


# jwt-bearer (RFC 7523 2.1).


def _assertion(server: OAuthServer, subject: str = "nurse-7", **changes: object) -> str:
    asserted = Assertion("dpi", subject, server.identifiers.new_secret(), server.clock.now(), NURSE)
    asserted = replace(asserted, **changes)  # type: ignore[arg-type]
    return encode_assertion(asserted, DPI, audience=server.token_url, now=server.clock.now())


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_a_client_names_whom_it_asks_for(server: OAuthServer) -> None:
    granted = await _ask(server, "ITI-67", grant=AssertionGrant(_assertion(server)))
    token = server.tokens.read(granted.issued.access_token)
    assert (token.subject, token.client_id, token.scopes) == ("nurse-7", "dpi", {"ITI-67"})
    assert (token.ihe_iua, token.consent, token.actor) == (NURSE, None, None)
    (event,) = server.audit.events
    assert (event.outcome, event.user) == (AuditOutcome.SUCCESS, "nurse-7")


@pytest.mark.anyio
async def test_it_may_prove_itself_beside(server: OAuthServer) -> None:
    credentials = ClientCredentials("dpi", server.assertion())
    grant = AssertionGrant(_assertion(server))
    assert (await _ask(server, credentials=credentials, grant=grant)).subject == "nurse-7"


@pytest.mark.anyio
async def test_one_client_does_not_bring_anothers_assertion(server: OAuthServer) -> None:
    credentials = ClientCredentials("program", server.assertion(client_id="program"))
    with pytest.raises(Mismatch):
        await _ask(server, credentials=credentials, grant=AssertionGrant(_assertion(server)))


@pytest.mark.anyio
@pytest.mark.parametrize("attack", CORPUS.values(), ids=CORPUS)
async def test_a_hostile_assertion_gives_nothing(
    server: OAuthServer, attack: Callable[[GoodToken], str]
) -> None:
    now = int(server.clock.now().timestamp())
    claims = {"iss": "dpi", "sub": "x", "aud": server.token_url, "jti": "1", "iat": now}
    good = GoodToken(
        {"alg": "ES384", "kid": "dpi"}, claims | {"exp": now + 300}, ec_key("dpi", "P-384")
    )
    with pytest.raises((Mismatch, NotAuthenticated)):
        await _ask(server, grant=AssertionGrant(attack(good)))
    assert [e.outcome for e in server.audit.events] == [AuditOutcome.MINOR_FAILURE]
    await _ask(server, grant=AssertionGrant(good.signed()))
    with pytest.raises(Mismatch):
        await _ask(server, grant=AssertionGrant(good.signed()))


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"issuer": "program"}, Mismatch, id="signed by another client's key"),
        pytest.param({"issuer": "app"}, Mismatch, id="of a client without keys"),
        pytest.param({"issuer": "nobody"}, NotAuthenticated, id="of nobody"),
        pytest.param({"subject": "x" * 300}, Mismatch, id="a subject too long"),
    ],
)
async def test_an_assertion_that_does_not_hold_gives_nothing(
    server: OAuthServer, changes: dict[str, object], error: type[DrimboxError]
) -> None:
    with pytest.raises(error):
        await _ask(server, grant=AssertionGrant(_assertion(server, **changes)))


@pytest.mark.anyio
async def test_an_assertion_that_is_over_gives_nothing(server: OAuthServer) -> None:
    assertion = _assertion(server)
    server.clock.advance(timedelta(minutes=3).total_seconds())
    with pytest.raises(Mismatch):
        await _ask(server, grant=AssertionGrant(assertion))
