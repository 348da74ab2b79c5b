"""private_key_jwt (RFC 7523): for us alone, for five minutes at most, with a jti."""

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.hostile_tokens import GoodToken
from tests.fakes.signing_keys import ec_key, public_keys, rsa_key, signing_key

from drimbox.errors import NotAuthenticated
from drimbox.standards.iua.client_assertion import (
    ClientAssertion,
    claimed_client_id,
    encode_client_assertion,
    parse_client_assertion,
)

TOKEN_URL = "https://box.test/oauth2/token"
NOW = int(START.timestamp())
CLAIMS = {"iss": "dpi", "sub": "dpi", "aud": TOKEN_URL, "jti": "j1", "iat": NOW, "exp": NOW + 60}
GOOD = GoodToken({"alg": "ES384", "kid": "dpi"}, CLAIMS, ec_key("dpi"))
KEYS = public_keys(ec_key("dpi"), rsa_key("dpi-rsa"))


def _parse(text: str) -> ClientAssertion:
    return parse_client_assertion(
        text, KEYS, client_id="dpi", audiences={TOKEN_URL, "https://box.test"}, now=START
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD.signed(), id="without typ"),
        pytest.param(GOOD.with_header(typ="JWT"), id="typ JWT"),
        pytest.param(GOOD.with_header(typ="client-authentication+jwt"), id="the newer typ"),
        pytest.param(GOOD.with_claims(aud=[TOKEN_URL]), id="aud as an array of one"),
        pytest.param(GOOD.with_claims(aud="https://box.test"), id="aud is the issuer"),
        pytest.param(GOOD.with_claims(exp=NOW + 300), id="five minutes"),
        pytest.param(GOOD.with_header(x5c=["A" * 9000]), id="a chain sent along, not looked at"),
        pytest.param(
            GoodToken({"alg": "RS256", "kid": "dpi-rsa"}, CLAIMS, rsa_key("dpi-rsa")).signed(),
            id="RS256",
        ),
    ],
)
def test_what_clients_send_is_believed(text: str) -> None:
    assertion = _parse(text)
    assert (assertion.client_id, assertion.identifier) == ("dpi", "j1")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD.with_claims(exp=NOW + 361), id="longer than five minutes and the skew"),
        pytest.param(GOOD.with_claims(sub="another"), id="iss and sub differ"),
        pytest.param(GOOD.with_claims(sub=..., iss=...), id="neither iss nor sub"),
        pytest.param(GOOD.with_claims(jti=...), id="no jti"),
        pytest.param(GOOD.with_claims(jti="j" * 257), id="a jti too long to keep"),
        pytest.param(GOOD.with_claims(aud=[TOKEN_URL, "https://b.test"]), id="also for another"),
        pytest.param(GOOD.with_claims(aud=[]), id="for nobody"),
        pytest.param(GOOD.with_claims(aud=TOKEN_URL + "/"), id="nearly our address"),
        pytest.param(GOOD.with_header(x5c=["A" * 17_000]), id="a chain beyond 16 KiB"),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(NotAuthenticated):
        _parse(text)


def test_the_jti_is_to_be_kept_until_the_skew_is_over() -> None:
    assert _parse(GOOD.signed()).expires_at.timestamp() == NOW + 60 + 60


def test_our_own_assertion_is_believed() -> None:
    key = signing_key("us", "P-384")
    text = encode_client_assertion(
        key, client_id="us", audience=TOKEN_URL, identifier="j2", now=START
    )
    assert claimed_client_id(text) == "us"
    parse_client_assertion(text, key.public, client_id="us", audiences={TOKEN_URL}, now=START)


def test_what_is_no_assertion_claims_nobody() -> None:
    assert claimed_client_id("x.y.z") is None
