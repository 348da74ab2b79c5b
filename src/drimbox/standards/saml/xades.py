"""XAdES 1.1.1 signature of a lot: the enveloping ds:Signature of the DMP (xds-dmp 2.6, IHE DSG).

    ds:Signature Id=<uniqueId of the signature document>
      SignedInfo      c14n with comments; one reference to the Manifest, one to SignedProperties
      SignatureValue, KeyInfo
      Object          SignatureProperties: purpose of signature, source (1.2.840.10065.1.12.1.14)
      Object          Manifest: urn:oid of the submission set (digest AA==) and of each document
      Object          QualifyingProperties: signing time, signing certificate, implied policy

The method is inclusive c14n, which lxml gets wrong on a sub-element whose default namespace is
declared by an ancestor. So each signed element is built standing alone, with its own declarations,
and canonicalised in exclusive mode: both give the same octets when every namespace in scope is
visibly used, and that holds here.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from drimbox.standards.safe_xml import parse_xml
from drimbox.standards.saml.signing_key import (
    NameFormat,
    SignatureAlgorithm,
    SigningKey,
    format_name,
)
from drimbox.standards.saml.xml_signature import DS, default_namespace

XADES = "http://uri.etsi.org/01903/v1.1.1#"
C14N_WITH_COMMENTS = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
PURPOSE_SOURCE = "1.2.840.10065.1.12.1.14"
MANIFEST_ID = "IHEManifest"
SIGNED_PROPERTIES_ID = "S0-SignedProperties"
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024

# The submission set is named, not digested: it is no file (IHE DSG, ANS samples).
_NO_DIGEST = "AA=="
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """One document of the lot: its uniqueId (an OID), and its octets as they will be sent."""

    unique_id: str
    mime_type: str
    content: bytes

    def __repr__(self) -> str:
        return f"SignedDocument({self.unique_id}, {len(self.content)} octets)"


@dataclass(frozen=True, slots=True)
class _Digests:
    """The algorithm of the digests, by its URI and its hashlib name."""

    uri: str
    name: str

    def digest(self, content: bytes) -> str:
        algorithm = hashlib.new(self.name, content, usedforsecurity=False)
        return base64.b64encode(algorithm.digest()).decode()


_DIGESTS = {
    SignatureAlgorithm.RSA_SHA256: (_RSA_SHA256, _Digests(_SHA256, "sha256")),
    SignatureAlgorithm.RSA_SHA1: (f"{DS}rsa-sha1", _Digests(f"{DS}sha1", "sha1")),
}


@dataclass(frozen=True, slots=True)
class LotToSign:
    """What a signature is made of; signature_id is the uniqueId of the signature document."""

    submission_set_unique_id: str
    documents: Sequence[SignedDocument]
    signature_id: str
    signed_at: datetime


def encode_lot_signature(lot: LotToSign, key: SigningKey, algorithm: SignatureAlgorithm) -> bytes:
    """Sign a lot; the same lot and key give the same octets.

    Raises:
        MalformedMessage: a text/xml document that is not XML.
    """
    method, digests = _DIGESTS[algorithm]
    manifest = _manifest(lot, digests)
    properties = _signed_properties(lot.signed_at, key, digests)
    signed_info = _signed_info(method, digests, manifest, properties)
    value = key.sign(_canonical(signed_info), algorithm)

    signature = etree.Element(
        f"{{{DS}}}Signature", {"Id": lot.signature_id}, nsmap=default_namespace(DS)
    )
    signature.append(signed_info)
    _add(signature, "SignatureValue").text = base64.b64encode(value).decode()
    x509_data = _add(_add(signature, "KeyInfo"), "X509Data")
    _add(x509_data, "X509Certificate").text = base64.b64encode(key.certificate_der).decode()
    target = f"#{lot.signature_id}"
    purpose = _add(_add(_add(signature, "Object"), "SignatureProperties"), "SignatureProperty")
    purpose.set("Id", "purposeOfSignature")
    purpose.set("Target", target)
    purpose.text = PURPOSE_SOURCE
    _add(signature, "Object").append(manifest)
    qualifying = etree.SubElement(
        _add(signature, "Object"),
        f"{{{XADES}}}QualifyingProperties",
        {"Target": target},
        nsmap=default_namespace(XADES),
    )
    qualifying.append(properties)
    return etree.tostring(signature, xml_declaration=True, encoding="UTF-8")


def _manifest(lot: LotToSign, digests: _Digests) -> etree._Element:
    manifest = etree.Element(f"{{{DS}}}Manifest", {"Id": MANIFEST_ID}, nsmap=default_namespace(DS))
    reference = _add(manifest, "Reference")
    reference.set("URI", f"urn:oid:{lot.submission_set_unique_id}")
    _add_digest(reference, digests, _NO_DIGEST)
    for document in lot.documents:
        reference = _add(manifest, "Reference")
        reference.set("URI", f"urn:oid:{document.unique_id}")
        content = document.content
        if document.mime_type == "text/xml":
            transform = _add(_add(reference, "Transforms"), "Transform")
            transform.set("Algorithm", C14N_WITH_COMMENTS)
            content = _canonical_document(content)
        _add_digest(reference, digests, digests.digest(content))
    return manifest


def _signed_properties(signed_at: datetime, key: SigningKey, digests: _Digests) -> etree._Element:
    properties = etree.Element(
        f"{{{XADES}}}SignedProperties", {"Id": SIGNED_PROPERTIES_ID}, nsmap=default_namespace(XADES)
    )
    signature_properties = _add(properties, "SignedSignatureProperties", XADES)
    _add(signature_properties, "SigningTime", XADES).text = signed_at.astimezone(UTC).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    certificate = _add(_add(signature_properties, "SigningCertificate", XADES), "Cert", XADES)
    _add_digest(
        _add(certificate, "CertDigest", XADES), digests, digests.digest(key.certificate_der), XADES
    )
    issuer = _add(certificate, "IssuerSerial", XADES)
    for name, text in (
        ("X509IssuerName", format_name(key.certificate.issuer, NameFormat.RFC4514)),
        ("X509SerialNumber", str(key.certificate.serial_number)),
    ):
        etree.SubElement(issuer, f"{{{DS}}}{name}", nsmap=default_namespace(DS)).text = text
    policy = _add(signature_properties, "SignaturePolicyIdentifier", XADES)
    _add(policy, "SignaturePolicyImplied", XADES)
    _add(properties, "SignedDataObjectProperties", XADES)
    return properties


def _signed_info(
    method: str, digests: _Digests, manifest: etree._Element, properties: etree._Element
) -> etree._Element:
    info = etree.Element(f"{{{DS}}}SignedInfo", nsmap=default_namespace(DS))
    _add(info, "CanonicalizationMethod").set("Algorithm", C14N_WITH_COMMENTS)
    _add(info, "SignatureMethod").set("Algorithm", method)
    for kind, element in ((f"{DS}Manifest", manifest), (f"{XADES}SignedProperties", properties)):
        reference = _add(info, "Reference")
        reference.set("Type", kind)
        reference.set("URI", f"#{element.get('Id')}")
        _add_digest(reference, digests, digests.digest(_canonical(element)))
    return info


def _add_digest(parent: etree._Element, digests: _Digests, value: str, namespace: str = DS) -> None:
    _add(parent, "DigestMethod", namespace).set("Algorithm", digests.uri)
    _add(parent, "DigestValue", namespace).text = value


def _add(parent: etree._Element, name: str, namespace: str = DS) -> etree._Element:
    return etree.SubElement(parent, f"{{{namespace}}}{name}")


def _canonical(element: etree._Element) -> bytes:
    """Canonicalise an element that stands alone (see the head of this file)."""
    return etree.tostring(element, method="c14n", exclusive=True, with_comments=True)


def _canonical_document(content: bytes) -> bytes:
    """Canonicalise a whole document, where lxml's inclusive mode is right."""
    root = parse_xml(content, max_bytes=MAX_DOCUMENT_BYTES)
    return etree.tostring(root.getroottree(), method="c14n", with_comments=True)
