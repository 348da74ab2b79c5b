"""A seal is an RSA key with its own certificate, or a setting is wrong."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.fakes.seals import certificate_pem, signing_key

from drimbox.errors import InvalidValue
from drimbox.standards.saml.signing_key import SigningKey

KEY, OTHER = signing_key(), signing_key("other")
EC_KEY = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


def test_a_key_and_its_certificate_are_read() -> None:
    read = SigningKey.from_pem(KEY.private_key_pem, certificate_pem(KEY))
    assert read.certificate == KEY.certificate
    assert read.private_key_pem == KEY.private_key_pem


@pytest.mark.parametrize(
    ("key_pem", "certificate"),
    [
        pytest.param(b"", certificate_pem(KEY), id="no key"),
        pytest.param(KEY.private_key_pem, b"x", id="no certificate"),
        pytest.param(EC_KEY, certificate_pem(KEY), id="an elliptic curve"),
        pytest.param(OTHER.private_key_pem, certificate_pem(KEY), id="the key of another"),
    ],
)
def test_anything_else_is_refused(key_pem: bytes, certificate: bytes) -> None:
    with pytest.raises(InvalidValue):
        SigningKey.from_pem(key_pem, certificate)


def test_the_private_key_does_not_show() -> None:
    assert "PRIVATE" not in repr(KEY)
    assert repr(KEY).startswith("<")
