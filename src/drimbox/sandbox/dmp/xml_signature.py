"""What both signatures (VIHF, XAdES) share: shape of SignedInfo, allowed algorithms, certificates.

XML-DSig core. Only what DMP artefacts use is allowed; SHA-1 is among it because every official
sample of 2022-2023 signs with it.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from lxml import etree

from drimbox.sandbox.dmp.names import DSIG, qualified

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED: Final = f"{DSIG}enveloped-signature"
WITH_COMMENTS: Final = "#WithComments"
RSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1: Final = f"{DSIG}rsa-sha1"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
SHA1: Final = f"{DSIG}sha1"

SIGNATURE_METHODS: Final[dict[str, str]] = {RSA_SHA256: "sha256", RSA_SHA1: "sha1"}
DIGEST_METHODS: Final[dict[str, str]] = {SHA256: "sha256", SHA1: "sha1"}


class Broken(Exception):
    """A signature that does not have the shape it must have, or does not hold."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference; transforms are algorithm URIs in order."""

    uri: str
    kind: str
    transforms: tuple[str, ...]
    digest_method: str
    digest: bytes


def ds(name: str) -> str:
    return qualified(DSIG, name)


def one(parent: etree._Element, tag: str) -> etree._Element:
    """Return the only child of this name.

    Raises:
        Broken: none, or several.
    """
    found = parent.findall(tag)
    if len(found) != 1:
        raise Broken(f"{etree.QName(tag).localname}: exactly one is expected")
    return found[0]


def read_references(parent: etree._Element) -> tuple[Reference, ...]:
    return tuple(_reference(element) for element in parent.findall(ds("Reference")))


def canonicalization_of(signed_info: etree._Element) -> str:
    return one(signed_info, ds("CanonicalizationMethod")).get("Algorithm", "")


def signature_method_of(signed_info: etree._Element) -> str:
    """Return the signature algorithm.

    Raises:
        Broken: not one of SIGNATURE_METHODS.
    """
    algorithm = one(signed_info, ds("SignatureMethod")).get("Algorithm", "")
    if algorithm not in SIGNATURE_METHODS:
        raise Broken("the signature algorithm is not allowed")
    return algorithm


def presented_certificates(signature: etree._Element) -> tuple[x509.Certificate, ...]:
    """Return the certificates of KeyInfo, the signer's first.

    Raises:
        Broken: none, or something that is no certificate.
    """
    data = one(one(signature, ds("KeyInfo")), ds("X509Data"))
    texts = [element.text or "" for element in data.findall(ds("X509Certificate"))]
    if not texts:
        raise Broken("KeyInfo holds no X509Certificate")
    try:
        return tuple(x509.load_der_x509_certificate(decode_base64(text)) for text in texts)
    except ValueError as error:
        raise Broken("KeyInfo holds what is no certificate") from error


def decode_base64(text: str) -> bytes:
    """Decode xs:base64Binary.

    Raises:
        Broken: not base64.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Broken("not base64") from error


def _reference(element: etree._Element) -> Reference:
    transforms = element.find(ds("Transforms"))
    method = one(element, ds("DigestMethod")).get("Algorithm", "")
    if method not in DIGEST_METHODS:
        raise Broken("the digest algorithm is not allowed")
    return Reference(
        uri=element.get("URI", ""),
        kind=element.get("Type", ""),
        transforms=tuple(
            t.get("Algorithm", "")
            for t in ([] if transforms is None else transforms.findall(ds("Transform")))
        ),
        digest_method=method,
        digest=decode_base64(one(element, ds("DigestValue")).text or ""),
    )
