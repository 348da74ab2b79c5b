"""A test PKI shaped like IGC-Santé: a root, one intermediate for organisations, leaves, a CRL.

Profiles as seen on ANS test certificates: ORG AUTH_CLI (EKU clientAuth), ORG SIGN (EKU
emailProtection, key usage digitalSignature + nonRepudiation), SSL_SERVEUR (EKU serverAuth, FQDN in
SAN).
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_LIFETIME = timedelta(days=3 * 365)
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """Files of one certificate: chain (leaf first, without the root) and its key, PEM."""

    certificate_file: Path
    key_file: Path

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate_file.read_bytes())


@dataclass(frozen=True, slots=True)
class _Authority:
    certificate: x509.Certificate
    key: _PrivateKey


class TestPki:
    """Issues and revokes; everything it made stays in its directory."""

    __test__ = False

    def __init__(self, directory: Path, *, crl_url: str = "", now: datetime | None = None) -> None:
        """Create the authorities, or take those already in the directory."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._crl_url = crl_url
        self._now = now or datetime.now(UTC)
        self._root = self._authority("root", "TEST AC IGC-SANTE RACINE", None)
        self._intermediate = self._authority(
            "organisations", "TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS", self._root
        )
        self._revoked: dict[int, datetime] = {}

    @property
    def ca_file(self) -> Path:
        """Every root of the demo, one PEM."""
        return self._directory / "root.pem"

    @property
    def intermediate_file(self) -> Path:
        return self._directory / "organisations.pem"

    def issue_server(self, name: str, dns_names: Sequence[str], subject: x509.Name) -> Issued:
        """SSL_SERVEUR: also valid for localhost and 127.0.0.1, since it is a test PKI."""
        names: list[x509.GeneralName] = [x509.DNSName(n) for n in (*dns_names, "localhost")]
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.SubjectAlternativeName(names), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (_key_usage(signs_content=False), True),
        ]
        return self._issue(name, subject, ec.generate_private_key(ec.SECP256R1()), extensions)

    def issue_client(
        self, name: str, subject: x509.Name, *, not_after: datetime | None = None
    ) -> Issued:
        """ORG AUTH_CLI."""
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
            (_key_usage(signs_content=False), True),
        ]
        key = ec.generate_private_key(ec.SECP256R1())
        return self._issue(name, subject, key, extensions, not_after=not_after)

    def issue_signing(self, name: str, subject: x509.Name) -> Issued:
        """ORG SIGN: an RSA key, because VIHF, XAdES and the white list are signed with RSA."""
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
            (_key_usage(signs_content=True), True),
        ]
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._issue(name, subject, key, extensions)

    @property
    def revoked(self) -> frozenset[int]:
        """The serial numbers on the next CRL."""
        return frozenset(self._revoked)

    def revoke(self, issued: Issued) -> None:
        """Put it on the next CRL."""
        self._revoked[issued.certificate.serial_number] = datetime.now(UTC)

    def crl(self, *, lifetime: timedelta = timedelta(days=7)) -> bytes:
        """Return the CRL of the intermediate authority, DER."""
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._intermediate.certificate.subject)
            .last_update(now - _BACKDATED)
            .next_update(now + lifetime)
        )
        for serial, at in self._revoked.items():
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
            builder = builder.add_revoked_certificate(revoked.build())
        signed = builder.sign(self._intermediate.key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.DER)

    def _authority(self, name: str, common_name: str, parent: _Authority | None) -> _Authority:
        certificate_file = self._directory / f"{name}.pem"
        key_file = self._directory / f"{name}.key"
        if certificate_file.exists() and key_file.exists():
            loaded = serialization.load_pem_private_key(key_file.read_bytes(), None)
            if not isinstance(loaded, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
                raise TypeError(f"{key_file}: unexpected kind of key")
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            return _Authority(certificate, loaded)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _authority_name(common_name)
        issuer_name, issuer_key = (
            (parent.certificate.subject, parent.key) if parent else (subject, key)
        )
        limits = x509.BasicConstraints(ca=True, path_length=0 if parent else None)
        certificate = (
            self._builder(subject, issuer_name, key, lifetime=timedelta(days=3650))
            .add_extension(limits, critical=True)
            .add_extension(_authority_key_usage(), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(key_file, key)
        return _Authority(certificate, key)

    def _issue(
        self,
        name: str,
        subject: x509.Name,
        key: _PrivateKey,
        extensions: Sequence[tuple[x509.ExtensionType, bool]],
        *,
        not_after: datetime | None = None,
    ) -> Issued:
        issued = Issued(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        if issued.certificate_file.exists() and issued.key_file.exists():
            return issued
        issuer = self._intermediate
        builder = self._builder(
            subject, issuer.certificate.subject, key, lifetime=_LIFETIME, not_after=not_after
        ).add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        for extension, is_critical in extensions:
            builder = builder.add_extension(extension, critical=is_critical)
        if self._crl_url:
            builder = builder.add_extension(_distribution_point(self._crl_url), critical=False)
        certificate = builder.sign(issuer.key, hashes.SHA256())
        chain = (certificate, issuer.certificate)
        _write_key(issued.key_file, key)
        issued.certificate_file.write_bytes(
            b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain)
        )
        return issued

    def _builder(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key: _PrivateKey,
        *,
        lifetime: timedelta,
        not_after: datetime | None = None,
    ) -> x509.CertificateBuilder:
        not_before = self._now - _BACKDATED
        if not_after is not None and not_after <= not_before:
            not_before = not_after - timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after or self._now + lifetime)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )


def organisation_name(common_name: str, *, structure: str, organisation: str) -> x509.Name:
    """Return a subject as IGC-Santé writes it: C, O, OU (Struct_IdNat), CN."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, structure),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _authority_name(common_name: str) -> x509.Name:
    return organisation_name(
        common_name, structure="0002 187512751", organisation="ASIP-SANTE TEST"
    )


def _distribution_point(url: str) -> x509.CRLDistributionPoints:
    names = [x509.UniformResourceIdentifier(url)]
    return x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])


def _key_usage(*, signs_content: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=signs_content,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: _PrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
