"""Certificates as IGC-Santé would issue them, made in memory for these tests alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

STRUCTURE = "10B0000001"
NOW = datetime(2026, 3, 2, 9, 30, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


@cache
def _key(name: str) -> rsa.RSAPrivateKey:
    del name  # one key a name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common_name: str, structure: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Côte-d'Or (21)"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CLINIQUE, DU TEST"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, structure),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, around: datetime
) -> Any:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(around - timedelta(days=30))
        .not_valid_after(around + timedelta(days=30))
    )


@cache
def authority(name: str = "TEST AC ORGANISATIONS", around: datetime = NOW) -> Holder:
    key, subject = _key(name), _name(name, "0002 187512751")
    certificate = (
        _builder(subject, subject, key, around)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Holder(certificate, key)


@cache
def leaf(
    name: str,
    usage: str,
    *,
    structure: str = STRUCTURE,
    issuer: Holder | None = None,
    around: datetime = NOW,
) -> Holder:
    """usage: sign (ORG SIGN), client (ORG AUTH_CLI) or server (SSL_SERVEUR, localhost)."""
    usages = {
        "sign": ExtendedKeyUsageOID.EMAIL_PROTECTION,
        "client": ExtendedKeyUsageOID.CLIENT_AUTH,
        "server": ExtendedKeyUsageOID.SERVER_AUTH,
    }
    parent = issuer or authority()
    key = _key(name)
    certificate = (
        _builder(_name(name, structure), parent.certificate.subject, key, around)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usages[usage]]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=usage == "sign",
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(parent.key, hashes.SHA256())
    )
    return Holder(certificate, key)
