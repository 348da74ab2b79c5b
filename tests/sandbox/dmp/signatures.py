"""VIHF and XAdES made for these tests alone, with their own canonicalization and signing code.

Each signed element is written standing alone with its own namespaces, so that inclusive and
exclusive canonicalization agree.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from lxml import etree
from tests.sandbox.dmp.pki import Holder

DS = "http://www.w3.org/2000/09/xmldsig#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
XADES = "http://uri.etsi.org/01903/v1.1.1#"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA1, SHA256 = f"{DS}sha1", "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ROLE_SYSTEM, SPECIALITY_SYSTEM = "1.2.250.1.71.1.2.7", "1.2.250.1.71.4.2.5"

Change = Callable[[etree._Element], object]


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def sha1(octets: bytes) -> bytes:
    return hashlib.sha1(octets, usedforsecurity=False).digest()


def canonical(text: str) -> bytes:
    return etree.tostring(etree.fromstring(text), method="c14n", exclusive=True, with_comments=True)


def certificate_info(holder: Holder) -> str:
    return (
        f'<KeyInfo xmlns="{DS}"><X509Data><X509Certificate>{b64(holder.der)}'
        "</X509Certificate></X509Data></KeyInfo>"
    )


def signed_value(signed_info: bytes, holder: Holder, algorithm: str) -> str:
    digest = hashes.SHA256() if algorithm == RSA_SHA256 else hashes.SHA1()  # noqa: S303
    return b64(holder.key.sign(signed_info, padding.PKCS1v15(), digest))


def manifest(set_id: str, documents: Mapping[str, bytes]) -> str:
    digests = {set_id: "AA=="} | {uid: b64(sha1(octets)) for uid, octets in documents.items()}
    listed = "".join(
        f'<Reference URI="urn:oid:{uid}"><DigestMethod Algorithm="{SHA1}"/>'
        f"<DigestValue>{digest}</DigestValue></Reference>"
        for uid, digest in digests.items()
    )
    return f'<Manifest xmlns="{DS}" Id="IHEManifest">{listed}</Manifest>'


def signed_properties(holder: Holder, now: datetime) -> str:
    return (
        f'<SignedProperties xmlns="{XADES}" Id="S0-SignedProperties"><SignedSignatureProperties>'
        f"<SigningTime>{now - timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}</SigningTime>"
        f'<SigningCertificate><Cert><CertDigest><DigestMethod Algorithm="{SHA1}"/>'
        f"<DigestValue>{b64(sha1(holder.der))}</DigestValue></CertDigest><IssuerSerial>"
        f'<X509IssuerName xmlns="{DS}">CN=TEST</X509IssuerName>'
        f'<X509SerialNumber xmlns="{DS}">{holder.certificate.serial_number}</X509SerialNumber>'
        "</IssuerSerial></Cert></SigningCertificate><SignaturePolicyIdentifier>"
        "<SignaturePolicyImplied/></SignaturePolicyIdentifier></SignedSignatureProperties>"
        "<SignedDataObjectProperties/></SignedProperties>"
    )


def lot_signed_info(texts: Mapping[str, str]) -> str:
    parts = (
        (f"{DS}Manifest", "IHEManifest", texts["manifest"]),
        (f"{XADES}SignedProperties", "S0-SignedProperties", texts["properties"]),
    )
    references = "".join(
        f'<Reference Type="{kind}" URI="#{name}"><DigestMethod Algorithm="{SHA1}"/>'
        f"<DigestValue>{b64(sha1(canonical(text)))}</DigestValue></Reference>"
        for kind, name, text in parts
    )
    return (
        f'<SignedInfo xmlns="{DS}"><CanonicalizationMethod Algorithm="{texts["c14n"]}"/>'
        f'<SignatureMethod Algorithm="{texts["method"]}"/>{references}</SignedInfo>'
    )


def xades(
    signature_id: str,
    set_id: str,
    documents: Mapping[str, bytes],
    holder: Holder,
    *,
    now: datetime,
    before: Callable[[dict[str, str]], object] | None = None,
) -> bytes:
    """before may change the texts (manifest, properties, purpose, …) ahead of signing."""
    texts = {
        "manifest": manifest(set_id, documents),
        "properties": signed_properties(holder, now),
        "purpose": "1.2.840.10065.1.12.1.14",
        "id": signature_id,
        "method": RSA_SHA256,
        "c14n": C14N,
    }
    if before:
        before(texts)
    info = lot_signed_info(texts)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Signature xmlns="{DS}" Id="{texts["id"]}">{info}'
        f"<SignatureValue>{signed_value(canonical(info), holder, texts['method'])}</SignatureValue>"
        f"{certificate_info(holder)}<Object><SignatureProperties><SignatureProperty "
        f'Id="purposeOfSignature" Target="#{texts["id"]}">{texts["purpose"]}</SignatureProperty>'
        f"</SignatureProperties></Object><Object>{texts['manifest']}</Object><Object>"
        f'<QualifyingProperties xmlns="{XADES}" Target="#{texts["id"]}">{texts["properties"]}'
        "</QualifyingProperties></Object></Signature>"
    ).encode()


def attribute(name: str, *values: str) -> str:
    listed = "".join(f"<saml2:AttributeValue>{value}</saml2:AttributeValue>" for value in values)
    return f'<saml2:Attribute Name="{name}">{listed}</saml2:Attribute>'


def coded(element: str, code: str, system: str) -> str:
    return (
        f'<{element} xmlns="urn:hl7-org:v3" xsi:type="CE" code="{code}" codeSystem="{system}"'
        ' displayName="x"/>'
    )


def statement(patient_id: str, mode: str, structure: str) -> str:
    """The AttributeStatement of a radiologist."""
    resource = patient_id.replace("&", "&amp;")
    attributes = [
        attribute("VIHF_Version", "4.0"),
        attribute("Identifiant_Structure", structure),
        attribute("Secteur_Activite", "SA07^1.2.250.1.71.4.2.4"),
        attribute("Authentification_Mode", mode),
        attribute("urn:oasis:names:tc:xacml:2.0:resource:resource-id", resource),
        attribute("Ressource_URN", "urn:dmp"),
        attribute("urn:oasis:names:tc:xspa:1.0:subject:subject-id", "KIT DOC0036790"),
        attribute(
            "urn:oasis:names:tc:xacml:2.0:subject:role",
            coded("Role", "10", ROLE_SYSTEM),
            coded("Role", "SM44", SPECIALITY_SYSTEM),
        ),
        attribute(
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
            coded("PurposeOfUse", "normal", "1.2.250.1.213.1.1.4.248"),
        ),
        attribute("LPS_Nom", "tester"),
        attribute("LPS_Version", "1"),
        attribute("LPS_ID_HOMOLOGATION_DMP", "TST-000000-tst0"),
    ]
    return f"<saml2:AttributeStatement>{''.join(attributes)}</saml2:AttributeStatement>"


def vihf(
    patient_id: str,
    mode: str,
    holder: Holder,
    *,
    now: datetime,
    structure: str,
    before: Change | None = None,
) -> etree._Element:
    """A whole signed assertion; before changes it ahead of signing."""
    instant = f"{now - timedelta(seconds=2):%Y-%m-%dT%H:%M:%SZ}"
    assertion = etree.fromstring(
        f'<saml2:Assertion xmlns:saml2="{SAML}" xmlns:xsi="{XSI}" ID="_a1" Version="2.0"'
        f' IssueInstant="{instant}"><saml2:Issuer Format="urn:oasis:names:tc:SAML:1.1:nameid-format'
        f':X509SubjectName">{holder.certificate.subject.rfc4514_string()}</saml2:Issuer>'
        "<saml2:Subject><saml2:NameID>899700367909</saml2:NameID></saml2:Subject>"
        f'<saml2:AuthnStatement AuthnInstant="{instant}"><saml2:AuthnContext>'
        "<saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient"
        "</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
        f"{statement(patient_id, mode, structure)}</saml2:Assertion>"
    )
    if before:
        before(assertion)
    assertion.insert(1, _enveloped(assertion, holder))
    return assertion


def _enveloped(assertion: etree._Element, holder: Holder) -> etree._Element:
    octets = etree.tostring(assertion, method="c14n", exclusive=True)
    info = (
        f'<SignedInfo xmlns="{DS}"><CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        f'<SignatureMethod Algorithm="{RSA_SHA256}"/><Reference URI="#{assertion.get("ID")}">'
        f'<Transforms><Transform Algorithm="{DS}enveloped-signature"/>'
        f'<Transform Algorithm="{EXCLUSIVE}"/></Transforms><DigestMethod Algorithm="{SHA256}"/>'
        f"<DigestValue>{b64(hashlib.sha256(octets).digest())}</DigestValue></Reference></SignedInfo>"
    )
    value = signed_value(canonical(info), holder, RSA_SHA256)
    return etree.fromstring(
        f'<Signature xmlns="{DS}">{info}<SignatureValue>{value}</SignatureValue>'
        f"{certificate_info(holder)}</Signature>"
    )
