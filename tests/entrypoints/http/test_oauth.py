"""Our authorization server as clients meet it; authlib is the client written by others."""

from collections.abc import Mapping
from datetime import UTC, datetime

import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from starlette.applications import Starlette
from starlette.testclient import TestClient
from tests.fakes.callers import FakeTrustedSpace
from tests.fakes.error_tree import all_errors
from tests.fakes.fake_clock import FakeClock
from tests.fakes.oauth_server import CLIENT_KEY, CLIENT_SCOPES, OAuthServer
from tests.fakes.published_answers import published
from tests.fakes.tls_scope import WithCertificate

from drimbox.entrypoints.http.oauth import MAX_FORM_BYTES, OAUTH_ANSWER_TO
from drimbox.standards.iua.access_token import thumbprint
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE
from drimbox.standards.iua.jwks import parse_jwks

CERTIFICATE = b"a certificate"
FORM_TYPE = "application/x-www-form-urlencoded"
FORM = {"grant_type": "client_credentials", "client_assertion_type": CLIENT_ASSERTION_TYPE}


@pytest.fixture
def server() -> OAuthServer:
    return OAuthServer()


@pytest.fixture
def client(server: OAuthServer) -> TestClient:
    return published(TestClient(Starlette(routes=server.routes()), base_url=server.issuer))


def _post(
    client: TestClient, server: OAuthServer, path: str = "/oauth2/token", **changes: str | None
) -> httpx2.Response:
    form = FORM | {"client_assertion": server.assertion()} | changes
    return client.post(path, data={k: v for k, v in form.items() if v is not None})


def _authlib(server: OAuthServer, *, headers: Mapping[str, str] | None = None) -> AsyncOAuth2Client:
    """Return authlib's client; it stamps its assertions with the time of day."""
    server.clock = FakeClock(datetime.now(UTC))
    client = AsyncOAuth2Client(
        "dpi",
        CLIENT_KEY.private,
        token_endpoint_auth_method="private_key_jwt",
        transport=httpx2.ASGITransport(Starlette(routes=server.routes())),
    )
    header = {"kid": "dpi", **(headers or {})}
    # authlib's default life of an hour is more than we believe.
    now = int(server.clock.now().timestamp())
    client.register_client_auth_method(
        PrivateKeyJWT(server.token_url, alg="ES384", headers=header, claims={"exp": now + 120})
    )
    return client


@pytest.mark.anyio
@pytest.mark.requirement("FA.4")
async def test_authlib_gets_a_token_and_introspects_it(server: OAuthServer) -> None:
    client = _authlib(server)
    token = await client.fetch_token(
        server.token_url, grant_type="client_credentials", scope="ITI-67"
    )
    assert (token["token_type"], token["expires_in"], token["scope"]) == ("Bearer", 300, "ITI-67")
    fresh = _authlib(server)
    answer = await fresh.introspect_token(
        f"{server.issuer}/oauth2/introspect", token=token["access_token"]
    )
    assert answer.json()["active"] is True
    assert answer.json()["client_id"] == "dpi"


@pytest.mark.anyio
async def test_authlib_is_told_no_in_the_words_of_the_rfc(server: OAuthServer) -> None:
    client = _authlib(server, headers={"kid": "nobody"})
    with pytest.raises(OAuthError) as refusal:
        await client.fetch_token(server.token_url, grant_type="client_credentials")
    assert refusal.value.error == "invalid_client"


def test_a_token_is_never_stored(client: TestClient, server: OAuthServer) -> None:
    answer = _post(client, server)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Origin"
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert frozenset(answer.json()["scope"].split()) == CLIENT_SCOPES


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        pytest.param({"grant_type": None}, 400, "invalid_request", id="no grant_type"),
        pytest.param({"grant_type": "password"}, 400, "unsupported_grant_type", id="a grant"),
        pytest.param({"scope": "everything"}, 400, "invalid_scope", id="a scope not given"),
        pytest.param({"scope": '"'}, 400, "invalid_scope", id="a scope that is no word"),
        pytest.param({"resource": "https://o.test"}, 400, "invalid_target", id="not our address"),
        pytest.param({"client_assertion": None}, 401, "invalid_client", id="no assertion"),
        pytest.param({"client_assertion": "x.y.z"}, 401, "invalid_client", id="a bad assertion"),
        pytest.param({"client_id": "other"}, 401, "invalid_client", id="another client_id"),
    ],
)
def test_a_fault_has_the_code_of_rfc_6749(
    client: TestClient,
    server: OAuthServer,
    changes: dict[str, str | None],
    status: int,
    code: str,
) -> None:
    answer = _post(client, server, **changes)
    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"


def test_a_developer_is_told_what_is_wrong_and_nothing_is_quoted(
    client: TestClient, server: OAuthServer
) -> None:
    answer = _post(client, server, scope="everything").json()
    assert answer["error_description"] == "scope: what this client may have"
    answer = _post(client, server, client_assertion="x.y.z").json()
    assert set(answer) == {"error"}, "whoever is not known is told no reason"


def test_a_client_that_tried_a_secret_is_challenged(client: TestClient) -> None:
    answer = client.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=("a", "b")
    )
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Basic realm="drimbox"',
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"grant_type", 400, id="a name without value"),
        pytest.param(b"a=\xff", 400, id="not ASCII"),
        pytest.param(b"a=%FF", 400, id="not UTF-8"),
        pytest.param(b"&".join([b"a=1"] * 100), 400, id="a hundred fields"),
        pytest.param(b"a=" + b"x" * MAX_FORM_BYTES, 413, id="more than 32 KiB"),
    ],
)
@pytest.mark.parametrize("path", ["/oauth2/token", "/oauth2/introspect"])
def test_what_is_no_form_is_an_invalid_request(
    client: TestClient, path: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": FORM_TYPE}
    answer = client.post(path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


def test_json_is_an_invalid_request(client: TestClient) -> None:
    answer = client.post("/oauth2/token", json=FORM)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_an_empty_form_is_an_invalid_request(client: TestClient) -> None:
    answer = client.post("/oauth2/token", headers={"Content-Type": FORM_TYPE})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_an_audit_trail_that_is_away_makes_503(client: TestClient, server: OAuthServer) -> None:
    server.audit.is_away = True
    answer = _post(client, server)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "10"


def test_an_inactive_token_is_told_nothing_of(client: TestClient, server: OAuthServer) -> None:
    answer = _post(client, server, "/oauth2/introspect", token="opaque")
    assert (answer.status_code, answer.json()) == (200, {"active": False})


def test_introspection_needs_a_client(client: TestClient, server: OAuthServer) -> None:
    answer = _post(client, server, "/oauth2/introspect", token="x", client_assertion=None)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_introspection_needs_a_token(client: TestClient, server: OAuthServer) -> None:
    answer = _post(client, server, "/oauth2/introspect")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_the_metadata_are_those_of_the_listener(client: TestClient, server: OAuthServer) -> None:
    metadata = client.get("/.well-known/oauth-authorization-server").json()
    assert metadata["issuer"] == server.issuer
    assert metadata["token_endpoint"] == server.token_url
    assert metadata["token_endpoint_auth_methods_supported"] == ["private_key_jwt", "none"]
    assert metadata["grant_types_supported"] == [
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ]
    assert metadata["tls_client_certificate_bound_access_tokens"] is False
    for name in ("jwks_uri", "token_endpoint", "introspection_endpoint"):
        path = metadata[name].removeprefix(server.issuer)
        assert client.options(path).status_code == 405


def test_the_published_keys_verify_our_tokens(client: TestClient, server: OAuthServer) -> None:
    answer = client.get("/oauth2/jwks")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert '"d"' not in answer.text
    assert parse_jwks(answer.content).kids == server.tokens.signing_key.public.kids


def test_on_the_peer_listener_tokens_are_bound_to_the_certificate() -> None:
    server = OAuthServer(trusted_space=FakeTrustedSpace())
    app = WithCertificate(Starlette(routes=server.routes()), CERTIFICATE)
    token = _post(published(TestClient(app, base_url=server.issuer)), server).json()["access_token"]
    claims = server.tokens.read(token, CERTIFICATE)
    assert claims.certificate_thumbprint == thumbprint(CERTIFICATE)


def test_on_the_browser_listener_they_are_not() -> None:
    server = OAuthServer()
    app = WithCertificate(Starlette(routes=server.routes()), CERTIFICATE)
    token = _post(published(TestClient(app, base_url=server.issuer)), server).json()["access_token"]
    assert server.tokens.read(token).certificate_thumbprint is None


def test_every_error_has_its_oauth_code() -> None:
    assert set(OAUTH_ANSWER_TO) >= all_errors()
