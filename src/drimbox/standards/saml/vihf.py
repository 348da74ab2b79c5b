"""VIHF: the SAML 2.0 assertion that says in whose name a DMP transaction is made.

CI-SIS "Transport synchrone pour client lourd"; versions 3.0 and 4.0 differ by one attribute.

    saml2:Assertion
      Issuer            DN of the signing certificate
      ds:Signature
      Subject/NameID    national id of the user
      AuthnStatement    when and how the user logged in
      AttributeStatement
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from drimbox.model.practice import Code
from drimbox.model.publication import AuthenticationMode, DmpIdentity
from drimbox.standards.safe_xml import xml_characters_only
from drimbox.standards.saml.signing_key import (
    NameFormat,
    SignatureAlgorithm,
    SigningKey,
    format_name,
)
from drimbox.standards.saml.xml_signature import default_namespace, sign_enveloped

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
HL7_V3 = "urn:hl7-org:v3"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
X509_SUBJECT_NAME = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
SECTOR_CODE_SYSTEM = "1.2.250.1.71.4.2.4"

_CONFIDENTIALITY = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"
_SECRET_CONNECTION = "INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13"  # noqa: S105 a code
# "bris de glace n'est pas pris en charge" by a DRIMbox: the access is always normal.
_NORMAL_ACCESS = Code("normal", "1.2.250.1.213.1.1.4.248", "Accès normal")
_NORMAL_ACCESS_SYSTEM_NAME = "mode acces VIHF 2.0"


@dataclass(frozen=True, slots=True)
class VihfProfile:
    """How this box's VIHF speak; each field is a setting.

    authn_context_class is the SAML class of the local authentication. strong_authn_declaration
    stands in AuthnContextDecl when a professional is strongly authenticated (AIR); empty: absent.
    """

    version: str
    issuer_format: NameFormat
    algorithm: SignatureAlgorithm
    software_name: str
    software_version: str
    homologation_id: str
    authn_context_class: str
    strong_authn_declaration: str


def encode_vihf(
    identity: DmpIdentity,
    profile: VihfProfile,
    key: SigningKey,
    *,
    assertion_id: str,
    issued_at: datetime,
) -> bytes:
    """Write and sign one assertion, to be used once, at once.

    assertion_id is an xs:ID (it begins with a letter or _) that never comes twice.

    Raises:
        InvalidValue: control characters in a name.
    """
    with xml_characters_only("VIHF"):
        assertion = _assertion(
            identity, profile, key, assertion_id=assertion_id, issued_at=issued_at
        )
    # Signature follows Issuer (saml-schema-assertion-2.0.xsd).
    sign_enveloped(assertion, key, profile.algorithm, position=1)
    return etree.tostring(assertion, encoding="UTF-8")


def _assertion(
    identity: DmpIdentity,
    profile: VihfProfile,
    key: SigningKey,
    *,
    assertion_id: str,
    issued_at: datetime,
) -> etree._Element:
    assertion = etree.Element(
        f"{{{SAML}}}Assertion",
        {"ID": assertion_id, "IssueInstant": _instant(issued_at), "Version": "2.0"},
        nsmap={"saml2": SAML, "xsi": XSI},
    )
    issuer = _add(assertion, "Issuer")
    issuer.set("Format", X509_SUBJECT_NAME)
    issuer.text = format_name(key.certificate.subject, profile.issuer_format)
    _add(_add(assertion, "Subject"), "NameID").text = identity.user.identifier
    _add_authentication(assertion, identity, profile, issued_at)
    _add_attributes(_add(assertion, "AttributeStatement"), identity, profile)
    return assertion


def _add_authentication(
    assertion: etree._Element, identity: DmpIdentity, profile: VihfProfile, issued_at: datetime
) -> None:
    statement = _add(assertion, "AuthnStatement")
    # Later than the assertion only by a clock that was set back since: the DMP would refuse that.
    statement.set("AuthnInstant", _instant(min(identity.authenticated_at, issued_at)))
    context = _add(statement, "AuthnContext")
    _add(context, "AuthnContextClassRef").text = profile.authn_context_class
    is_strong = identity.mode is AuthenticationMode.INDIRECTE_RENFORCEE
    if is_strong and profile.strong_authn_declaration:
        _add(context, "AuthnContextDecl").text = profile.strong_authn_declaration


def _add_attributes(statement: etree._Element, identity: DmpIdentity, profile: VihfProfile) -> None:
    user = identity.user
    for name, text in (
        ("VIHF_Version", profile.version),
        ("Identifiant_Structure", identity.structure_identifier),
        ("Secteur_Activite", f"{identity.sector}^{SECTOR_CODE_SYSTEM}"),
        ("Authentification_Mode", identity.mode.value),
        ("urn:oasis:names:tc:xacml:2.0:resource:resource-id", identity.patient_id),
        ("Ressource_URN", "urn:dmp"),
        (
            "urn:oasis:names:tc:xspa:1.0:subject:subject-id",
            f"{user.family_name} {user.given_name}".strip(),
        ),
        ("LPS_Nom", profile.software_name),
        ("LPS_Version", profile.software_version),
        ("LPS_ID_HOMOLOGATION_DMP", profile.homologation_id),
    ):
        _add_value(_add_attribute(statement, name)).text = text
    if identity.is_secret_connection:
        _add_value(_add_attribute(statement, _CONFIDENTIALITY)).text = _SECRET_CONNECTION
    roles = _add_attribute(statement, "urn:oasis:names:tc:xacml:2.0:subject:role")
    for role in identity.roles:
        _add_coded(_add_value(roles), "Role", role)
    purpose = _add_attribute(statement, "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse")
    coded = _add_coded(_add_value(purpose), "PurposeOfUse", _NORMAL_ACCESS)
    coded.set("codeSystemName", _NORMAL_ACCESS_SYSTEM_NAME)


def _add_attribute(statement: etree._Element, name: str) -> etree._Element:
    attribute = _add(statement, "Attribute")
    attribute.set("Name", name)
    return attribute


def _add_value(attribute: etree._Element) -> etree._Element:
    return _add(attribute, "AttributeValue")


def _add_coded(parent: etree._Element, name: str, code: Code) -> etree._Element:
    """Add an HL7 v3 CE, e.g. Role or PurposeOfUse."""
    element = etree.SubElement(parent, f"{{{HL7_V3}}}{name}", nsmap=default_namespace(HL7_V3))
    element.set(f"{{{XSI}}}type", "CE")
    element.set("code", code.value)
    element.set("codeSystem", str(code.system))
    if code.display:
        element.set("displayName", code.display)
    return element


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{SAML}}}{name}")


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{instant.microsecond // 1000:03d}Z"
    )
