"""The steps that ANS asks for, then the list: signature, signer and dates, path, revocation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from drimbox.errors import Refused
from drimbox.standards.trusted_space.certificates import (
    RevocationLists,
    check_path,
    name_attributes,
)
from drimbox.standards.trusted_space.list_signature import verify_list_signature
from drimbox.standards.trusted_space.white_list import WhiteList, parse_white_list


@dataclass(frozen=True, slots=True)
class ExpectedSigner:
    """Who signs the list: CN and OU of the subject."""

    common_name: str = "Liste Blanche DRIM-M"
    organizational_unit: str = "318751275100020"


@dataclass(frozen=True, slots=True)
class VerifiedList:
    """A list whose signature holds, and the certificate that signed it."""

    white_list: WhiteList
    signer: x509.Certificate


def verify_white_list(
    content: bytes,
    *,
    signer: ExpectedSigner,
    anchors: Sequence[x509.Certificate] | None,
    revocation: RevocationLists | None,
    now: datetime,
) -> VerifiedList:
    """Verify and read a list. None for anchors or revocation means "not checked": commands only.

    Raises:
        MalformedMessage: not a signed white list.
        NotAuthenticated: the signature does not hold.
        Refused: another signer, out of its dates, without a path to an anchor, or revoked.
        Unavailable: revocation cannot be told.
    """
    signed = verify_list_signature(content)
    certificate = signed.signer
    if anchors is not None:
        check_path(certificate, signed.intermediates, anchors, now=now, revocation=revocation)
    elif not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise Refused("the signer's certificate is out of its dates")
    _check_signer(certificate, signer)
    return VerifiedList(parse_white_list(signed.content), certificate)


def _check_signer(certificate: x509.Certificate, expected: ExpectedSigner) -> None:
    attributes = dict(name_attributes(certificate.subject))
    wanted = {
        x509.NameOID.COMMON_NAME.dotted_string: expected.common_name,
        x509.NameOID.ORGANIZATIONAL_UNIT_NAME.dotted_string: expected.organizational_unit,
    }
    if any(attributes.get(oid) != value for oid, value in wanted.items()):
        raise Refused("the white list is not signed by the expected signer")
