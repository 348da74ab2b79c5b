"""Keys and self-signed certificates made on the spot, as IGC-Santé names them."""

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from drimbox.settings.partners import TlsFiles
from drimbox.standards.saml.signing_key import SigningKey

STRUCTURE = "499700367909006"


def signing_key(common_name: str = "DRIMbox", structure: str = STRUCTURE) -> SigningKey:
    """Return the same key for the same name, so that tests stay fast."""
    return _make(common_name, structure)


@cache
def _make(common_name: str, structure: str) -> SigningKey:
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Côte-d'Or (21)"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Clinique des Bains, SA"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, structure),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(private_key, hashes.SHA256())
    )
    return SigningKey(private_key, certificate)


def certificate_pem(key: SigningKey) -> bytes:
    return key.certificate.public_bytes(serialization.Encoding.PEM)


def write_tls_files(folder: Path, structure: str = STRUCTURE, *, ca: bytes = b"") -> TlsFiles:
    """Write the key and certificate of a structure; it trusts itself unless told otherwise."""
    key = signing_key(structure=structure)
    files = TlsFiles(
        certificate_file=folder / f"{structure}.crt",
        key_file=folder / f"{structure}.key",
        ca_file=folder / f"{structure}.ca",
    )
    files.certificate_file.write_bytes(certificate_pem(key))
    files.key_file.write_bytes(key.private_key_pem)
    files.ca_file.write_bytes(ca or certificate_pem(key))
    return files
