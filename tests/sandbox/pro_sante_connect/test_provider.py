"""The sandbox Pro Santé Connect refuses what the real one refuses."""

import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sandbox_browser import answer_of, with_parameters

from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.patients.professionals import CONSUMER_RADIOLOGIST, PROFESSIONALS
from drimbox.sandbox.pro_sante_connect.provider import SandboxProSanteConnect
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name

CALLBACK = "http://localhost:8080/sign-in/callback"
VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
REQUEST = {
    "response_type": "code",
    "client_id": "box",
    "redirect_uri": CALLBACK,
    "scope": "openid scope_all",
    "state": "s" * 22,
    "nonce": "n" * 22,
    "acr_values": "eidas1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
RPPS = CONSUMER_RADIOLOGIST.rpps


@dataclass
class World:
    provider: SandboxProSanteConnect
    clock: FakeClock
    pki: TestPki
    certificates: dict[str, Issued]

    def authorization_url(self, **changes: str | None) -> str:
        base = self.provider.issuer.removesuffix("/auth/realms/esante-wallet")
        return with_parameters(f"{base}/auth", REQUEST | changes)

    def plain(self, endpoint: str) -> str:
        return f"{self.provider.issuer}/protocol/openid-connect/{endpoint}"

    async def get(self, url: str, **options: Any) -> tuple[int, Any]:
        return await self._request("GET", url, **options)

    async def post(
        self, url: str, form: dict[str, str], **options: Any
    ) -> tuple[int, dict[str, Any]]:
        return await self._request("POST", url, data=form, **options)

    async def mutual(
        self, endpoint: str, form: dict[str, str], *, certificate: str = "box"
    ) -> tuple[int, dict[str, Any]]:
        _, discovery = await self.get(self.provider.discovery_url)
        url = discovery["mtls_endpoint_aliases"][f"{endpoint}_endpoint"]
        return await self.post(url, form, ssl=self.client_context(certificate))

    def client_context(self, name: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.pki.ca_file))
        issued = self.certificates[name]
        context.load_cert_chain(issued.certificate_file, issued.key_file)
        return context

    async def code(self) -> str:
        return (await answer_of(self.authorization_url(), RPPS))["code"]

    async def exchange(self, certificate: str = "box", **changes: str) -> tuple[int, Any]:
        form = {
            "grant_type": "authorization_code",
            "client_id": "box",
            "code": changes.pop("code", "") or await self.code(),
            "redirect_uri": CALLBACK,
            "code_verifier": VERIFIER,
        }
        return await self.mutual("token", form | changes, certificate=certificate)

    async def _request(self, method: str, url: str, **options: Any) -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, allow_redirects=False, **options) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if text.startswith("{") else text


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return TestPki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def certificates(pki: TestPki) -> dict[str, Issued]:
    def name(common_name: str) -> Any:
        return organisation_name(common_name, structure="312345678900011", organisation="TEST")

    return {
        "box": pki.issue_client("box", name("box")),
        "other": pki.issue_client("other", name("other")),
        "server": pki.issue_server("psc", ["psc.test"], name("psc.test")),
    }


@pytest.fixture
async def world(pki: TestPki, certificates: dict[str, Issued]) -> AsyncIterator[World]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca_file))
    server = certificates["server"]
    context.load_cert_chain(server.certificate_file, server.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    clock = FakeClock()
    clients = [
        SandboxClient(
            name,
            redirect_uris=frozenset({CALLBACK}),
            post_logout_redirect_uris=frozenset({"http://localhost:8080/sign-out"}),
            certificate_subject=certificates[name].certificate.subject.rfc4514_string(),
        )
        for name in ("box", "other")
    ]
    secret = SandboxClient("secret", frozenset({CALLBACK}), secret="s3cret")
    provider = SandboxProSanteConnect([*clients, secret], now=clock.now)
    await provider.start(mtls_port=0, ssl_context=context)
    yield World(provider, clock, pki, certificates)
    await provider.stop()


@pytest.mark.anyio
async def test_the_discovery_has_the_shape_of_the_published_one(world: World, samples: Any) -> None:
    published = json.loads(
        (samples / "xds/ans-drimbox/psc-wallet-openid-configuration.json").read_bytes()
    )
    status, ours = await world.get(world.provider.discovery_url)
    assert status == 200
    assert ours["issuer"] == world.provider.issuer
    for name in ("authorization", "token", "userinfo", "introspection", "end_session"):
        assert f"{name}_endpoint" in set(published) & set(ours)
    assert set(ours["mtls_endpoint_aliases"]) <= set(published["mtls_endpoint_aliases"])


@pytest.mark.anyio
async def test_the_page_offers_every_professional_in_french(world: World) -> None:
    status, page = await world.get(world.authorization_url())
    assert status == 200
    assert "Pro Santé Connect" in page
    for professional in PROFESSIONALS:
        assert professional.family_name in page


@pytest.mark.anyio
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"client_id": "nobody"}, id="an unknown client"),
        pytest.param({"client_id": None}, id="no client"),
        pytest.param({"redirect_uri": None}, id="no redirect_uri"),
        pytest.param({"redirect_uri": CALLBACK + "/"}, id="a slash more"),
        pytest.param({"redirect_uri": CALLBACK + "?a=1"}, id="a query more"),
        pytest.param({"redirect_uri": "https://evil.test/"}, id="another site"),
        pytest.param({"redirect_uri": CALLBACK.replace("localhost", "LOCALHOST")}, id="its case"),
    ],
)
async def test_who_is_not_registered_gets_a_page_and_no_redirection(
    world: World, changes: dict[str, str | None]
) -> None:
    status, page = await world.get(world.authorization_url(**changes))
    assert status == 400
    assert "evil" not in page


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"response_type": "token"}, "unsupported_response_type", id="implicit"),
        pytest.param({"response_type": None}, "unsupported_response_type", id="no response_type"),
        pytest.param({"response_mode": "fragment"}, "invalid_request", id="a fragment"),
        pytest.param({"scope": "openid"}, "invalid_scope", id="without scope_all"),
        pytest.param({"scope": "scope_all"}, "invalid_scope", id="without openid"),
        pytest.param({"scope": "openid scope_all admin"}, "invalid_scope", id="an unknown scope"),
        pytest.param({"acr_values": None}, "invalid_request", id="no acr_values"),
        pytest.param({"acr_values": "eidas3"}, "invalid_request", id="a level it has not"),
        pytest.param({"state": None}, "invalid_request", id="no state"),
        pytest.param({"state": "short"}, "invalid_request", id="a short state"),
        pytest.param({"nonce": None}, "invalid_request", id="no nonce"),
        pytest.param({"nonce": "n" * 21}, "invalid_request", id="a short nonce"),
        pytest.param({"code_challenge": None}, "invalid_request", id="no PKCE"),
        pytest.param({"code_challenge_method": "plain"}, "invalid_request", id="PKCE plain"),
        pytest.param({"code_challenge_method": None}, "invalid_request", id="PKCE by default"),
        pytest.param({"code_challenge": "short"}, "invalid_request", id="no SHA-256"),
        pytest.param({"request_uri": "urn:x"}, "request_uri_not_supported", id="request_uri"),
        pytest.param({"request": "x"}, "request_not_supported", id="request"),
    ],
)
async def test_a_bad_request_is_told_to_the_client(
    world: World, changes: dict[str, str | None], error: str
) -> None:
    answer = await answer_of(world.authorization_url(**changes), RPPS)
    assert answer["error"] == error
    assert answer["iss"] == world.provider.issuer
    assert "code" not in answer


@pytest.mark.anyio
async def test_who_cancels_is_told(world: World) -> None:
    answer = await answer_of(world.authorization_url(), "")
    assert (answer["error"], answer["state"]) == ("access_denied", REQUEST["state"])


@pytest.mark.anyio
async def test_a_code_becomes_tokens_bound_to_the_certificate(world: World) -> None:
    status, answer = await world.exchange()
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 120)
    _, told = await world.mutual(
        "introspection",
        {"client_id": "other", "token": answer["access_token"]},
        certificate="other",
    )
    assert told["active"] is True
    assert told["SubjectNameID"] == CONSUMER_RADIOLOGIST.national_id
    assert set(told["cnf"]) == {"x5t#S256"}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "certificate", "status", "error"),
    [
        ({"redirect_uri": CALLBACK + "/"}, "box", 400, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "box", 400, "invalid_grant"),
        ({"code_verifier": "v" * 42}, "box", 400, "invalid_grant"),
        ({"code_verifier": ""}, "box", 400, "invalid_grant"),
        ({"code": "unknown"}, "box", 400, "invalid_grant"),
        ({"client_id": "other"}, "other", 400, "invalid_grant"),
        ({"client_id": "box"}, "other", 401, "invalid_client"),
        ({"client_id": "nobody"}, "box", 401, "invalid_client"),
        ({"grant_type": "password"}, "box", 400, "unsupported_grant_type"),
        ({"client_id": "secret", "client_secret": "wrong"}, "box", 401, "invalid_client"),
    ],
)
async def test_a_bad_exchange_is_refused(
    world: World, changes: dict[str, str], certificate: str, status: int, error: str
) -> None:
    told, answer = await world.exchange(certificate, **changes)
    assert (told, answer["error"]) == (status, error)


@pytest.mark.anyio
async def test_a_client_with_a_certificate_cannot_do_without(world: World) -> None:
    form = {"grant_type": "authorization_code", "client_id": "box", "code": await world.code()}
    status, answer = await world.post(world.plain("token"), form)
    assert (status, answer["error"]) == (401, "invalid_client")


@pytest.mark.anyio
async def test_the_mutual_tls_listener_wants_a_certificate(world: World) -> None:
    _, discovery = await world.get(world.provider.discovery_url)
    url = discovery["mtls_endpoint_aliases"]["token_endpoint"]
    bare = ssl.create_default_context(cafile=str(world.pki.ca_file))
    with pytest.raises(aiohttp.ClientError):
        await world.post(url, {}, ssl=bare)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("step", "seconds", "is_accepted"),
    [
        pytest.param("code", 59, True, id="a code after 59 s"),
        pytest.param("code", 60, False, id="a code after a minute"),
        pytest.param("access", 119, True, id="a token after 119 s"),
        pytest.param("access", 120, False, id="a token after two minutes"),
        pytest.param("refresh", 29 * 60, True, id="a refresh token after 29 min"),
        pytest.param("refresh", 30 * 60, False, id="a refresh token after half an hour"),
    ],
)
async def test_everything_has_its_time(
    world: World, step: str, seconds: int, is_accepted: bool
) -> None:
    code = await world.code()
    if step == "code":
        world.clock.advance(seconds)
        status, _ = await world.exchange(code=code)
        assert (status == 200) == is_accepted
        return
    _, answer = await world.exchange(code=code)
    world.clock.advance(seconds)
    if step == "access":
        form = {"client_id": "box", "token": answer["access_token"]}
        _, told = await world.mutual("introspection", form)
        assert told["active"] == is_accepted
        return
    form = {"grant_type": "refresh_token", "client_id": "box"}
    status, _ = await world.mutual("token", form | {"refresh_token": answer["refresh_token"]})
    assert (status == 200) == is_accepted


@pytest.mark.anyio
@pytest.mark.parametrize("again", ["code", "refresh"])
async def test_a_grant_used_twice_ends_the_whole_session(world: World, again: str) -> None:
    code = await world.code()
    _, first = await world.exchange(code=code)
    form = {"grant_type": "refresh_token", "client_id": "box"}
    _, second = await world.mutual("token", form | {"refresh_token": first["refresh_token"]})
    if again == "code":
        status, _ = await world.exchange(code=code)
    else:
        status, _ = await world.mutual("token", form | {"refresh_token": first["refresh_token"]})
    assert status == 400
    for token in (first["access_token"], second["access_token"]):
        _, told = await world.mutual("introspection", {"client_id": "box", "token": token})
        assert told == {"active": False}
    status, _ = await world.mutual("token", form | {"refresh_token": second["refresh_token"]})
    assert status == 400


@pytest.mark.anyio
@pytest.mark.parametrize("token", ["id_token", "refresh_token"])
async def test_only_access_tokens_are_active(world: World, token: str) -> None:
    _, answer = await world.exchange()
    _, told = await world.mutual("introspection", {"client_id": "box", "token": answer[token]})
    assert told == {"active": False}


@pytest.mark.anyio
async def test_introspection_needs_a_client(world: World) -> None:
    status, answer = await world.post(world.plain("token/introspect"), {"token": "x"})
    assert (status, answer["error"]) == (401, "invalid_client")


@pytest.mark.anyio
async def test_userinfo_wants_the_certificate_of_the_token(world: World) -> None:
    _, answer = await world.exchange()
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    _, discovery = await world.get(world.provider.discovery_url)
    url = discovery["mtls_endpoint_aliases"]["userinfo_endpoint"]
    for certificate, expected in (("box", 200), ("other", 401)):
        context = world.client_context(certificate)
        status, _ = await world.get(url, headers=headers, ssl=context)
        assert status == expected
    assert (await world.get(world.plain("userinfo"), headers=headers))[0] == 401
    assert (await world.get(world.plain("userinfo")))[0] == 401


@pytest.mark.anyio
async def test_a_token_without_a_browser_is_for_the_sandbox(world: World) -> None:
    status, answer = await world.post(f"{world.provider.issuer}/sandbox/token", {"subject": RPPS})
    assert (status, answer["expires_in"]) == (200, 1800)
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    _, userinfo = await world.get(world.plain("userinfo"), headers=headers)
    assert userinfo["SubjectNameID"] == CONSUMER_RADIOLOGIST.national_id
    status, _ = await world.post(f"{world.provider.issuer}/sandbox/token", {"subject": "1"})
    assert status == 400


@pytest.mark.anyio
async def test_logout_comes_back_to_registered_addresses_only(world: World) -> None:
    _, answer = await world.exchange()
    url = with_parameters(
        world.plain("logout"),
        {"id_token_hint": answer["id_token"], "post_logout_redirect_uri": "https://evil.test/"},
    )
    assert (await world.get(url))[0] == 400
    status, _ = await world.get(
        with_parameters(url, {"post_logout_redirect_uri": "http://localhost:8080/sign-out"})
    )
    assert status == 302
    forged = with_parameters(url, {"id_token_hint": answer["access_token"]})
    assert (await world.get(forged))[0] == 400


@pytest.mark.anyio
async def test_mutual_tls_without_required_certificates_does_not_start() -> None:
    provider = SandboxProSanteConnect([], access_token_lifetime=timedelta(minutes=2))
    lax = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with pytest.raises(ValueError, match="CERT_REQUIRED"):
        await provider.start(mtls_port=0, ssl_context=lax)
    await provider.stop()
