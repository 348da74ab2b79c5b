"""The adapter against the sandbox Pro Santé Connect, over mutual TLS."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from tests.fakes.fake_clock import FakeClock
from tests.fakes.replaced_files import ReplacedFiles
from tests.fakes.sandbox_browser import answer_of

from drimbox.adapters.pro_sante_connect.identity_provider import ProSanteConnect
from drimbox.errors import NotAuthenticated, RejectedByPartner, SettingsError, Unavailable
from drimbox.flows.consumer.sign_in import code_challenge
from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.patients.professionals import ONCOLOGIST_WITH_TWO_PLACES
from drimbox.sandbox.pro_sante_connect.provider import SandboxProSanteConnect
from drimbox.sandbox.trusted_space.pki import Issued, TestPki
from drimbox.settings.partners import OpenIdProviderSettings, TlsFiles

BASE_URL = "http://localhost:8080"
STATE, NONCE = "s" * 43, "n" * 43
VERIFIER = "v" * 43
PROFESSIONAL = ONCOLOGIST_WITH_TWO_PLACES


def _name(common_name: str) -> x509.Name:
    return x509.Name.from_rfc4514_string(f"CN={common_name},OU=3100000009,O=TEST,C=FR")


@dataclass
class World:
    """One provider, and two boxes registered with it."""

    sandbox: SandboxProSanteConnect
    clock: FakeClock
    pki: TestPki
    consumer: Issued
    source: Issued
    seconds: float = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def settings(
        self, certificate: Issued, client_id: str, **changes: object
    ) -> OpenIdProviderSettings:
        files = TlsFiles(
            certificate_file=certificate.certificate_file,
            key_file=certificate.key_file,
            ca_file=self.pki.ca_file,
        )
        values = {
            "issuer": self.sandbox.issuer,
            "discovery_url": self.sandbox.discovery_url,
            "client_id": client_id,
            "tls": files,
        }
        return OpenIdProviderSettings(**(values | changes))

    def adapter(self, certificate: Issued, client_id: str, **changes: object) -> ProSanteConnect:
        return ProSanteConnect(
            self.settings(certificate, client_id, **changes),
            base_url=BASE_URL,
            clock=self.clock,
            monotonic=self.monotonic,
        )

    async def sandbox_token(self) -> str:
        form = {"subject": PROFESSIONAL.rpps}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.sandbox.issuer}/sandbox/token", data=form) as answer,
        ):
            return str((await answer.json())["access_token"])


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return TestPki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
async def world(pki: TestPki) -> AsyncIterator[World]:
    consumer = pki.issue_client("consumer", _name("box-consumer"))
    source = pki.issue_client("source", _name("box-source"))
    server = pki.issue_server("psc", ["psc.test"], _name("psc.test"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca_file))
    context.load_cert_chain(server.certificate_file, server.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    clock = FakeClock()
    sandbox = SandboxProSanteConnect([], now=clock.now)
    for client_id, issued in (("box-consumer", consumer), ("box-source", source)):
        client = SandboxClient(
            client_id,
            redirect_uris=frozenset({f"{BASE_URL}/sign-in/callback"}),
            post_logout_redirect_uris=frozenset({f"{BASE_URL}/sign-out"}),
            certificate_subject=issued.certificate.subject.rfc4514_string(),
        )
        sandbox.register(client)
    sandbox.register(SandboxClient("box-secret", secret="s3cret"))
    await sandbox.start(mtls_port=0, ssl_context=context)
    yield World(sandbox, clock, pki, consumer, source)
    await sandbox.stop()


@pytest.fixture
async def adapter(world: World) -> AsyncIterator[ProSanteConnect]:
    adapter = world.adapter(world.consumer, "box-consumer")
    yield adapter
    await adapter.close()


async def _code(adapter: ProSanteConnect) -> str:
    url = await adapter.authorization_url(
        state=STATE, nonce=NONCE, code_challenge=code_challenge(VERIFIER)
    )
    answer = await answer_of(url, PROFESSIONAL.rpps)
    assert answer["state"] == STATE
    return answer["code"]


@pytest.mark.anyio
@pytest.mark.requirement("CO.63")
@pytest.mark.requirement("PSC.08")
async def test_a_professional_signs_in(world: World, adapter: ProSanteConnect) -> None:
    code = await _code(adapter)
    signed_in = await adapter.exchange_code(code, nonce=NONCE, code_verifier=VERIFIER)
    assert signed_in.professional == PROFESSIONAL.signed_in(world.clock.now())
    assert (signed_in.expires_at - world.clock.now()).total_seconds() == 120
    assert signed_in.refresh_token is not None
    assert signed_in.id_token is not None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("nonce", "verifier"),
    [
        pytest.param("m" * 43, VERIFIER, id="the nonce of another sign-in"),
        pytest.param(NONCE, "w" * 43, id="the verifier of another browser"),
    ],
)
async def test_a_code_of_another_sign_in_is_refused(
    adapter: ProSanteConnect, nonce: str, verifier: str
) -> None:
    code = await _code(adapter)
    with pytest.raises(NotAuthenticated):
        await adapter.exchange_code(code, nonce=nonce, code_verifier=verifier)


@pytest.mark.anyio
async def test_a_code_serves_once(adapter: ProSanteConnect) -> None:
    code = await _code(adapter)
    first = await adapter.exchange_code(code, nonce=NONCE, code_verifier=VERIFIER)
    with pytest.raises(NotAuthenticated):
        await adapter.exchange_code(code, nonce=NONCE, code_verifier=VERIFIER)
    # RFC 6749 4.1.2: what the first use gave is revoked.
    with pytest.raises(NotAuthenticated):
        await adapter.introspect(first.access_token)


@pytest.mark.anyio
@pytest.mark.requirement("CO.65")
async def test_a_refresh_token_serves_once(world: World, adapter: ProSanteConnect) -> None:
    first = await adapter.exchange_code(await _code(adapter), nonce=NONCE, code_verifier=VERIFIER)
    assert first.refresh_token is not None
    world.clock.advance(100)
    second = await adapter.refresh(first.refresh_token)
    assert second.access_token != first.access_token
    assert second.professional == first.professional
    with pytest.raises(NotAuthenticated):
        await adapter.refresh(first.refresh_token)


@pytest.mark.anyio
@pytest.mark.requirement("SO.33")
async def test_another_box_introspects_a_token(world: World, adapter: ProSanteConnect) -> None:
    source = world.adapter(world.source, "box-source")
    signed_in = await adapter.exchange_code(
        await _code(adapter), nonce=NONCE, code_verifier=VERIFIER
    )
    introspection = await source.introspect(signed_in.access_token)
    await source.close()
    # The token is bound to the other box's certificate: no userinfo, hence no activities.
    assert introspection.professional.national_id == PROFESSIONAL.national_id
    assert introspection.professional.profession_code == PROFESSIONAL.profession_code
    assert introspection.professional.activities == ()
    assert introspection.expires_at == signed_in.expires_at


@pytest.mark.anyio
async def test_a_token_without_binding_tells_all_of_its_professional(
    world: World, adapter: ProSanteConnect
) -> None:
    introspection = await adapter.introspect(await world.sandbox_token())
    assert introspection.professional == PROFESSIONAL.signed_in(world.clock.now())


@pytest.mark.anyio
async def test_an_introspection_serves_ten_seconds_and_never_beyond_exp(
    world: World, adapter: ProSanteConnect
) -> None:
    signed_in = await adapter.exchange_code(
        await _code(adapter), nonce=NONCE, code_verifier=VERIFIER
    )
    await adapter.introspect(signed_in.access_token)
    world.sandbox._tokens.end_session(
        next(iter(world.sandbox._tokens._sessions.values())).identifier
    )
    world.seconds += 9
    await adapter.introspect(signed_in.access_token)
    world.seconds += 1
    with pytest.raises(NotAuthenticated):
        await adapter.introspect(signed_in.access_token)


@pytest.mark.anyio
async def test_a_cached_introspection_ends_with_its_token(
    world: World, adapter: ProSanteConnect
) -> None:
    token = await world.sandbox_token()
    await adapter.introspect(token)
    world.clock.advance(1800)
    with pytest.raises(NotAuthenticated):
        await adapter.introspect(token)


@pytest.mark.anyio
@pytest.mark.parametrize("token", ["opaque", "a.b.c", "x" * 4000])
async def test_what_is_no_token_is_not_active(adapter: ProSanteConnect, token: str) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        await adapter.introspect(token)
    assert refusal.value.error == "invalid_token"


@pytest.mark.anyio
async def test_a_box_that_is_not_registered_is_told_apart_from_a_bad_token(world: World) -> None:
    stranger = world.adapter(world.source, "box-consumer")
    with pytest.raises(RejectedByPartner) as refusal:
        await stranger.introspect(await world.sandbox_token())
    await stranger.close()
    assert refusal.value.code == "invalid_client"


@pytest.mark.anyio
async def test_a_renewed_certificate_proves_us_from_the_next_call_on(
    world: World, tmp_path: Path
) -> None:
    """R15: the pool of the former one is left to the calls that it has."""
    place = ReplacedFiles.in_folder(tmp_path / "client", world.source, world.pki.ca_file)
    stands_for = Issued(place.files.certificate_file, place.files.key_file)
    adapter = world.adapter(stands_for, "box-consumer")
    try:
        with pytest.raises(RejectedByPartner, match="invalid_client"):
            await adapter.introspect(await world.sandbox_token())
        for issued in (world.consumer, world.source, world.consumer):
            place.replace(issued)
            assert adapter.tls.renew()
            asking = adapter.introspect(await world.sandbox_token())
            if issued is world.consumer:
                assert (await asking).professional.national_id == PROFESSIONAL.national_id
            else:
                with pytest.raises(RejectedByPartner, match="invalid_client"):
                    await asking
    finally:
        await adapter.close()


@pytest.mark.anyio
async def test_a_secret_may_stand_for_the_certificate(world: World, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    adapter = world.adapter(
        world.consumer, "box-secret", tls=None, client_secret_file=tmp_path / "secret"
    )
    introspection = await adapter.introspect(await world.sandbox_token())
    await adapter.close()
    assert introspection.professional.national_id == PROFESSIONAL.national_id


@pytest.mark.anyio
@pytest.mark.requirement("CO.64")
async def test_logout_comes_back_to_us(world: World, adapter: ProSanteConnect) -> None:
    signed_in = await adapter.exchange_code(
        await _code(adapter), nonce=NONCE, code_verifier=VERIFIER
    )
    url = await adapter.logout_url(signed_in.id_token, f"{BASE_URL}/sign-out")
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        assert (answer.status, answer.headers["Location"]) == (302, f"{BASE_URL}/sign-out")
    with pytest.raises(NotAuthenticated):
        await adapter.introspect(signed_in.access_token)


@pytest.mark.anyio
async def test_a_provider_that_is_away_is_unavailable(world: World) -> None:
    adapter = world.adapter(world.consumer, "box-consumer")
    await world.sandbox.stop()
    with pytest.raises(Unavailable):
        await adapter.authorization_url(state=STATE, nonce=NONCE, code_challenge="c" * 43)
    await adapter.close()


@pytest.mark.anyio
async def test_the_discovery_of_another_issuer_is_refused(world: World) -> None:
    other = world.sandbox.issuer.replace("localhost", "127.0.0.1")
    adapter = world.adapter(world.consumer, "box-consumer", issuer=other)
    with pytest.raises(RejectedByPartner):
        await adapter.introspect("token")
    await adapter.close()


@pytest.mark.parametrize("issuer", ["http://psc.example/realm", "http://localhost.evil.test/"])
def test_an_issuer_in_clear_is_refused_outside_loopback(issuer: str) -> None:
    settings = OpenIdProviderSettings(
        issuer=issuer,
        discovery_url=issuer,
        client_id="box",
        client_secret_file=Path("/nonexistent"),
    )
    with pytest.raises(SettingsError):
        ProSanteConnect(settings, base_url=BASE_URL, clock=FakeClock())
