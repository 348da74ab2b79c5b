"""Key sets of others, and our signing key."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, OctKey, OKPKey
from tests.fakes.fake_clock import START
from tests.fakes.signing_keys import ec_key, jwks_of, public_keys, rsa_key

from drimbox.errors import MalformedMessage
from drimbox.standards.iua.assertion import Assertion, encode_assertion, parse_assertion
from drimbox.standards.iua.jwks import (
    keys_of_certificate,
    load_certificate_key,
    parse_jwks,
    parse_signing_key,
)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "db2.test")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START.replace(year=2030))
    )
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.DER)


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


# Keys of certificates: a box signs in its own name with the key that the handshake proves.


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        pytest.param(ec.generate_private_key(ec.SECP256R1()), "ES256", id="EC P-256"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), "ES384", id="EC P-384"),
        pytest.param(rsa.generate_private_key(65537, 2048), "PS256", id="RSA, as IGC-Santé"),
    ],
)
def test_what_a_certificates_key_signs_its_certificate_verifies(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, algorithm: str
) -> None:
    signing = load_certificate_key(_pem(key))
    assert signing.algorithm == algorithm
    assertion = Assertion("db2.test", "db2.test", "1", START)
    text = encode_assertion(assertion, signing, audience="https://db1.test", now=START)
    keys = keys_of_certificate(_certificate(key))
    read = parse_assertion(text, keys, issuer="db2.test", audiences={"https://db1.test"}, now=START)
    assert read.subject == "db2.test"


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\n", id="half a file"),
        pytest.param(_pem(ec.generate_private_key(ec.SECP521R1())), id="P-521"),
        pytest.param(_pem(ed25519.Ed25519PrivateKey.generate()), id="Ed25519"),
        pytest.param(
            ec.generate_private_key(ec.SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            id="a public key",
        ),
    ],
)
def test_another_key_of_a_certificate_is_refused_at_start(pem: bytes) -> None:
    with pytest.raises(MalformedMessage):
        load_certificate_key(pem)


@pytest.mark.parametrize(
    "certificate",
    [
        pytest.param(b"no certificate", id="no certificate"),
        pytest.param(_certificate(ed25519.Ed25519PrivateKey.generate()), id="Ed25519"),
        pytest.param(
            _certificate(rsa.generate_private_key(65537, 1024)),  # noqa: S505  # too short on purpose
            id="RSA of 1024 bits",
        ),
    ],
)
def test_a_certificate_that_signs_nothing_for_us_has_no_keys(certificate: bytes) -> None:
    with pytest.raises(MalformedMessage):
        keys_of_certificate(certificate)


def test_of_two_keys_with_one_kid_ours_stays() -> None:
    ours, theirs = public_keys(ec_key("a")), public_keys(rsa_key("a"), ec_key("b"))
    joined = ours.joined(theirs)
    assert joined.kids == {"a", "b"}
    assert joined.find("a") is ours.find("a")
