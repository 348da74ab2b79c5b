"""VIHF: what it says of user, patient, structure and software, signed by the structure."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from signxml import XMLVerifier
from tests.fakes.seals import certificate_pem, signing_key
from tests.fakes.submissions import IDENTITY, INS

from drimbox.errors import InvalidValue
from drimbox.model.publication import AuthenticationMode, DmpIdentity
from drimbox.standards.saml.signing_key import NameFormat, SignatureAlgorithm
from drimbox.standards.saml.vihf import HL7_V3, SAML, XSI, VihfProfile, encode_vihf

KEY = signing_key()
NOW = datetime(2026, 11, 24, 10, 30, 0, 123456, tzinfo=UTC)
PROFILE = VihfProfile(
    version="4.0",
    issuer_format=NameFormat.RFC4514,
    algorithm=SignatureAlgorithm.RSA_SHA256,
    software_name="drimbox",
    software_version="0.1",
    homologation_id="H-1",
    authn_context_class="urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient",
    strong_authn_declaration="APP_BROWSER_AUTH",
)
AIR = replace(IDENTITY, mode=AuthenticationMode.INDIRECTE_RENFORCEE)
NS = {"s": SAML, "h": HL7_V3}
CONFIDENTIALITY = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code"


def _encode(identity: DmpIdentity = IDENTITY, profile: VihfProfile = PROFILE) -> etree._Element:
    octets = encode_vihf(identity, profile, KEY, assertion_id="_a1", issued_at=NOW)
    return etree.fromstring(octets)


def _texts(assertion: etree._Element) -> dict[str, str]:
    return {
        attribute.get("Name", ""): attribute.findtext("s:AttributeValue", "", NS)
        for attribute in assertion.iterfind(".//s:Attribute", NS)
    }


def test_the_structure_signs_the_whole_assertion() -> None:
    result = XMLVerifier().verify(
        etree.tostring(_encode()),
        x509_cert=certificate_pem(KEY).decode(),
        id_attribute="ID",
        expect_references=1,
    )
    assert not isinstance(result, list)
    covered = result.signed_xml
    assert covered is not None
    assert covered.tag == f"{{{SAML}}}Assertion"
    assert covered.get("ID") == "_a1"
    assert covered.get("IssueInstant") == "2026-11-24T10:30:00.123Z"


def test_the_parts_stand_in_the_order_of_the_saml_schema() -> None:
    assert [etree.QName(part).localname for part in _encode()] == [
        "Issuer",
        "Signature",
        "Subject",
        "AuthnStatement",
        "AttributeStatement",
    ]


def test_every_attribute_has_its_value() -> None:
    texts = _texts(_encode())
    assert texts.pop("urn:oasis:names:tc:xacml:2.0:subject:role") == ""
    assert texts.pop("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse") == ""
    assert texts == {
        "VIHF_Version": "4.0",
        "Identifiant_Structure": "499700367909006",
        "Secteur_Activite": "SA01^1.2.250.1.71.4.2.4",
        "Authentification_Mode": "INDIRECTE",
        "urn:oasis:names:tc:xacml:2.0:resource:resource-id": INS.xds_patient_id,
        "Ressource_URN": "urn:dmp",
        "urn:oasis:names:tc:xspa:1.0:subject:subject-id": "DUPONT Jeanne",
        "LPS_Nom": "drimbox",
        "LPS_Version": "0.1",
        "LPS_ID_HOMOLOGATION_DMP": "H-1",
    }


def test_roles_and_purpose_are_coded_elements_of_hl7() -> None:
    assertion = _encode()
    roles = assertion.findall(".//h:Role", NS)
    assert [(r.get("code"), r.get("codeSystem")) for r in roles] == [
        ("10", "1.2.250.1.71.1.2.7"),
        ("SM54", "1.2.250.1.71.4.2.5"),
    ]
    purpose = assertion.find(".//h:PurposeOfUse", NS)
    assert purpose is not None
    assert purpose.get("code") == "normal"
    assert {e.get(f"{{{XSI}}}type") for e in [*roles, purpose]} == {"CE"}


@pytest.mark.requirement("AIRS.06")
def test_the_subject_is_the_user_and_when_it_logged_in() -> None:
    assertion = _encode()
    assert assertion.findtext("s:Subject/s:NameID", None, NS) == "899700367909"
    statement = assertion.find("s:AuthnStatement", NS)
    assert statement is not None
    assert statement.get("AuthnInstant") == "2026-11-24T10:00:00.000Z"


def test_nobody_logged_in_after_the_assertion_that_tells_of_it() -> None:
    """R7: the clock was ahead when the report came, and was set right since."""
    ahead = replace(IDENTITY, authenticated_at=NOW + timedelta(hours=1))
    assertion = _encode(ahead)
    statement = assertion.find("s:AuthnStatement", NS)
    assert statement is not None
    assert statement.get("AuthnInstant") == assertion.get("IssueInstant")


@pytest.mark.parametrize(
    ("identity", "profile", "declaration"),
    [
        pytest.param(IDENTITY, PROFILE, None, id="a structure alone declares nothing"),
        pytest.param(AIR, PROFILE, "APP_BROWSER_AUTH", id="a signed-in professional"),
        pytest.param(AIR, replace(PROFILE, strong_authn_declaration=""), None, id="unless unset"),
    ],
)
def test_strong_authentication_is_declared(
    identity: DmpIdentity, profile: VihfProfile, declaration: str | None
) -> None:
    found = _encode(identity, profile).findtext(".//s:AuthnContextDecl", None, NS)
    assert found == declaration


@pytest.mark.parametrize("is_secret", [False, True])
def test_a_secret_connection_is_told_only_when_it_is_one(is_secret: bool) -> None:
    texts = _texts(_encode(replace(IDENTITY, is_secret_connection=is_secret)))
    expected = "INVISIBLE_REPRESENTANTS_LEGAUX^1.2.250.1.213.1.1.4.13" if is_secret else None
    assert texts.get(CONFIDENTIALITY) == expected


@pytest.mark.parametrize(
    ("name_format", "issuer"),
    [
        (
            NameFormat.RFC4514,
            r"CN=DRIMbox,OU=499700367909006,O=Clinique des Bains\, SA,ST=Côte-d'Or (21),C=FR",
        ),
        (
            NameFormat.RFC4514_SPACED,
            r"CN=DRIMbox, OU=499700367909006, O=Clinique des Bains\, SA, ST=Côte-d'Or (21), C=FR",
        ),
        (
            NameFormat.REVERSED,
            r"C=FR, ST=Côte-d'Or (21), O=Clinique des Bains\, SA, OU=499700367909006, CN=DRIMbox",
        ),
    ],
)
def test_the_issuer_is_spelt_as_the_setting_says(name_format: NameFormat, issuer: str) -> None:
    assertion = _encode(profile=replace(PROFILE, issuer_format=name_format))
    assert assertion.findtext("s:Issuer", None, NS) == issuer


def test_a_name_that_xml_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidValue):
        _encode(replace(IDENTITY, user=replace(IDENTITY.user, family_name="A\x00")))


def test_no_audience_restriction_and_no_break_glass() -> None:
    octets = etree.tostring(_encode())
    assert b"AudienceRestriction" not in octets
    assert b"bris_de_glace" not in octets
