"""The authorization servers of a box, from its settings: keys, clients, grants of each listener."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.fakes.boxes import ListedBoxes
from tests.fakes.fake_clock import FakeClock, FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_identity_provider import FakeIdentityProvider
from tests.fakes.professionals import ALLOWED_PROFESSIONS, HELENE
from tests.fakes.signing_keys import ec_key, jwks_of
from tests.settings.test_load import PACS, SERVICES

from drimbox.errors import SettingsError
from drimbox.flows.exchange_token import CheckSubject
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.gateway.authorization import (
    AuthorizationParts,
    make_browser_server,
    make_peer_server,
)
from drimbox.gateway.stores import Stores, open_stores
from drimbox.sandbox.network.addresses import SOURCE_DB, Addresses
from drimbox.sandbox.network.box_settings import consumer_settings, source_settings
from drimbox.sandbox.network.keys import NetworkKeys, make_keys
from drimbox.settings.load import Settings, load_settings
from drimbox.settings.partners import OAuthClientSettings
from drimbox.standards.iua.iti71_get_access_token import GrantType

pytestmark = pytest.mark.anyio
APP = OAuthClientSettings(
    client_id="app", scopes=("launch", "patient/*.rs"), redirect_uris=("https://app.test/back",)
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> NetworkKeys:
    return make_keys(tmp_path_factory.mktemp("keys"), crl_url="http://127.0.0.1:5/crl")


@pytest.fixture
def source(tmp_path: Path, keys: NetworkKeys) -> Settings:
    text = source_settings(tmp_path, Addresses(8440), keys, SERVICES, PACS)
    return _load(tmp_path / "source.toml", text)


@pytest.fixture
def consumer(tmp_path: Path, keys: NetworkKeys) -> Settings:
    text = consumer_settings(tmp_path, Addresses(8440), keys, SERVICES, PACS)
    return _load(tmp_path / "consumer.toml", text)


@pytest.fixture
async def stores(source: Settings) -> AsyncIterator[Stores]:
    opened = await open_stores(source, FakeClock())
    yield opened
    await opened.database.close()


def _load(path: Path, text: str) -> Settings:
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def _parts(settings: Settings, stores: Stores) -> AuthorizationParts:
    clock = FakeClock()
    check = CheckSubject(
        KnowProfessional(PSC, FakeIdentityProvider(clock, HELENE)), ALLOWED_PROFESSIONS
    )
    return AuthorizationParts(settings, stores, clock, FakeIdentifiers(), check)


def _with_oauth(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update={"oauth": settings.oauth.model_copy(update=changes)})


async def test_a_source_serves_machines_and_boxes(source: Settings, stores: Stores) -> None:
    parts = _parts(source, stores)
    browser = make_browser_server(parts)
    assert set(browser.features.grant_types) == {
        GrantType.CLIENT_CREDENTIALS,
        GrantType.JWT_BEARER,
    }
    peer = make_peer_server(parts, ListedBoxes())
    assert peer is not None
    assert set(peer.features.grant_types) == {
        GrantType.CLIENT_CREDENTIALS,
        GrantType.TOKEN_EXCHANGE,
    }
    assert peer.features.are_tokens_bound
    # What discovery tells is what is served.
    for server in (browser, peer):
        assert tuple(server.get_access_token.grants) == server.features.grant_types


async def test_other_boxes_may_call_a_source_by_its_name_of_the_white_list(
    source: Settings, stores: Stores
) -> None:
    peer = make_peer_server(_parts(source, stores), ListedBoxes())
    assert peer is not None
    audiences = peer.get_access_token.authenticate_client.audiences
    assert {f"https://{SOURCE_DB}/oauth2/token", peer.issuer.issuer} <= audiences


async def test_a_consommatrice_lets_applications_in_and_no_boxes(
    consumer: Settings, stores: Stores
) -> None:
    parts = _parts(consumer, stores)
    assert set(make_browser_server(parts).features.grant_types) == set(GrantType)
    assert make_peer_server(parts, ListedBoxes()) is None


async def test_a_client_without_keys_is_public(consumer: Settings, stores: Stores) -> None:
    settings = _with_oauth(consumer, clients=(APP,))
    server = make_browser_server(_parts(settings, stores))
    client = server.get_access_token.authenticate_client.clients["app"]
    assert client.is_public
    assert client.redirect_uris == {"https://app.test/back"}
    assert server.features.scopes == {"launch", "patient/*.rs"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"redirect_uris": ("http://app.test/back",)}, id="plain HTTP"),
        pytest.param({"redirect_uris": ("https://app.test/#a",)}, id="a fragment"),
        pytest.param({"jwks_file": Path("/nowhere/jwks.json")}, id="a file that is not there"),
    ],
)
async def test_a_client_that_cannot_be_is_refused_at_start(
    consumer: Settings, stores: Stores, changes: dict[str, object]
) -> None:
    settings = _with_oauth(consumer, clients=(APP.model_copy(update=changes),))
    with pytest.raises(SettingsError):
        make_browser_server(_parts(settings, stores))


async def test_a_set_without_keys_is_refused_at_start(
    consumer: Settings, stores: Stores, tmp_path: Path
) -> None:
    """A public client has no file; an empty one is a mistake."""
    empty = tmp_path / "jwks.json"
    empty.write_text('{"keys": []}')
    settings = _with_oauth(consumer, clients=(APP.model_copy(update={"jwks_file": empty}),))
    with pytest.raises(SettingsError, match="app"):
        make_browser_server(_parts(settings, stores))


# Keys that rotate.


def _key_file(folder: Path, name: str) -> Path:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(ec_key(name, "P-256").as_dict(private=True)))
    return file


async def test_keys_rotate_without_a_token_lost(
    source: Settings, stores: Stores, tmp_path: Path
) -> None:
    one, two = (_key_file(tmp_path, name) for name in ("one", "two"))
    steps = [
        {"signing_key_file": one, "other_key_files": (two,)},
        {"signing_key_file": two, "other_key_files": (one,)},
        {"signing_key_file": two, "other_key_files": ()},
    ]
    announced, rotated, done = (
        make_browser_server(_parts(_with_oauth(source, **step), stores)).issuer for step in steps
    )
    token = announced.issue_client_token("dpi", frozenset({"ITI-67"}), None).access_token
    rotated.read(token)
    assert announced.keys.kids == rotated.keys.kids == {"one", "two"}
    assert done.keys.kids == {"two"}


@pytest.mark.parametrize("twin", ["the same key", "another key of one kid", "a public key"])
async def test_other_keys_that_cannot_be_are_refused_at_start(
    source: Settings, stores: Stores, tmp_path: Path, twin: str
) -> None:
    one = _key_file(tmp_path, "one")
    other = tmp_path / "twin.json"
    members = ec_key("two", "P-256").as_dict(private=True) | {"kid": "one"}
    other.write_text(json.dumps(members))
    if twin == "a public key":
        other.write_bytes(jwks_of(ec_key("two", "P-256")))
    changes = {
        "signing_key_file": one,
        "other_key_files": (one if twin == "the same key" else other,),
    }
    with pytest.raises(SettingsError):
        make_browser_server(_parts(_with_oauth(source, **changes), stores))
