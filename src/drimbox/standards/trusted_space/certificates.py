"""Certificate paths, revocation and subjects, on bytes already at hand (RFC 5280, RFC 4514).

Only what the trusted space needs: a leaf, its intermediates, one anchor, CRLs of the issuers. TLS
does the same during the handshake; here it serves signatures and the check on each request.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from drimbox.errors import InvalidValue, MalformedMessage, Refused, Unavailable

CLIENT_AUTHENTICATION = ExtendedKeyUsageOID.CLIENT_AUTH
_MAX_PATH = 6
_SPACE_AROUND_SEPARATOR = re.compile(r"\s*,\s*(?=[A-Za-z0-9.]+\s*=)")


@dataclass(frozen=True, slots=True)
class RevocationLists:
    """CRLs already fetched; a list past its nextUpdate serves for grace, then fails closed."""

    lists: tuple[x509.CertificateRevocationList, ...]
    grace: timedelta = timedelta(hours=24)

    def check_not_revoked(
        self, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
    ) -> None:
        """Check one certificate against its issuer's list.

        Raises:
            Refused: revoked.
            Unavailable: no valid list of this issuer, or one too old.
        """
        for crl in self.lists:
            if crl.issuer != issuer.subject or not _is_signed_by(crl, issuer):
                continue
            if crl.next_update_utc is None or now > crl.next_update_utc + self.grace:
                raise Unavailable("CRL", "is out of date")
            if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
                raise Refused("the certificate is revoked")
            return
        raise Unavailable("CRL", "of the issuing authority is missing")


def load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM file.

    Raises:
        MalformedMessage: none, or one that is no certificate.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise MalformedMessage("no PEM certificate") from error


def load_crl(content: bytes) -> x509.CertificateRevocationList:
    """Read a CRL, DER or PEM.

    Raises:
        MalformedMessage: neither.
    """
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_crl(content)
        return x509.load_der_x509_crl(content)
    except ValueError as error:
        raise MalformedMessage("neither a DER nor a PEM CRL") from error


def check_path(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate],
    *,
    now: datetime,
    revocation: RevocationLists | None,
) -> None:
    """Check the path from leaf to an anchor: signatures, dates, CA flags, revocation of the leaf.

    The leaf is checked against its issuer's CRL; the authorities themselves are held by the anchors
    file, which the operator keeps. revocation None means "not checked", which only a command may
    ask.

    Raises:
        Refused: no path, a date out of range, an issuer that is no authority, revoked.
        Unavailable: revocation cannot be told.
    """
    _check_dates(leaf, now)
    current, issuer_of_leaf = leaf, None
    for _ in range(_MAX_PATH):
        issuer = _find_issuer(current, anchors) or _find_issuer(current, intermediates)
        if issuer is None:
            raise Refused("no path from the certificate to a trusted authority")
        _check_dates(issuer, now)
        issuer_of_leaf = issuer_of_leaf or issuer
        if issuer in anchors:
            if revocation is not None:
                revocation.check_not_revoked(leaf, issuer_of_leaf, now)
            return
        current = issuer
    raise Refused("the certificate path is too long")


def has_extended_key_usage(certificate: x509.Certificate, usage: x509.ObjectIdentifier) -> bool:
    """Tell whether the certificate is issued for this purpose."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return usage in extension.value


def dns_names(certificate: x509.Certificate) -> frozenset[str]:
    """Return the dNSNames of the certificate, in lower case."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(n.casefold() for n in extension.value.get_values_for_type(x509.DNSName))


def distinguished_name(text: str) -> frozenset[tuple[str, str]]:
    """Read a DN as printed on the white list: attribute OID and value, whatever order or spacing.

    Raises:
        InvalidValue: not a DN of RFC 4514.
    """
    normal = _SPACE_AROUND_SEPARATOR.sub(",", text.strip())
    try:
        return name_attributes(x509.Name.from_rfc4514_string(normal))
    except ValueError as error:
        raise InvalidValue("DNCertificatOperateur", "a DN of RFC 4514") from error


def name_attributes(name: x509.Name) -> frozenset[tuple[str, str]]:
    """Return a subject as attribute OID and value pairs, comparable whatever their order."""
    return frozenset((a.oid.dotted_string, " ".join(str(a.value).split())) for a in name)


def _find_issuer(
    certificate: x509.Certificate, candidates: Sequence[x509.Certificate]
) -> x509.Certificate | None:
    for candidate in candidates:
        try:
            certificate.verify_directly_issued_by(candidate)
        except (ValueError, TypeError, InvalidSignature):
            continue
        if _is_authority(candidate):
            return candidate
    return None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    return constraints.value.ca


def _is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    try:
        return crl.is_signature_valid(key)  # type: ignore[arg-type]  # a CA key is a signing key
    except TypeError:
        return False


def _check_dates(certificate: x509.Certificate, now: datetime) -> None:
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused("a certificate of the path is out of its dates")
