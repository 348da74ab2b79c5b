"""Row O1: the hostile corpus against every verifier of ours; each believes the genuine token."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest
from tests.fakes.fake_clock import START
from tests.fakes.hostile_tokens import CORPUS, GoodToken
from tests.fakes.signing_keys import ec_key, public_keys, rsa_key

from drimbox.errors import NotAuthenticated
from drimbox.standards.iua.access_token import VerifiedTokens
from drimbox.standards.iua.client_assertion import parse_client_assertion
from drimbox.standards.iua.id_token import IdTokenRules, access_token_hash, parse_id_token
from drimbox.standards.iua.signed_token import kid_of, peek_issuer

NOW = int(START.timestamp())
ISSUER = "https://box.test"
TOKEN_URL = "https://box.test/oauth2/token"


@dataclass(frozen=True)
class Verifier:
    good: GoodToken
    verify: Callable[[str, datetime], object]


def _access_tokens() -> Verifier:
    key = ec_key("box", "P-256")
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "899700000000",
        "client_id": "dpi",
        "scope": "patient/*.rs",
        "jti": "1",
        "iat": NOW,
        "exp": NOW + 300,
    }
    good = GoodToken({"alg": "ES256", "typ": "at+jwt", "kid": "box"}, claims, key)
    keys = public_keys(key, ec_key("another"))
    return Verifier(
        good,
        lambda t, now: VerifiedTokens().parse(t, keys, issuer=ISSUER, audience=ISSUER, now=now),
    )


def _access_tokens_read_before() -> Verifier:
    """The same, by a reader that has found the good token good already."""
    plain = _access_tokens()
    keys = public_keys(plain.good.key, ec_key("another"))
    verified = VerifiedTokens()
    genuine = plain.good.signed()

    def parse(text: str, now: datetime) -> object:
        verified.parse(genuine, keys, issuer=ISSUER, audience=ISSUER, now=START)
        return verified.parse(text, keys, issuer=ISSUER, audience=ISSUER, now=now)

    return Verifier(plain.good, parse)


def _client_assertions() -> Verifier:
    key = ec_key("dpi", "P-384")
    claims = {
        "iss": "dpi",
        "sub": "dpi",
        "aud": TOKEN_URL,
        "jti": "1",
        "iat": NOW,
        "exp": NOW + 300,
    }
    good = GoodToken({"alg": "ES384", "typ": "JWT", "kid": "dpi"}, claims, key)
    keys = public_keys(key, ec_key("another"))
    return Verifier(
        good,
        lambda t, now: parse_client_assertion(
            t, keys, client_id="dpi", audiences={TOKEN_URL, ISSUER}, now=now
        ),
    )


def _id_tokens() -> Verifier:
    key = rsa_key("psc")
    claims = {
        "iss": "https://psc.test/realm",
        "aud": "box-client",
        "azp": "box-client",
        "sub": "f:1:899700000000",
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": access_token_hash("an-access-token", "RS256"),
        "iat": NOW,
        "exp": NOW + 300,
    }
    good = GoodToken({"alg": "RS256", "typ": "JWT", "kid": "psc"}, claims, key)
    keys = public_keys(key, ec_key("another"))
    rules = IdTokenRules(
        issuer="https://psc.test/realm",
        client_id="box-client",
        nonce="n-0S6_WzA2Mj",
        access_token="an-access-token",
    )
    return Verifier(good, lambda t, now: parse_id_token(t, keys, rules, now))


VERIFIERS = {
    "access token": _access_tokens,
    "client assertion": _client_assertions,
    "id_token": _id_tokens,
}

EVERY_READER = {**VERIFIERS, "access token, after another": _access_tokens_read_before}


@pytest.mark.parametrize("make", EVERY_READER.values(), ids=EVERY_READER)
def test_the_genuine_token_is_believed(make: Callable[[], Verifier]) -> None:
    verifier = make()
    verifier.verify(verifier.good.signed(), START)


def test_the_corpus_is_as_large_as_promised() -> None:
    assert len(CORPUS) >= 30


@pytest.mark.parametrize("make", EVERY_READER.values(), ids=EVERY_READER)
@pytest.mark.parametrize("attack", CORPUS.values(), ids=CORPUS)
def test_no_verifier_believes(
    attack: Callable[[GoodToken], str], make: Callable[[], Verifier]
) -> None:
    verifier = make()
    hostile = attack(verifier.good)
    begun = time.thread_time()
    with pytest.raises(NotAuthenticated) as refusal:
        verifier.verify(hostile, START)
    assert refusal.value.error == "invalid_token"
    assert time.thread_time() - begun < 0.5


@pytest.mark.parametrize("make", VERIFIERS.values(), ids=VERIFIERS)
@pytest.mark.parametrize("attack", CORPUS.values(), ids=CORPUS)
def test_a_refusal_quotes_nothing_of_the_token(
    attack: Callable[[GoodToken], str], make: Callable[[], Verifier]
) -> None:
    verifier = make()
    with pytest.raises(NotAuthenticated) as refusal:
        verifier.verify(attack(verifier.good), START)
    assert "8997" not in str(refusal.value)
    assert "evil" not in str(refusal.value)


@pytest.mark.parametrize("name", VERIFIERS)
def test_a_token_of_one_kind_is_no_token_of_another(name: str) -> None:
    verifier = VERIFIERS[name]()
    for other, make in VERIFIERS.items():
        if other != name:
            with pytest.raises(NotAuthenticated):
                verifier.verify(make().good.signed(), START)


@pytest.mark.parametrize(
    ("seconds", "is_believed"),
    [
        pytest.param(300 + 59, True, id="59 s after exp: within the skew"),
        pytest.param(300 + 60, False, id="60 s after exp: over"),
        pytest.param(-60, True, id="60 s before iat: within the skew"),
        pytest.param(-61, False, id="61 s before iat: refused"),
    ],
)
@pytest.mark.parametrize(
    "make",
    [_access_tokens, _access_tokens_read_before, _id_tokens],
    ids=["access token", "access token, after another", "id_token"],
)
def test_the_clock_may_be_a_minute_wrong(
    make: Callable[[], Verifier], seconds: int, is_believed: bool
) -> None:
    verifier = make()
    token = verifier.good.signed()
    now = datetime.fromtimestamp(NOW + seconds, START.tzinfo)
    if is_believed:
        verifier.verify(token, now)
    else:
        with pytest.raises(NotAuthenticated):
            verifier.verify(token, now)


def test_a_key_is_found_without_kid_only_where_there_is_one() -> None:
    verifier = _client_assertions()
    without_kid = verifier.good.with_header(kid=...)
    alone = public_keys(ec_key("dpi", "P-384"))
    parse_client_assertion(without_kid, alone, client_id="dpi", audiences={TOKEN_URL}, now=START)
    with pytest.raises(NotAuthenticated):
        verifier.verify(without_kid, START)


def test_peeking_tells_what_a_token_claims_without_believing_it() -> None:
    token = _access_tokens().good.signed()
    assert (peek_issuer(token), kid_of(token)) == (ISSUER, "box")
    assert peek_issuer("opaque") is None
