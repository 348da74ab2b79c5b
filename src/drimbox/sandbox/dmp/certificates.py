"""Certificates as IGC-Santé issues them to organisations: ORG AUTH_CLI (TLS) and ORG SIGN."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

CLIENT_AUTHENTICATION: Final = ExtendedKeyUsageOID.CLIENT_AUTH
ORGANISATION_SIGNATURE: Final = ExtendedKeyUsageOID.EMAIL_PROTECTION
_MAX_PATH: Final = 5
_ESCAPED: Final = re.compile(r"\\([0-9A-Fa-f]{2})|\\(.)")
_RDN_END: Final = re.compile(r"(?<!\\),\s*")
_ATTRIBUTE_NAMES: Final[dict[ObjectIdentifier, str]] = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
}


class Untrusted(Exception):
    """A certificate that this DMP does not accept; the text says which rule."""


def load_all(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM text."""
    return tuple(x509.load_pem_x509_certificates(pem))


def structure_of(certificate: x509.Certificate) -> str:
    """Return OU, the Struct_IdNat of an organisation's certificate; "" unless there is one."""
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    return str(units[0].value) if len(units) == 1 else ""


def check_usage(certificate: x509.Certificate, usage: ObjectIdentifier) -> None:
    """Check key usage and extended key usage.

    Raises:
        Untrusted: the certificate is not made for this.
    """
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        key_usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise Untrusted("the certificate says no key usage") from error
    if usage not in extended:
        raise Untrusted("the certificate's extended key usage is for something else")
    if not key_usage.digital_signature:
        raise Untrusted("the certificate's key usage does not allow signatures")


def check_trusted(
    certificate: x509.Certificate,
    presented: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    now: datetime,
) -> None:
    """Check dates and the path from a certificate to one of those trusted (itself included).

    Raises:
        Untrusted: expired, not yet valid, or no path.
    """
    current = certificate
    for _ in range(_MAX_PATH):
        if not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            raise Untrusted("a certificate of the path is outside its dates")
        if current in trusted:
            return
        issuer = next((c for c in (*trusted, *presented) if _is_issued_by(current, c)), None)
        if issuer is None:
            raise Untrusted("no path from the certificate to a trusted authority")
        current = issuer
    raise Untrusted("the path of the certificate is too long")


def is_subject(text: str, certificate: x509.Certificate) -> bool:
    """Tell whether a distinguished name, forward or backward, spaced or not, is the subject."""
    named = [part.partition("=") for part in _RDN_END.split(text.strip())]
    attributes = [(key.strip().upper(), _unescape(value)) for key, _, value in named]
    subject = [
        (_ATTRIBUTE_NAMES.get(a.oid, a.oid.dotted_string), str(a.value))
        for a in certificate.subject
    ]
    return attributes in (subject, subject[::-1])


def _unescape(text: str) -> str:
    octets = bytearray()
    position = 0
    for match in _ESCAPED.finditer(text):
        octets += text[position : match.start()].encode()
        octets += bytes.fromhex(match[1]) if match[1] else match[2].encode()
        position = match.end()
    octets += text[position:].encode()
    return octets.decode("utf-8", "replace")


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.ca
