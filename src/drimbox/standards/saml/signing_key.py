"""The key and certificate of a structure's seal (IGC-Santé ORG SIGN), and how its DN is written."""

from dataclasses import dataclass
from enum import Enum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from drimbox.errors import InvalidValue


class SignatureAlgorithm(Enum):
    """What a seal is made with. SHA-1 is there for a DMP that still asks for it."""

    RSA_SHA256 = "rsa-sha256"
    RSA_SHA1 = "rsa-sha1"

    @property
    def hash_algorithm(self) -> hashes.HashAlgorithm:
        if self is SignatureAlgorithm.RSA_SHA1:
            return hashes.SHA1()  # noqa: S303 - asked for by a setting, never the default
        return hashes.SHA256()


class NameFormat(Enum):
    """The three spellings of a DN seen in official VIHF."""

    RFC4514 = "rfc4514"  # CN=box,OU=3...,O=x,C=FR
    RFC4514_SPACED = "rfc4514-spaced"  # CN=box, OU=3..., O=x, C=FR
    REVERSED = "reversed"  # C=FR, O=x, OU=3..., CN=box


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """A private key with its certificate; private_key_pem is unencrypted PKCS#8."""

    private_key: RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def from_pem(cls, key_pem: bytes, certificate_pem: bytes) -> "SigningKey":
        """Read both.

        Raises:
            InvalidValue: not RSA, or not the key of that certificate.
        """
        try:
            private_key = load_pem_private_key(key_pem, password=None)
            certificate = x509.load_pem_x509_certificate(certificate_pem)
        except (ValueError, TypeError):
            raise InvalidValue("signing key", "an unencrypted PEM key and certificate") from None
        if not isinstance(private_key, RSAPrivateKey):
            raise InvalidValue("signing key", "an RSA key (IGC-Santé)")
        if private_key.public_key() != certificate.public_key():
            raise InvalidValue("signing key", "the key of its certificate")
        return cls(private_key, certificate)

    def sign(self, content: bytes, algorithm: SignatureAlgorithm) -> bytes:
        """Return the RSASSA-PKCS1-v1_5 signature of the octets."""
        return self.private_key.sign(content, PKCS1v15(), algorithm.hash_algorithm)

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def private_key_pem(self) -> bytes:
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def format_name(name: x509.Name, name_format: NameFormat) -> str:
    """Write a DN (RFC 4514 escapes) as that format wants it."""
    parts = [rdn.rfc4514_string() for rdn in name.rdns]  # as encoded: country first
    if name_format is NameFormat.REVERSED:
        return ", ".join(parts)
    separator = "," if name_format is NameFormat.RFC4514 else ", "
    return separator.join(reversed(parts))
