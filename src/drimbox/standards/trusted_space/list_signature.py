"""The signature of the white list: XAdES-BASELINE-B, enveloped, as ANS makes it.

    ListeBlancheDRIM-M
      ├── DateDeGeneration, ListeDomaines        <- what the first reference covers
      └── ds:Signature
            ├── SignedInfo   exc-c14n, RSA-SHA256
            │     ├── Reference URI=""             minus every ds:Signature, exc-c14n, SHA-256
            │     └── Reference URI="#..."         SignedProperties, exc-c14n, SHA-256
            ├── KeyInfo/X509Data                   candidates, never trusted by themselves
            └── Object/QualifyingProperties/SignedProperties (SigningCertificate digest)

Everything else is refused: another shape could cover less than it seems (signature wrapping).
"""

import base64
import hashlib
from copy import deepcopy
from dataclasses import dataclass

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from drimbox.errors import MalformedMessage, NotAuthenticated
from drimbox.standards.safe_xml import parse_xml

MAX_BYTES = 8 * 1024 * 1024
DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES = "http://uri.etsi.org/01903#SignedProperties"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
XPATH_FILTER_2 = "http://www.w3.org/2002/06/xmldsig-filter2"
ENVELOPED = f"{DS}enveloped-signature"
_SIGNATURE_ALGORITHMS = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#rsa-{digest}"
    for digest in ("sha256", "sha384", "sha512")
)
_DIGESTS = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_N = {"ds": DS, "xades": XADES, "filter": XPATH_FILTER_2}


@dataclass(frozen=True, slots=True)
class SignedList:
    """What the signature covers, by whom; the signer's path is still to be checked."""

    content: etree._Element
    signer: x509.Certificate
    intermediates: tuple[x509.Certificate, ...]


def verify_list_signature(content: bytes) -> SignedList:
    """Verify the signature and return what it covers, read anew from the octets digested.

    Comments are not covered, and would cut a text in two: they are gone from what is returned.

    Raises:
        MalformedMessage: not XML, or no signature of the expected shape.
        NotAuthenticated: the signature does not hold.
    """
    root = parse_xml(content, max_bytes=MAX_BYTES)
    signatures = list(root.iter(f"{{{DS}}}Signature"))
    if len(signatures) != 1 or signatures[0].getparent() is not root:
        raise MalformedMessage("exactly one signature, child of the root", where="Signature")
    signature = signatures[0]
    properties = _check_shape(signature)
    certificates = _certificates(signature)
    signer = _signer(certificates, properties)
    _verify(signature, properties, signer)
    covered = deepcopy(root)
    covered.remove(_only(covered, "ds:Signature"))
    octets = etree.tostring(covered, method="c14n", exclusive=True, with_comments=False)
    read = parse_xml(octets, max_bytes=MAX_BYTES)
    return SignedList(read, signer, tuple(c for c in certificates if c != signer))


def _check_shape(signature: etree._Element) -> etree._Element:
    """Check the closed list of algorithms and references; return the SignedProperties element."""
    info = _only(signature, "ds:SignedInfo")
    _check_algorithm(_only(info, "ds:CanonicalizationMethod"), {EXCLUSIVE_C14N})
    _check_algorithm(_only(info, "ds:SignatureMethod"), _SIGNATURE_ALGORITHMS)
    references = info.findall("ds:Reference", _N)
    documents = [r for r in references if r.get("URI") == ""]
    others = [r for r in references if r.get("Type") == SIGNED_PROPERTIES]
    if len(references) != 2 or len(documents) != 1 or len(others) != 1:
        raise MalformedMessage("one reference to the document, one to SignedProperties")
    _check_document_transforms(documents[0])
    _check_transforms(others[0], [{EXCLUSIVE_C14N}])
    for reference in references:
        _check_algorithm(_only(reference, "ds:DigestMethod"), set(_DIGESTS))
    properties = _only(signature, "ds:Object/xades:QualifyingProperties/xades:SignedProperties")
    if others[0].get("URI") != f"#{properties.get('Id')}":
        raise MalformedMessage("the second reference is not this signature's SignedProperties")
    return properties


def _check_document_transforms(reference: etree._Element) -> None:
    _check_transforms(reference, [{XPATH_FILTER_2, ENVELOPED}, {EXCLUSIVE_C14N}])
    first = reference.findall("ds:Transforms/ds:Transform", _N)[0]
    if first.get("Algorithm") == ENVELOPED:
        return
    xpath = _only(first, "filter:XPath")
    steps = (xpath.text or "").strip()
    prefix = steps.removeprefix("/descendant::").removesuffix("Signature").rstrip(":")
    if (
        xpath.get("Filter") != "subtract"
        or steps != f"/descendant::{prefix}:Signature"
        or xpath.nsmap.get(prefix) != DS
    ):
        raise MalformedMessage("subtract /descendant::ds:Signature", where="XPath")


def _check_transforms(reference: etree._Element, allowed: list[set[str]]) -> None:
    transforms = reference.findall("ds:Transforms/ds:Transform", _N)
    if len(transforms) != len(allowed):
        raise MalformedMessage("unexpected transforms", where="Reference")
    for transform, algorithms in zip(transforms, allowed, strict=True):
        _check_algorithm(transform, algorithms)


def _check_algorithm(element: etree._Element, allowed: set[str] | frozenset[str]) -> None:
    if element.get("Algorithm") not in allowed:
        name = etree.QName(element).localname
        raise MalformedMessage("algorithm not allowed", where=name)


def _certificates(signature: etree._Element) -> list[x509.Certificate]:
    found = signature.findall("ds:KeyInfo/ds:X509Data/ds:X509Certificate", _N)
    try:
        return [x509.load_der_x509_certificate(base64.b64decode(e.text or "")) for e in found]
    except ValueError as error:
        raise MalformedMessage("not a certificate", where="X509Certificate") from error


def _signer(certificates: list[x509.Certificate], properties: etree._Element) -> x509.Certificate:
    """Find the certificate whose digest the signed properties hold (XAdES SigningCertificate)."""
    path = ".//xades:SigningCertificate{}/xades:Cert/xades:CertDigest"
    digests = [d for v in ("V2", "") for d in properties.findall(path.format(v), _N)]
    if not digests:
        raise MalformedMessage("no SigningCertificate", where="SignedProperties")
    algorithm = _DIGESTS.get(_only(digests[0], "ds:DigestMethod").get("Algorithm", ""))
    if algorithm is None:
        raise MalformedMessage("digest not allowed", where="SigningCertificate")
    wanted = base64.b64decode(_only(digests[0], "ds:DigestValue").text or "")
    for certificate in certificates:
        der = certificate.public_bytes(Encoding.DER)
        if hashlib.new(algorithm, der).digest() == wanted:
            return certificate
    raise NotAuthenticated("the signing certificate is not in X509Data")


def _verify(
    signature: etree._Element, properties: etree._Element, signer: x509.Certificate
) -> None:
    context = xmlsec.SignatureContext()
    pem = signer.public_bytes(Encoding.PEM)
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    context.register_id(properties, "Id", None)
    try:
        context.verify(signature)
    except xmlsec.Error as error:
        raise NotAuthenticated("the signature of the white list does not hold") from error


def _only(parent: etree._Element, path: str) -> etree._Element:
    found = parent.findall(path, _N)
    if len(found) != 1:
        raise MalformedMessage("exactly one", where=path.rpartition(":")[2])
    return found[0]
