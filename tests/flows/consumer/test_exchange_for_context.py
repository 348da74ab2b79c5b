"""A program exchanges a professional's token for an open context (RFC 8693, O10)."""

from dataclasses import replace

import pytest
from tests.fakes.application_site import LAUNCH
from tests.fakes.oauth_server import OAuthServer
from tests.fakes.professionals import HELENE, JOSIANE

from drimbox.errors import InvalidValue
from drimbox.flows.get_access_token import Connection, GrantedToken
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.standards.iua.iti71_get_access_token import (
    ClientCredentials,
    ExchangeGrant,
    TokenRequest,
)


@pytest.fixture
def server() -> OAuthServer:
    server = OAuthServer()
    server.contexts.contexts[LAUNCH.identifier] = LAUNCH
    return server


async def _exchange(
    server: OAuthServer,
    *scopes: str,
    launch: str | None = LAUNCH.identifier,
    actor_token: str | None = None,
) -> GrantedToken:
    token = server.provider.sign_in().access_token
    credentials = ClientCredentials(None, server.assertion(client_id="program"))
    grant = ExchangeGrant(token, actor_token, launch)
    request = TokenRequest(credentials, frozenset(scopes), (), grant)
    return await server.get_access_token(request, Connection(None, "192.0.2.3"))


@pytest.mark.anyio
async def test_the_context_is_then_the_professionals(server: OAuthServer) -> None:
    granted = await _exchange(server, "patient/ImagingStudy.rs")
    token = server.tokens.read(granted.issued.access_token)
    assert (token.subject, token.context) == (HELENE.national_id, LAUNCH.identifier)
    assert (token.client_id, token.scopes) == ("program", {"patient/ImagingStudy.rs"})
    bound = server.contexts.contexts[LAUNCH.identifier]
    assert (bound.professional, bound.access_token) == (HELENE, "psc-access-1")


@pytest.mark.anyio
@pytest.mark.parametrize("launch", [None, "x" * 43], ids=["none", "of nobody"])
async def test_there_is_no_token_without_a_context(server: OAuthServer, launch: str | None) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(server, launch=launch)
    assert refusal.value.what == "launch"


@pytest.mark.anyio
async def test_a_context_of_another_professional_is_none(server: OAuthServer) -> None:
    server.contexts.contexts[LAUNCH.identifier] = replace(LAUNCH, professional=JOSIANE)
    with pytest.raises(InvalidValue):
        await _exchange(server)
    assert server.contexts.contexts[LAUNCH.identifier].professional == JOSIANE


@pytest.mark.anyio
@pytest.mark.requirement("TRA.04")
@pytest.mark.parametrize("consent", [c for c in Consent if not c.allows_consultation])
async def test_no_token_for_a_patient_whom_nobody_may_consult(
    server: OAuthServer, consent: Consent
) -> None:
    server.contexts.contexts[LAUNCH.identifier] = replace(LAUNCH, consent=consent)
    with pytest.raises(InvalidValue):
        await _exchange(server)
    assert server.contexts.contexts[LAUNCH.identifier].professional is None


@pytest.mark.anyio
async def test_the_consent_is_that_of_the_call_alone(server: OAuthServer) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(server, actor_token="x.y.z")
    assert refusal.value.what == "actor_token"


@pytest.mark.anyio
async def test_a_profession_that_may_see_no_images_gets_nothing(server: OAuthServer) -> None:
    server.provider.professional = JOSIANE
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(server)
    assert refusal.value.what == "subject_token"


@pytest.mark.anyio
async def test_no_more_scopes_than_are_registered(server: OAuthServer) -> None:
    with pytest.raises(InvalidValue) as refusal:
        await _exchange(server, "system/*.rs")
    assert refusal.value.what == "scope"
