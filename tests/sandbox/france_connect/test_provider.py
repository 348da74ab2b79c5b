"""The sandbox FranceConnect+ refuses what the real one refuses, and seals what it says."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from joserfc import jwe, jws
from joserfc.jwk import ECKey, KeySet, RSAKey
from tests.fakes.fake_clock import FakeClock
from tests.fakes.sandbox_browser import answer_of, with_parameters

from drimbox.sandbox.france_connect.provider import SandboxFranceConnect
from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.patients.identities import PATIENTS

CALLBACK = "http://localhost:8080/sign-in/france-connect/callback"
REQUEST = {
    "response_type": "code",
    "client_id": "box-ec",
    "redirect_uri": CALLBACK,
    "scope": "openid identite_pivot",
    "state": "s" * 22,
    "nonce": "n" * 22,
    "acr_values": "eidas2",
}
EC = ECKey.generate_key("P-256", {"kid": "enc-ec"})
RSA = RSAKey.generate_key(2048, {"kid": "enc-rsa"})
KEYS = {
    "box-ec": (EC, "ECDH-ES"),
    "box-rsa": (RSA, "RSA-OAEP-256"),
    "box-rsa-sha1": (RSA, "RSA-OAEP"),
}


@dataclass
class World:
    provider: SandboxFranceConnect
    clock: FakeClock

    def authorization_url(self, **changes: str | None) -> str:
        return with_parameters(f"{self.provider.issuer}/authorize", REQUEST | changes)

    async def request(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                method, f"{self.provider.issuer}{path}", allow_redirects=False, **options
            ) as answer,
        ):
            return answer.status, await answer.text()

    async def exchange(self, opened_for: str = "box-ec", **changes: str) -> tuple[int, Any]:
        url = self.authorization_url(client_id=opened_for)
        form = {
            "grant_type": "authorization_code",
            "client_id": opened_for,
            "client_secret": "s3cret",
            "code": changes.pop("code", "") or (await answer_of(url, "0"))["code"],
            "redirect_uri": CALLBACK,
        }
        status, text = await self.request("POST", "/token", data=form | changes)
        return status, json.loads(text)

    async def userinfo(self, access_token: str) -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {access_token}"}
        return await self.request("GET", "/userinfo", headers=headers)

    async def open(self, sealed: str, client_id: str) -> dict[str, Any]:
        """Decrypt with the client's key, verify with the provider's."""
        key, algorithm = KEYS[client_id]
        decrypted = jwe.decrypt_compact(sealed, key, algorithms=[algorithm, "A256GCM"])
        assert decrypted.headers()["enc"] == "A256GCM"
        assert decrypted.plaintext is not None
        _, jwks = await self.request("GET", "/jwks")
        signed = jws.deserialize_compact(
            decrypted.plaintext, KeySet.import_key_set(json.loads(jwks)), algorithms=["ES256"]
        )
        return dict(json.loads(signed.payload or b""))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = FakeClock()
    provider = SandboxFranceConnect(
        [
            SandboxClient(
                client_id,
                redirect_uris=frozenset({CALLBACK}),
                post_logout_redirect_uris=frozenset({"http://localhost:8080/sign-out"}),
                secret="s3cret",
                encryption_key=key.as_dict(private=False, alg=algorithm),  # type: ignore[arg-type]
            )
            for client_id, (key, algorithm) in KEYS.items()
        ],
        now=clock.now,
    )
    await provider.start()
    yield World(provider, clock)
    await provider.stop()


@pytest.mark.anyio
@pytest.mark.parametrize("client_id", KEYS)
async def test_identity_comes_signed_then_encrypted_for_the_client(
    world: World, client_id: str
) -> None:
    status, answer = await world.exchange(client_id)
    assert (status, answer["expires_in"]) == (200, 60)
    id_token = await world.open(answer["id_token"], client_id)
    assert id_token["nonce"] == REQUEST["nonce"]
    assert (id_token["aud"], id_token["acr"]) == (client_id, "eidas2")
    _, sealed = await world.userinfo(answer["access_token"])
    userinfo = await world.open(sealed, client_id)
    traits = PATIENTS[0].traits
    assert userinfo["sub"] == id_token["sub"]
    assert re.fullmatch(r"[0-9a-f]{64}v1", userinfo["sub"])
    assert userinfo["family_name"] == traits.family_name
    assert userinfo["birthdate"].replace("-", "") == traits.birth_date.value
    assert traits.ins.value not in json.dumps(userinfo)


@pytest.mark.anyio
async def test_each_client_knows_a_person_by_another_sub(world: World) -> None:
    subs = set()
    for client_id in ("box-ec", "box-rsa"):
        _, answer = await world.exchange(client_id)
        subs.add((await world.open(answer["id_token"], client_id))["sub"])
    assert len(subs) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("eidas2", "eidas2"),
        ("eidas3", "eidas3"),
        ("eidas3 eidas2", "eidas2"),
        (None, "eidas3"),
        ("eidas1", "eidas3"),
        ("nonsense", "eidas3"),
    ],
)
async def test_the_level_is_the_lowest_that_is_known(
    world: World, asked: str | None, given: str
) -> None:
    url = world.authorization_url(acr_values=asked)
    _, answer = await world.exchange(code=(await answer_of(url, "0"))["code"])
    assert (await world.open(answer["id_token"], "box-ec"))["acr"] == given


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"state": "s" * 21}, "invalid_request", id="a state of 21 characters"),
        pytest.param({"state": None}, "invalid_request", id="no state"),
        pytest.param({"nonce": "n" * 21}, "invalid_request", id="a nonce of 21 characters"),
        pytest.param({"nonce": None}, "invalid_request", id="no nonce"),
        pytest.param({"scope": "identite_pivot"}, "invalid_scope", id="without openid"),
        pytest.param({"scope": "openid ins"}, "invalid_scope", id="a scope it has not"),
        pytest.param({"response_type": "id_token"}, "unsupported_response_type", id="implicit"),
    ],
)
async def test_a_bad_request_is_told_to_the_client(
    world: World, changes: dict[str, str | None], error: str
) -> None:
    answer = await answer_of(world.authorization_url(**changes), "0")
    assert answer["error"] == error


@pytest.mark.anyio
@pytest.mark.parametrize(
    "changes", [{"client_id": "nobody"}, {"redirect_uri": CALLBACK + "/"}], ids=["client", "uri"]
)
async def test_who_is_not_registered_gets_a_page(world: World, changes: dict[str, str]) -> None:
    url = world.authorization_url(**changes).removeprefix(world.provider.issuer)
    status, page = await world.request("GET", url)
    assert (status, "FranceConnect+" in page) == (400, True)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": "box-rsa"}, 400, "invalid_grant"),
        ({"code": "unknown"}, 400, "invalid_grant"),
        ({"redirect_uri": "http://localhost/"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        ({"code_verifier": "v" * 43}, 400, "invalid_grant"),
    ],
)
async def test_a_bad_exchange_is_refused(
    world: World, changes: dict[str, str], status: int, error: str
) -> None:
    told, answer = await world.exchange(**changes)
    assert (told, answer["error"]) == (status, error)


@pytest.mark.anyio
async def test_a_code_lives_thirty_seconds_and_serves_once(world: World) -> None:
    code = (await answer_of(world.authorization_url(), "0"))["code"]
    world.clock.advance(29)
    status, answer = await world.exchange(code=code)
    assert status == 200
    assert (await world.exchange(code=code))[0] == 400
    assert (await world.userinfo(answer["access_token"]))[0] == 401
    late = (await answer_of(world.authorization_url(), "0"))["code"]
    world.clock.advance(30)
    assert (await world.exchange(code=late))[0] == 400


@pytest.mark.anyio
async def test_an_access_token_lives_a_minute(world: World) -> None:
    _, answer = await world.exchange()
    assert "." not in answer["access_token"]
    assert "refresh_token" not in answer
    world.clock.advance(59)
    assert (await world.userinfo(answer["access_token"]))[0] == 200
    world.clock.advance(1)
    assert (await world.userinfo(answer["access_token"]))[0] == 401


@pytest.mark.anyio
async def test_logout_takes_the_hint_and_a_registered_address(world: World) -> None:
    _, answer = await world.exchange()
    key, algorithm = KEYS["box-ec"]
    opened = jwe.decrypt_compact(answer["id_token"], key, algorithms=[algorithm, "A256GCM"])
    assert opened.plaintext is not None
    parameters = {"id_token_hint": opened.plaintext.decode(), "state": "x" * 22}
    for target, status in (("http://localhost:8080/sign-out", 302), ("https://evil.test", 400)):
        told, _ = await world.request(
            "GET", "/session/end", params=parameters | {"post_logout_redirect_uri": target}
        )
        assert told == status
    told, _ = await world.request("GET", "/session/end", params={"id_token_hint": "x.y.z"})
    assert told == 400
