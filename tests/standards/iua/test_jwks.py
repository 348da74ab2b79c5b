"""Key sets of others, and our signing key."""

import json

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey
from tests.fakes.signing_keys import ec_key, jwks_of, rsa_key

from drimbox.errors import MalformedMessage
from drimbox.standards.iua.jwks import parse_jwks, parse_signing_key


def test_a_published_set_is_read_back() -> None:
    keys = parse_jwks(jwks_of(ec_key("a"), rsa_key("b")))
    assert keys.kids == {"a", "b"}
    assert parse_jwks(json.dumps(keys.encode()).encode()).kids == {"a", "b"}


def test_a_private_key_in_a_set_never_comes_out_again() -> None:
    private = {"keys": [ec_key("a").as_dict(private=True)]}
    assert '"d"' not in json.dumps(parse_jwks(json.dumps(private).encode()).encode())


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(OctKey.generate_key(256).as_dict(private=True), id="a shared secret"),
        pytest.param(rsa_key("e").as_dict(private=False, use="enc"), id="a key for encryption"),
        pytest.param({"kty": "RSA", "e": "AQAB", "n": "s" * 171}, id="RSA of 1024 bits"),
        pytest.param({"kty": "PQC", "kid": "x"}, id="a kind that we do not know"),
        pytest.param({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, id="no point at all"),
        pytest.param({}, id="nothing"),
        pytest.param("text", id="no object"),
    ],
)  # fmt: skip
def test_what_cannot_verify_is_left_out(member: object) -> None:
    beside = {"keys": [member, ec_key("a").as_dict(private=False)]}
    assert parse_jwks(json.dumps(beside).encode()).kids == {"a"}
    with pytest.raises(MalformedMessage):
        parse_jwks(json.dumps({"keys": [member]}).encode())


@pytest.mark.parametrize(
    "octets",
    [b"", b"[]", b"{}", b'{"keys": {}}', b"\xff", b"[" * 100_000, b" " * 300_000],
    ids=["empty", "a list", "no keys", "keys no list", "no UTF-8", "deep", "large"],
)
def test_what_is_no_set_is_malformed(octets: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_jwks(octets)


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384")])
def test_the_algorithm_follows_from_the_curve(curve: str, algorithm: str) -> None:
    key = parse_signing_key(json.dumps(ec_key(curve, curve).as_dict(private=True)).encode())
    assert key.algorithm == algorithm
    published = key.public.encode()
    assert isinstance(published["keys"], list)
    assert (
        published["keys"][0] | {"kid": curve, "alg": algorithm, "use": "sig"}
        == (published["keys"][0])
    )


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param(ec_key("a").as_dict(private=False), id="a public key"),
        pytest.param(ECKey.generate_key("P-521").as_dict(private=True), id="P-521"),
        pytest.param(OKPKey.generate_key("Ed25519").as_dict(private=True), id="Ed25519"),
        pytest.param(rsa_key("r").as_dict(private=True), id="RSA"),
        pytest.param({"kty": "EC"}, id="no key"),
    ],
)
def test_another_signing_key_is_refused_at_start(jwk: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        parse_signing_key(json.dumps(jwk).encode())


def test_the_signing_key_does_not_show_in_a_repr() -> None:
    jwk = ec_key("a").as_dict(private=True)
    key = parse_signing_key(json.dumps(jwk).encode())
    assert str(jwk["d"]) not in repr(key)
