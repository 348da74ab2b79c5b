"""Whether the XAdES of a lot signs that lot: DMP signature document, XAdES 1.1.1 (IHE DSG).

    Signature @Id = uniqueId
      SignedInfo      Reference #IHEManifest, Reference #S0-SignedProperties
      KeyInfo         the signing certificate
      Object          SignatureProperties (purpose), Manifest, QualifyingProperties

Core validation is done here with lxml and cryptography: libxmlsec would dereference each urn:oid of
the Manifest through handlers that are global to the process.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from drimbox.errors import MalformedMessage, TooLarge
from drimbox.sandbox.dmp.certificates import (
    ORGANISATION_SIGNATURE,
    Untrusted,
    check_trusted,
    check_usage,
)
from drimbox.sandbox.dmp.document_kinds import SIGNATURE_EVENT
from drimbox.sandbox.dmp.names import DSIG, XADES, qualified
from drimbox.sandbox.dmp.xml_signature import (
    DIGEST_METHODS,
    EXCLUSIVE,
    INCLUSIVE,
    RSA_SHA256,
    WITH_COMMENTS,
    Broken,
    Reference,
    canonicalization_of,
    decode_base64,
    ds,
    one,
    presented_certificates,
    read_references,
    signature_method_of,
)
from drimbox.standards.safe_xml import parse_xml

_MAX_BYTES: Final = 1024 * 1024
_MANIFEST_TYPE: Final = f"{DSIG}Manifest"
_PROPERTIES_TYPE: Final = f"{XADES}SignedProperties"
_NO_DIGEST: Final = b"\x00"
"""The submission set has no octets: its DigestValue is AA== (IHE DSG)."""
_MAX_AHEAD: Final = timedelta(seconds=60)
_MAX_AGE: Final = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class SignedLot:
    """What the signature must cover: the set, and each other document's octets by uniqueId."""

    signature_id: str
    submission_set_id: str
    documents: Mapping[str, bytes]


def judge_signature(
    content: bytes, lot: SignedLot, signers: Sequence[x509.Certificate], now: datetime
) -> Iterator[str]:
    """Yield the first thing that makes the signature worthless, or nothing."""
    try:
        _check(content, lot, signers, now)
    except (Broken, Untrusted) as error:
        yield f"XAdES: {error}"
    except (MalformedMessage, TooLarge):
        yield "XAdES: the document is not readable as XML"


def _check(
    content: bytes, lot: SignedLot, signers: Sequence[x509.Certificate], now: datetime
) -> None:
    root = parse_xml(content, max_bytes=_MAX_BYTES)
    if root.tag != ds("Signature") or root.get("Id") != lot.signature_id:
        raise Broken("the root must be a Signature whose Id is the uniqueId of its entry")
    if sum(1 for _ in root.iter(ds("Signature"))) != 1:
        raise Broken("there must be one Signature")
    certificates = presented_certificates(root)
    check_trusted(certificates[0], certificates[1:], signers, now)
    check_usage(certificates[0], ORGANISATION_SIGNATURE)
    manifest = _object_child(root, ds("Manifest"))
    qualifying = _object_child(root, qualified(XADES, "QualifyingProperties"))
    signed_properties = one(qualifying, qualified(XADES, "SignedProperties"))
    _check_signed_info(root, {_MANIFEST_TYPE: manifest, _PROPERTIES_TYPE: signed_properties})
    _check_value(root, certificates[0])
    _check_purpose(root, lot.signature_id)
    _check_manifest(read_references(manifest), lot)
    _check_properties(qualifying, lot.signature_id, certificates[0], now)


def _object_child(root: etree._Element, tag: str) -> etree._Element:
    found = root.findall(f"{ds('Object')}/{tag}")
    if len(found) != 1:
        raise Broken(f"{etree.QName(tag).localname}: exactly one is expected")
    return found[0]


def _check_signed_info(root: etree._Element, signed: Mapping[str, etree._Element]) -> None:
    """Check that the two references cover manifest and properties, with their true digests."""
    references = {r.kind: r for r in read_references(one(root, ds("SignedInfo")))}
    if set(references) != set(signed):
        raise Broken("SignedInfo must reference the Manifest and the SignedProperties")
    for kind, element in signed.items():
        reference = references[kind]
        if not element.get("Id") or reference.uri != f"#{element.get('Id')}":
            raise Broken("a Reference names another element than the one it should sign")
        if len(reference.transforms) > 1:
            raise Broken("a Reference of SignedInfo may have one transform, a canonicalization")
        algorithm = reference.transforms[0] if reference.transforms else INCLUSIVE
        _check_digest(reference, canonical(element, algorithm))


def _check_digest(reference: Reference, octets: bytes) -> None:
    name = DIGEST_METHODS[reference.digest_method]
    if hashlib.new(name, octets, usedforsecurity=False).digest() != reference.digest:
        raise Broken("a DigestValue is not that of what it references")


def canonical(element: etree._Element, algorithm: str) -> bytes:
    """Canonicalize one element of a document, as a document subset.

    lxml forgets a default namespace declared on an ancestor when it writes a sub-element by
    inclusive C14N, so the element is first rebuilt with every namespace in its scope.

    Raises:
        Broken: an algorithm that is no canonicalization.
    """
    name = algorithm.removesuffix(WITH_COMMENTS)
    if name not in {INCLUSIVE, EXCLUSIVE}:
        raise Broken("the canonicalization is not allowed")
    copied = parse_xml(etree.tostring(element, with_tail=False), max_bytes=1 << 30)
    scope: dict[str, str] = element.nsmap  # type: ignore[assignment]  # None is the default one
    apex = etree.Element(element.tag, nsmap=scope)
    for key, value in copied.items():
        apex.set(key, value)
    apex.text = element.text
    apex.extend(list(copied))
    return etree.tostring(
        apex,
        method="c14n",
        exclusive=name == EXCLUSIVE,
        with_comments=algorithm.endswith(WITH_COMMENTS),
    )


def _check_value(root: etree._Element, certificate: x509.Certificate) -> None:
    signed_info = one(root, ds("SignedInfo"))
    method = signature_method_of(signed_info)
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise Broken("the signing key must be RSA")
    algorithm = hashes.SHA256() if method == RSA_SHA256 else hashes.SHA1()  # noqa: S303
    value = decode_base64(one(root, ds("SignatureValue")).text or "")
    octets = canonical(signed_info, canonicalization_of(signed_info))
    try:
        key.verify(value, octets, padding.PKCS1v15(), algorithm)
    except InvalidSignature:
        raise Broken("the SignatureValue does not verify") from None


def _check_purpose(root: etree._Element, signature_id: str) -> None:
    found = root.findall(f"{ds('Object')}/{ds('SignatureProperties')}/{ds('SignatureProperty')}")
    purposes = [(p.get("Target"), (p.text or "").strip()) for p in found]
    if purposes != [(f"#{signature_id}", SIGNATURE_EVENT[0])]:
        raise Broken("the purpose of the signature must be 1.2.840.10065.1.12.1.14")


def _check_manifest(references: Sequence[Reference], lot: SignedLot) -> None:
    expected = {f"urn:oid:{lot.submission_set_id}"} | {f"urn:oid:{uid}" for uid in lot.documents}
    if len(references) != len(expected) or {r.uri for r in references} != expected:
        raise Broken("the Manifest must reference the submission set and each document, once")
    for reference in references:
        unique_id = reference.uri.removeprefix("urn:oid:")
        if unique_id == lot.submission_set_id:
            if reference.digest != _NO_DIGEST:
                raise Broken("the DigestValue of the submission set must be AA==")
            continue
        _check_digest(reference, _signed_octets(reference, lot.documents[unique_id]))


def _signed_octets(reference: Reference, content: bytes) -> bytes:
    """Return what is digested: a DICOM file as it is, a CDA after the transform it names."""
    if not reference.transforms:
        return content
    if len(reference.transforms) > 1:
        raise Broken("a Reference of the Manifest may have one transform, a canonicalization")
    return canonical(parse_xml(content, max_bytes=32 * _MAX_BYTES), reference.transforms[0])


def _check_properties(
    qualifying: etree._Element, signature_id: str, certificate: x509.Certificate, now: datetime
) -> None:
    if qualifying.get("Target") != f"#{signature_id}":
        raise Broken("QualifyingProperties must target the Signature")
    properties = one(
        one(qualifying, _xades("SignedProperties")), _xades("SignedSignatureProperties")
    )
    _check_signing_time(one(properties, _xades("SigningTime")).text or "", now)
    cert = one(one(properties, _xades("SigningCertificate")), _xades("Cert"))
    digest = one(cert, _xades("CertDigest"))
    method = DIGEST_METHODS.get(one(digest, _xades("DigestMethod")).get("Algorithm", ""))
    if method is None:
        raise Broken("the digest algorithm of CertDigest is not allowed")
    der = certificate.public_bytes(Encoding.DER)
    value = decode_base64(one(digest, _xades("DigestValue")).text or "")
    if hashlib.new(method, der, usedforsecurity=False).digest() != value:
        raise Broken("CertDigest is not that of the signing certificate")
    serial = one(one(cert, _xades("IssuerSerial")), ds("X509SerialNumber")).text or ""
    if serial.strip() != str(certificate.serial_number):
        raise Broken("IssuerSerial is not that of the signing certificate")
    one(one(properties, _xades("SignaturePolicyIdentifier")), _xades("SignaturePolicyImplied"))


def _check_signing_time(text: str, now: datetime) -> None:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Broken("SigningTime is no xs:dateTime") from None
    if at.tzinfo is None:
        raise Broken("SigningTime must say its offset")
    if at.astimezone(UTC) - now > _MAX_AHEAD or now - at.astimezone(UTC) > _MAX_AGE:
        raise Broken("SigningTime is in the future, or more than 31 days old")


def _xades(name: str) -> str:
    return qualified(XADES, name)
