"""Clients written by others use our authorization server unchanged: authlib."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from starlette.applications import Starlette
from starlette.types import ASGIApp
from tests.fakes.application_site import LAUNCH, ApplicationSite, answer_of
from tests.fakes.boxes import CONSUMER, ListedBoxes, box
from tests.fakes.fake_clock import FakeClock
from tests.fakes.oauth_server import PROGRAM_KEY, REDIRECT_URI, OAuthServer
from tests.fakes.professionals import HELENE
from tests.fakes.tls_scope import WithCertificate

from drimbox.standards.fhir.patient_reference import patient_id

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def _authlib(app: ASGIApp, client_id: str, **options: object) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(client_id, transport=httpx2.ASGITransport(app), **options)


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_authlib_launches_an_application_with_pkce() -> None:
    site = ApplicationSite()
    app = _authlib(
        site.app,
        "app",
        redirect_uri=REDIRECT_URI,
        scope="launch patient/*.rs",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    verifier = "a-verifier-that-only-this-application-knows"
    url, state = app.create_authorization_url(
        "https://box.test/oauth2/authorize",
        code_verifier=verifier,
        launch=LAUNCH.identifier,
        aud="https://box.test/fhir",
    )
    browser = site.browser()
    back = site.decide(browser, browser.get(url))
    assert answer_of(back)["state"] == state
    token = await app.fetch_token(
        "https://box.test/oauth2/token",
        authorization_response=back.headers["location"],
        code_verifier=verifier,
        state=state,
    )
    assert token["patient"] == patient_id(LAUNCH)
    assert site.who_calls(token["access_token"]).json()["subject"] == HELENE.national_id


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_authlib_exchanges_a_professionals_token_for_an_open_context() -> None:
    # authlib stamps its assertions with the time of day.
    now = datetime.now(UTC)
    site = ApplicationSite(OAuthServer(clock=FakeClock(now)))
    server = site.server
    launch = replace(LAUNCH, expires_at=now + timedelta(minutes=20))
    server.contexts.contexts[launch.identifier] = launch
    program = _authlib(
        site.app,
        "program",
        client_secret=PROGRAM_KEY.private,
        token_endpoint_auth_method="private_key_jwt",
    )
    claims = {"exp": int(now.timestamp()) + 120}
    header = {"kid": "program"}
    program.register_client_auth_method(
        PrivateKeyJWT(server.token_url, alg="ES384", headers=header, claims=claims)
    )
    token = await program.fetch_token(
        server.token_url,
        grant_type=EXCHANGE,
        subject_token=server.provider.sign_in().access_token,
        subject_token_type=ACCESS_TOKEN,
        launch=LAUNCH.identifier,
        scope="patient/*.rs",
    )
    assert token["issued_token_type"] == ACCESS_TOKEN
    assert token["patient"] == patient_id(LAUNCH)
    caller = site.who_calls(token["access_token"]).json()
    assert caller["access_token"] == "psc-access-1"


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_authlib_exchanges_a_professionals_token_as_a_box() -> None:
    server = OAuthServer(issuer="https://db1.test", trusted_space=ListedBoxes())
    certificate = box(CONSUMER).certificate_der
    app = WithCertificate(Starlette(routes=server.routes()), certificate)
    consumer = _authlib(app, CONSUMER, token_endpoint_auth_method="none")
    token = await consumer.fetch_token(
        server.token_url,
        grant_type=EXCHANGE,
        subject_token=server.provider.sign_in().access_token,
        subject_token_type=ACCESS_TOKEN,
    )
    assert token["issued_token_type"] == ACCESS_TOKEN
    read = server.tokens.read(token["access_token"], certificate)
    assert (read.subject, read.client_id) == (HELENE.national_id, CONSUMER)


@pytest.mark.parametrize("name", ["smart-configuration", "oauth-authorization-server"])
def test_a_client_finds_its_way_from_discovery_alone(name: str) -> None:
    site = ApplicationSite()
    browser = site.browser()
    folder = "/fhir" if name.startswith("smart") else ""
    answer = browser.get(f"{folder}/.well-known/{name}", headers={"Origin": "https://any.test"})
    assert answer.headers["access-control-allow-origin"] == "*"
    found = answer.json()
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["response_types_supported"] == ["code"]
    for endpoint in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        path = urlsplit(found[endpoint]).path
        assert browser.request("DELETE", path).status_code == 405, f"{endpoint} is served"
    assert parse_qs(urlsplit(found["issuer"]).query) == {}


def test_smart_discovery_tells_what_an_application_can_do() -> None:
    found = ApplicationSite().browser().get("/fhir/.well-known/smart-configuration").json()
    assert set(found["capabilities"]) >= {
        "launch-ehr",
        "launch-standalone",
        "client-public",
        "client-confidential-asymmetric",
        "context-ehr-patient",
        "permission-patient",
        "permission-v1",
        "permission-v2",
    }
    # Each of these would be a promise that nothing here keeps.
    assert not {"sso-openid-connect", "permission-offline", "authorize-post"} & set(
        found["capabilities"]
    )
