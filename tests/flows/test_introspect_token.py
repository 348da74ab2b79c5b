"""What we tell about tokens of ours (ITI-102)."""

import pytest
from tests.fakes.callers import ANOTHER_PEER, CERTIFICATE, FakeTrustedSpace
from tests.fakes.oauth_server import OAuthServer
from tests.flows.test_issue_token import CONTEXT

from drimbox.errors import NotAuthenticated
from drimbox.standards.iua.iti71_get_access_token import ClientCredentials
from drimbox.standards.iua.iti102_introspect_token import (
    IntrospectionRequest,
    encode_introspection,
)


@pytest.fixture
def server() -> OAuthServer:
    return OAuthServer()


async def _is_active(server: OAuthServer, text: str) -> bool:
    credentials = ClientCredentials(None, server.assertion())
    return await server.introspect_token(IntrospectionRequest(credentials, text)) is not None


@pytest.mark.anyio
async def test_live_tokens_are_told_from_all_others(server: OAuthServer) -> None:
    issued = server.tokens.issue_client_token("dpi", frozenset({"ITI-67"}), CERTIFICATE)
    assert await _is_active(server, issued.access_token)
    assert not await _is_active(server, "opaque")
    server.clock.advance(400)
    assert not await _is_active(server, issued.access_token)


@pytest.mark.anyio
async def test_a_token_of_a_context_is_live_while_that_is(server: OAuthServer) -> None:
    token = server.tokens.issue_context_token(CONTEXT).access_token
    assert not await _is_active(server, token)
    await server.contexts.add(CONTEXT)
    assert await _is_active(server, token)


@pytest.mark.anyio
async def test_it_is_for_clients_of_ours(server: OAuthServer) -> None:
    for credentials in (
        ClientCredentials(None, server.assertion(client_id="nobody")),
        ClientCredentials("app"),
    ):
        with pytest.raises(NotAuthenticated):
            await server.introspect_token(IntrospectionRequest(credentials, "whatever"))


@pytest.mark.anyio
async def test_a_box_may_ask_by_its_certificate() -> None:
    peers = OAuthServer(trusted_space=FakeTrustedSpace())
    token = peers.tokens.issue_client_token("dpi", frozenset({"x"}), ANOTHER_PEER).access_token
    request = IntrospectionRequest(ClientCredentials("db1.test"), token)
    found = await peers.introspect_token(request, CERTIFICATE)
    assert found is not None
    # To whom it is bound is told: whoever is shown the token compares.
    assert found.certificate_thumbprint is not None
    with pytest.raises(NotAuthenticated):
        await peers.introspect_token(request, None)


@pytest.mark.anyio
async def test_the_answer_says_who_and_why_but_no_context(server: OAuthServer) -> None:
    token = server.tokens.read(server.tokens.issue_context_token(CONTEXT).access_token)
    answer = encode_introspection(token)
    assert (answer["active"], answer["sub"]) == (True, token.subject)
    assert answer["extensions"] == {
        "ihe_iua": {
            "subject_name": f"{token.given_name} {token.family_name}",
            "subject_organization": CONTEXT.professional.activities[0].structure.name,  # type: ignore[union-attr]
            "subject_organization_id": CONTEXT.professional.activities[0].structure.identifier,  # type: ignore[union-attr]
            "subject_role": [{"system": "urn:oid:1.2.250.1.71.1.2.7", "code": "10"}],
            "purpose_of_use": [
                {
                    "system": "urn:oid:1.2.250.1.213.1.1.4.248",
                    "code": "normal",
                    "display": "Accès normal",
                }
            ],
            "national_provider_identifier": token.subject,
        },
        "drim_m": {"InformationEtOppositionConsultation": "InforméEtNonOpposé"},
    }
    assert CONTEXT.identifier not in str(answer)
