"""OpenID Connect Core 3.1.3.7, step by step."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.hostile_tokens import GoodToken
from tests.fakes.signing_keys import public_keys, rsa_key

from drimbox.errors import NotAuthenticated
from drimbox.standards.iua.id_token import IdToken, IdTokenRules, access_token_hash, parse_id_token

NOW = int(START.timestamp())
RULES = IdTokenRules("https://psc.test", "box", "n" * 43, "an-access-token")
CLAIMS = {
    "iss": "https://psc.test",
    "aud": "box",
    "sub": "f:1:8997",
    "nonce": "n" * 43,
    "iat": NOW,
    "exp": NOW + 120,
    "auth_time": NOW - 30,
    "typ": "ID",
    "at_hash": access_token_hash("an-access-token", "RS256"),
}
GOOD = GoodToken({"alg": "RS256", "kid": "psc"}, CLAIMS, rsa_key("psc"))
KEYS = public_keys(rsa_key("psc"))


def _parse(text: str, rules: IdTokenRules = RULES) -> IdToken:
    return parse_id_token(text, KEYS, rules, START)


def test_the_time_of_sign_in_is_auth_time() -> None:
    parsed = _parse(GOOD.signed())
    assert parsed == IdToken("f:1:8997", datetime.fromtimestamp(NOW - 30, UTC))


def test_without_auth_time_it_is_iat() -> None:
    assert _parse(GOOD.with_claims(auth_time=...)).authenticated_at == START


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"at_hash": ...}, id="at_hash is optional in the code flow"),
        pytest.param({"typ": ...}, id="only Keycloak has the claim typ"),
        pytest.param({"aud": ["box"]}, id="aud as an array"),
        pytest.param({"aud": ["box", "other"], "azp": "box"}, id="several audiences, azp is us"),
    ],
)
def test_variants_of_providers_are_believed(changes: dict[str, object]) -> None:
    _parse(GOOD.with_claims(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"aud": "other"}, id="for another client"),
        pytest.param({"aud": ["box", "other"]}, id="several audiences and no azp"),
        pytest.param({"azp": "other"}, id="azp is another client"),
        pytest.param({"nonce": "m" * 43}, id="the nonce of another sign-in"),
        pytest.param({"nonce": ...}, id="no nonce"),
        pytest.param({"nonce": ["n" * 43]}, id="nonce in an array"),
        pytest.param({"at_hash": "AAAA"}, id="at_hash of another access token"),
        pytest.param({"at_hash": 1}, id="at_hash is a number"),
        pytest.param({"typ": "Bearer"}, id="an access token of the same provider"),
        pytest.param({"sub": ...}, id="no sub"),
        pytest.param({"iat": ...}, id="no iat"),
    ],
)
def test_what_does_not_hold_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(NotAuthenticated):
        _parse(GOOD.with_claims(**changes))


def test_a_refreshed_id_token_needs_no_nonce() -> None:
    _parse(GOOD.with_claims(nonce=...), replace(RULES, nonce=None))


@pytest.mark.parametrize("algorithm", ["HS256", "RS512", "EdDSA", "none"])
def test_only_our_fixed_algorithms_count(algorithm: str) -> None:
    with pytest.raises(NotAuthenticated):
        _parse(GOOD.with_header(alg=algorithm))
