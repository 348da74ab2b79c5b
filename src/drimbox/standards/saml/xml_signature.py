"""Enveloped XML signatures of a SAML assertion: made and verified (XML-DSig 1.1, SAML core 5.4).

One shape is accepted, whatever else XML-DSig allows (signature wrapping, X4):

    element ID="x"
      ds:Signature                          the only one below the root
        ds:SignedInfo                       exc-c14n, RSA
          ds:Reference URI="#x"             the only one; enveloped-signature, then exc-c14n
        ds:SignatureValue
        ds:KeyInfo                          never looked at: the caller says whose key it is
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import cast

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from drimbox.errors import MalformedMessage, NotAuthenticated
from drimbox.standards.safe_xml import parse_xml
from drimbox.standards.saml.signing_key import SignatureAlgorithm, SigningKey

DS = "http://www.w3.org/2000/09/xmldsig#"
EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"

_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
_ENC = "http://www.w3.org/2001/04/xmlenc#"
_SIGNATURES = frozenset(f"{_MORE}rsa-{digest}" for digest in ("sha256", "sha384", "sha512"))
_DIGESTS = frozenset({f"{_ENC}sha256", f"{_MORE}sha384", f"{_ENC}sha512"})
_SHA1_SIGNATURE = f"{DS}rsa-sha1"
_SHA1_DIGEST = f"{DS}sha1"
_NS = {"ds": DS}
_MAX_SIGNED_BYTES = 8 * 1024 * 1024
_ID_ATTRIBUTES = ("ID", "Id", "id")


def default_namespace(namespace: str) -> dict[str, str]:
    """Return the nsmap of an element without prefix; lxml-stubs do not know the None prefix."""
    return cast("dict[str, str]", {None: namespace})


def sign_enveloped(
    element: etree._Element, key: SigningKey, algorithm: SignatureAlgorithm, *, position: int
) -> None:
    """Sign an element that has an ID; the signature becomes its child at that position."""
    is_sha1 = algorithm is SignatureAlgorithm.RSA_SHA1
    constants = xmlsec.constants
    signature = xmlsec.template.create(
        element,
        constants.TransformExclC14N,
        constants.TransformRsaSha1 if is_sha1 else constants.TransformRsaSha256,
        ns="ds",
    )
    element.insert(position, signature)
    reference = xmlsec.template.add_reference(
        signature,
        constants.TransformSha1 if is_sha1 else constants.TransformSha256,
        uri=f"#{element.get('ID')}",
    )
    xmlsec.template.add_transform(reference, constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, constants.TransformExclC14N)
    x509_data = xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(signature))
    xmlsec.template.x509_data_add_certificate(x509_data)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key.private_key_pem, constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(key.certificate_der, constants.KeyDataFormatCertDer)
    context.register_id(element, "ID", None)
    context.sign(signature)


def verify_enveloped(
    element: etree._Element,
    certificates: Sequence[x509.Certificate],
    *,
    allow_sha1: bool = False,
) -> etree._Element:
    """Verify the one signature of an element by one of these certificates; return what it covers.

    The result is a fresh document of the canonical octets that were digested, without the
    signature: read that, not the element that was given. Validity dates and revocation of the
    certificates are the caller's to check.

    Raises:
        MalformedMessage: not the one accepted shape.
        NotAuthenticated: no certificate verifies it.
    """
    signature = _find_signature(element)
    _check_shape(signature, element, allow_sha1=allow_sha1)
    if not any(_holds(signature, element, certificate) for certificate in certificates):
        raise NotAuthenticated("the signature does not hold")
    # Exclusive mode: inclusive c14n of a sub-element is wrong in lxml (see xades.py).
    covered = _without_signature(element)
    octets = etree.tostring(covered, method="c14n", exclusive=True, with_comments=False)
    return parse_xml(octets, max_bytes=_MAX_SIGNED_BYTES)


def _find_signature(element: etree._Element) -> etree._Element:
    """Find the only signature of the whole document, child of the element."""
    root = element.getroottree().getroot()
    signatures = list(root.iter(f"{{{DS}}}Signature"))
    if len(signatures) != 1 or signatures[0].getparent() is not element:
        raise MalformedMessage("exactly one, child of what it signs", where="ds:Signature")
    return signatures[0]


def _check_shape(signature: etree._Element, element: etree._Element, *, allow_sha1: bool) -> None:
    info = _only(signature, "SignedInfo")
    reference = _only(info, "Reference")
    identifier = element.get("ID", "")
    if not identifier or reference.get("URI") != f"#{identifier}":
        raise MalformedMessage("the ID of the signed element", where="Reference/@URI")
    _check_unique(element, identifier)
    signatures = _SIGNATURES | ({_SHA1_SIGNATURE} if allow_sha1 else frozenset())
    digests = _DIGESTS | ({_SHA1_DIGEST} if allow_sha1 else frozenset())
    _check_algorithm(_only(info, "CanonicalizationMethod"), {EXCLUSIVE_C14N})
    _check_algorithm(_only(info, "SignatureMethod"), signatures)
    _check_algorithm(_only(reference, "DigestMethod"), digests)
    transforms = reference.findall("ds:Transforms/ds:Transform", _NS)
    if [t.get("Algorithm") for t in transforms] != [ENVELOPED, EXCLUSIVE_C14N]:
        raise MalformedMessage("enveloped-signature, then exc-c14n", where="ds:Transforms")
    if signature.find("ds:Object", _NS) is not None:
        raise MalformedMessage("not allowed here", where="ds:Object")


def _check_unique(element: etree._Element, identifier: str) -> None:
    """Refuse a document where another element bears the same identifier, in any spelling."""
    root = element.getroottree().getroot()
    bearers = [
        found
        for found in root.iter(etree.Element)
        if any(found.get(name) == identifier for name in _ID_ATTRIBUTES)
    ]
    if bearers != [element]:
        raise MalformedMessage("borne by two elements", where="ID")


def _check_algorithm(element: etree._Element, allowed: set[str] | frozenset[str]) -> None:
    if element.get("Algorithm") not in allowed:
        raise MalformedMessage("not allowed", where=f"{etree.QName(element).localname}/@Algorithm")
    if len(element):
        raise MalformedMessage("no parameter", where=etree.QName(element).localname)


def _holds(
    signature: etree._Element, element: etree._Element, certificate: x509.Certificate
) -> bool:
    context = xmlsec.SignatureContext()
    pem = certificate.public_bytes(Encoding.PEM)
    context.key = xmlsec.Key.from_memory(pem, xmlsec.constants.KeyDataFormatCertPem)
    context.register_id(element, "ID", None)
    try:
        context.verify(signature)
    except xmlsec.Error:
        return False
    return True


def _only(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(f"ds:{name}", _NS)
    if len(found) != 1:
        raise MalformedMessage("exactly one", where=f"ds:{name}")
    return found[0]


def _without_signature(element: etree._Element) -> etree._Element:
    """Copy an element without its signature, but with the text behind it, which was digested."""
    copied = deepcopy(element)
    signature = _only(copied, "Signature")
    previous, tail = signature.getprevious(), signature.tail or ""
    if previous is not None:
        previous.tail = (previous.tail or "") + tail
    else:
        copied.text = (copied.text or "") + tail
    copied.remove(signature)
    return copied
