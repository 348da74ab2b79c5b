"""Write and sign a white list as ANS does: XAdES-BASELINE-B enveloped, XPath Filter 2, exc-c14n."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from lxml.builder import ElementMaker

from drimbox.model.access import Peer
from drimbox.sandbox.trusted_space.pki import Issued

NAMESPACE = "https://github.com/ansforge/DRIM-M_DATA"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_XADES = "http://uri.etsi.org/01903/v1.3.2#"
_FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

_list = ElementMaker(namespace=NAMESPACE, nsmap={None: NAMESPACE})
_ds = ElementMaker(namespace=_DS, nsmap={"ds": _DS})
_xades = ElementMaker(namespace=_XADES, nsmap={"xades": _XADES})


def sign_white_list(peers: Sequence[Peer], signer: Issued, *, generated_at: datetime) -> bytes:
    """Return the signed list, UTF-8."""
    root = white_list(peers, generated_at=generated_at)
    certificates = x509.load_pem_x509_certificates(signer.certificate_file.read_bytes())
    root.append(_signature(certificates, generated_at))
    # Parsed anew so that every namespace stands where the verifier will see it.
    root = etree.fromstring(etree.tostring(root))
    signature = root.find(f"{{{_DS}}}Signature")
    properties = root.find(f".//{{{_XADES}}}SignedProperties")
    assert signature is not None and properties is not None  # noqa: S101, PT018  # just built
    context = xmlsec.SignatureContext()
    key_file = str(signer.key_file)
    context.key = xmlsec.Key.from_file(key_file, xmlsec.constants.KeyDataFormatPem)
    context.register_id(properties, "Id", None)
    context.sign(signature)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def white_list(peers: Sequence[Peer], *, generated_at: datetime) -> etree._Element:
    """Return the list without a signature."""
    instant = generated_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    domains = [
        _list.Domaine(
            _list.Identifiant(peer.identifier),
            _list.db(peer.db_host),
            _list.vi(peer.vi_host),
            _list.Denomination(peer.name),
            _list.DNCertificatOperateur(peer.operator_dn),
            _list.SupportContact("support@example.org"),
            _list.DateMAJ(instant),
        )
        for peer in peers
    ]
    root: etree._Element = _list(
        "ListeBlancheDRIM-M",
        _list.DateDeGeneration(instant),
        _list.ListeDomaines(*domains),
        versionFormat="1.0.0",
    )
    return root


def _signature(certificates: Sequence[x509.Certificate], signed_at: datetime) -> etree._Element:
    xpath = etree.Element(
        f"{{{_FILTER}}}XPath",
        {"Filter": "subtract"},
        {None: _FILTER, "ds": _DS},  # type: ignore[dict-item]  # None = default namespace
    )
    xpath.text = "/descendant::ds:Signature"
    document = _reference(
        "", [_ds.Transform(xpath, Algorithm=_FILTER), _ds.Transform(Algorithm=_EXC_C14N)]
    )
    properties = _reference("#xades-1", [_ds.Transform(Algorithm=_EXC_C14N)])
    properties.set("Type", "http://uri.etsi.org/01903#SignedProperties")
    encoded = [base64.b64encode(c.public_bytes(Encoding.DER)).decode() for c in certificates]
    signature: etree._Element = _ds.Signature(
        _ds.SignedInfo(
            _ds.CanonicalizationMethod(Algorithm=_EXC_C14N),
            _ds.SignatureMethod(Algorithm=_RSA_SHA256),
            document,
            properties,
        ),
        _ds.SignatureValue(),
        _ds.KeyInfo(_ds.X509Data(*(_ds.X509Certificate(e) for e in encoded))),
        _ds.Object(_qualifying_properties(certificates[0], signed_at)),
        Id="signature-1",
    )
    return signature


def _reference(uri: str, transforms: Sequence[etree._Element]) -> etree._Element:
    reference: etree._Element = _ds.Reference(
        _ds.Transforms(*transforms),
        _ds.DigestMethod(Algorithm=_SHA256),
        _ds.DigestValue(),
        URI=uri,
    )
    return reference


def _qualifying_properties(signer: x509.Certificate, signed_at: datetime) -> etree._Element:
    digest = base64.b64encode(hashlib.sha256(signer.public_bytes(Encoding.DER)).digest()).decode()
    cert_digest = _xades.CertDigest(_ds.DigestMethod(Algorithm=_SHA256), _ds.DigestValue(digest))
    signed = _xades.SignedSignatureProperties(
        _xades.SigningTime(signed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        _xades.SigningCertificateV2(_xades.Cert(cert_digest)),
    )
    properties: etree._Element = _xades.QualifyingProperties(
        _xades.SignedProperties(signed, Id="xades-1"), Target="#signature-1"
    )
    return properties
