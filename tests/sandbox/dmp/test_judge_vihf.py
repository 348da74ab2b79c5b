"""A VIHF that is not whole, true, fresh and of the caller gives no access (TD0.1)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from lxml import etree
from tests.sandbox.dmp import pki
from tests.sandbox.dmp.bench import OTHER_PATIENT, Bench, Recipe
from tests.sandbox.dmp.signatures import DS, SAML, XSI

from drimbox.sandbox.dmp.service import Exchange

ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role"
PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
RESOURCE = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
Change = Callable[[etree._Element], object]


def attribute(assertion: etree._Element, name: str) -> etree._Element:
    return next(a for a in assertion.iter(f"{{{SAML}}}Attribute") if a.get("Name") == name)


def value(name: str, text: str) -> Change:
    def change(assertion: etree._Element) -> None:
        attribute(assertion, name)[0].text = text

    return change


def without(name: str) -> Change:
    def change(assertion: etree._Element) -> None:
        found = attribute(assertion, name)
        found.getparent().remove(found)

    return change


def renamed(name: str, other: str) -> Change:
    return lambda assertion: attribute(assertion, name).set("Name", other)


def twice(name: str) -> Change:
    def change(assertion: etree._Element) -> None:
        found = attribute(assertion, name)
        found.addnext(etree.fromstring(etree.tostring(found)))

    return change


def coded(name: str, number: int, **attributes: str) -> Change:
    def change(assertion: etree._Element) -> None:
        for key, text in attributes.items():
            attribute(assertion, name)[number][0].set(key, text)

    return change


def no_second_role(assertion: etree._Element) -> None:
    roles = attribute(assertion, ROLE)
    roles.remove(roles[1])


def misspelt_xsi(assertion: etree._Element) -> None:
    """The four-w namespace that a public example declares."""
    role = attribute(assertion, ROLE)[0][0]
    del role.attrib[f"{{{XSI}}}type"]
    role.set("{http://wwww.w3.org/2001/XMLSchema-instance}type", "CE")


def at(name: str, by: timedelta) -> Change:
    return lambda assertion: assertion.set(name, f"{pki.NOW + by:%Y-%m-%dT%H:%M:%SZ}")


def conditions(**attributes: str) -> Change:
    def change(assertion: etree._Element) -> None:
        made = etree.Element(f"{{{SAML}}}Conditions", attrib=attributes)
        assertion.insert(2, made)

    return change


def audience(assertion: etree._Element) -> None:
    made = etree.Element(f"{{{SAML}}}Conditions")
    etree.SubElement(made, f"{{{SAML}}}AudienceRestriction")
    assertion.insert(2, made)


def child(name: str) -> Callable[[etree._Element], etree._Element]:
    return lambda assertion: assertion.find(f"{{{SAML}}}{name}")


def removed(name: str) -> Change:
    return lambda assertion: assertion.remove(child(name)(assertion))


def issuer(text: str) -> Change:
    def change(assertion: etree._Element) -> None:
        child("Issuer")(assertion).text = text

    return change


def user(text: str) -> Change:
    def change(assertion: etree._Element) -> None:
        child("Subject")(assertion)[0].text = text

    return change


def context_class(text: str) -> Change:
    def change(assertion: etree._Element) -> None:
        child("AuthnStatement")(assertion)[0][0].text = text

    return change


def automaton(assertion: etree._Element) -> None:
    no_second_role(assertion)
    coded(ROLE, 0, code="AUTOMATE", codeSystem="1.2.250.1.213.1.1.4.6")(assertion)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(value("VIHF_Version", "2.0"), "VIHF_Version", id="version 2.0"),
        pytest.param(without("VIHF_Version"), "VIHF_Version: it is missing", id="no version"),
        pytest.param(
            renamed("Authentification_Mode", "Authentification_mode"),
            "Authentification_Mode: it is missing",
            id="a misspelt Authentification_Mode",
        ),
        pytest.param(
            value("Authentification_Mode", "DIRECTE"), "Authentification_Mode", id="mode DIRECTE"
        ),
        pytest.param(
            value("Identifiant_Structure", "499700367909006"),
            "Identifiant_Structure is not the signing certificate's OU",
            id="another structure",
        ),
        pytest.param(
            value("Identifiant_Structure", "X"), "Identifiant_Structure", id="no Struct_IdNat"
        ),
        pytest.param(value("Secteur_Activite", "SA07"), "Secteur_Activite", id="a bare sector"),
        pytest.param(
            value("Secteur_Activite", "SA11^1.2.250.1.71.4.2.4"),
            "Secteur_Activite",
            id="an unknown sector",
        ),
        pytest.param(
            value(RESOURCE, "162018885045328^^^&1.2.250.1.213.1.4.10&ISO^NH"),
            "resource-id",
            id="an INS with a wrong key",
        ),
        pytest.param(value(RESOURCE, "162018885045327"), "resource-id", id="a bare INS"),
        pytest.param(value("Ressource_URN", "urn:dcc"), "Ressource_URN", id="another resource"),
        pytest.param(value("LPS_Nom", " "), "LPS_Nom", id="an empty software name"),
        pytest.param(
            without("LPS_ID_HOMOLOGATION_DMP"), "LPS_ID_HOMOLOGATION_DMP", id="no homologation"
        ),
        pytest.param(twice("LPS_Nom"), "LPS_Nom: it stands twice", id="an attribute twice"),
        pytest.param(
            coded(PURPOSE, 0, code="bris_de_glace"), "normal access only", id="breaking the glass"
        ),
        pytest.param(coded(ROLE, 0, code="99"), "JDV_J65", id="an unknown profession"),
        pytest.param(no_second_role, "need a second value", id="a doctor without speciality"),
        pytest.param(coded(ROLE, 1, code="SM99"), "JDV_J65", id="an unknown speciality"),
        pytest.param(misspelt_xsi, "xsi:type CE", id="the xsi namespace with four w"),
        pytest.param(user("DOC0036790"), "national identifier", id="a local user"),
        pytest.param(context_class("password"), "AuthnContextClassRef", id="no SAML class"),
        pytest.param(at("IssueInstant", timedelta(minutes=-6)), "MessageExpired", id="6 min old"),
        pytest.param(at("IssueInstant", timedelta(seconds=61)), "MessageExpired", id="61 s ahead"),
        pytest.param(
            lambda a: a.set("IssueInstant", "2026-03-02T10:30:15+01:00"),
            "xs:dateTime in UTC",
            id="an instant in local time",
        ),
        pytest.param(
            conditions(NotOnOrAfter="2026-03-02T09:30:14Z"), "hold no more", id="Conditions over"
        ),
        pytest.param(
            conditions(NotBefore="2026-03-02T09:32:00Z"), "do not hold yet", id="too early"
        ),
        pytest.param(audience, "neither AudienceRestriction", id="an AudienceRestriction"),
        pytest.param(removed("Subject"), "in this order", id="no Subject"),
        pytest.param(lambda a: a.append(a[0]), "in this order", id="Issuer last"),
        pytest.param(lambda a: a.set("Version", "1.1"), "Version 2.0", id="SAML 1.1"),
        pytest.param(
            lambda a: a.set("ID", "1-2-3"), "an ID that is an xs:ID", id="an ID that is none"
        ),
        pytest.param(
            issuer("CN=else,OU=10B0000001,O=x,C=FR"), "not the signer's subject", id="other issuer"
        ),
        pytest.param(
            lambda a: a.insert(1, etree.Comment("x")), "may not hold comments", id="a comment"
        ),
    ],
)
def test_refuses_an_assertion_with(bench: Bench, change: Change, fault: str) -> None:
    answer = bench.provide(Recipe(vihf=change))

    assert fault in answer.fault, answer.fault


def signature(assertion: etree._Element) -> etree._Element:
    found = assertion.find(f"{{{DS}}}Signature")
    assert found is not None
    return found


def algorithm(name: str, uri: str) -> Change:
    def change(assertion: etree._Element) -> None:
        next(signature(assertion).iter(f"{{{DS}}}{name}")).set("Algorithm", uri)

    return change


def another_certificate(assertion: etree._Element) -> None:
    other = pki.leaf("another", "sign", structure="499700367909006")
    text = etree.fromstring(f'<x xmlns="{DS}"/>')
    text.text = "".join(other.pem.decode().splitlines()[1:-1])
    next(signature(assertion).iter(f"{{{DS}}}X509Certificate")).text = text.text


def wrapped(assertion: etree._Element) -> None:
    """Signature wrapping: the signed assertion hides in Object of a forged one's signature."""
    parent = assertion.getparent()
    forged = etree.fromstring(etree.tostring(assertion))
    forged.set("ID", "_forged")
    hidden = etree.SubElement(signature(forged), f"{{{DS}}}Object")
    hidden.append(assertion)
    parent.append(forged)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(lambda a: a.remove(signature(a)), "in this order", id="no signature"),
        pytest.param(
            value("LPS_Nom", "else"), "FailedCheck", id="an attribute changed after signing"
        ),
        pytest.param(another_certificate, "FailedCheck", id="another certificate in KeyInfo"),
        pytest.param(
            algorithm("SignatureMethod", f"{DS}hmac-sha1"), "algorithm is not allowed", id="HMAC"
        ),
        pytest.param(
            algorithm("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
            "digest algorithm is not allowed",
            id="MD5",
        ),
        pytest.param(
            algorithm("Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
            "the transforms must be",
            id="an XSLT transform",
        ),
        pytest.param(
            lambda a: next(signature(a).iter(f"{{{DS}}}Reference")).set("URI", ""),
            "one Reference, to the assertion",
            id="a Reference to the whole document",
        ),
        pytest.param(wrapped, "one wsse:Security with one assertion", id="a wrapped signature"),
    ],
)
def test_refuses_a_signature_with(bench: Bench, change: Change, fault: str) -> None:
    answer = bench.provide(Recipe(vihf_signed=change))

    assert fault in answer.fault, answer.fault


@pytest.mark.parametrize(
    ("signer", "fault"),
    [
        pytest.param("client", "extended key usage", id="an AUTH_CLI certificate"),
        pytest.param("foreign", "no path", id="a foreign authority"),
        pytest.param("expired", "outside its dates", id="an expired certificate"),
    ],
)
def test_refuses_to_believe(bench: Bench, signer: str, fault: str) -> None:
    answer = bench.provide(Recipe(signer=signer))

    assert answer.fault.startswith("FailedAuthentication"), answer.fault
    assert fault in answer.fault


def test_refuses_the_tls_certificate_of_another_structure(bench: Bench) -> None:
    other = pki.leaf("client of another", "client", structure="499700367909006")

    def swap(exchange: Exchange) -> Exchange:
        return replace(exchange, client_certificate=other.der)

    answer = bench.provide(Recipe(wire=swap))

    assert "not the TLS certificate's OU" in answer.fault


def test_refuses_a_signing_certificate_at_the_tls_layer(bench: Bench) -> None:
    signing = pki.leaf(f"sign {pki.STRUCTURE}", "sign")

    def swap(exchange: Exchange) -> Exchange:
        return replace(exchange, client_certificate=signing.der)

    answer = bench.provide(Recipe(wire=swap))

    assert "extended key usage" in answer.fault


def test_refuses_the_patient_of_another_transaction(bench: Bench) -> None:
    answer = bench.provide(Recipe(vihf_patient=OTHER_PATIENT))

    assert "resource-id is not the patient of the transaction" in answer.fault


def test_refuses_feeding_by_a_consulting_professional(bench: Bench) -> None:
    answer = bench.provide(Recipe(mode="INDIRECTE_RENFORCEE"))

    assert "mode INDIRECTE_RENFORCEE gives no right" in answer.fault


def test_refuses_a_message_without_assertion(bench: Bench) -> None:
    answer = bench.provide(Recipe(envelope=lambda e: e[0][-1].remove(e[0][-1][0])))

    assert answer.fault == "InvalidSecurity: the message carries no VIHF"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(value("VIHF_Version", "3.0"), id="version 3.0"),
        pytest.param(automaton, id="an automaton"),
        pytest.param(
            issuer(
                "C=FR, ST=Côte-d'Or (21), O=CLINIQUE\\, DU TEST, OU=10B0000001,"
                f" CN=sign {pki.STRUCTURE}"
            ),
            id="the issuer spelt forward with spaces",
        ),
        pytest.param(
            issuer(
                f"CN=sign {pki.STRUCTURE},OU=10B0000001,O=CLINIQUE\\, DU TEST,"
                "ST=C\\C3\\B4te-d'Or (21),C=FR"
            ),
            id="the issuer escaped as OpenSSL does",
        ),
        pytest.param(
            conditions(NotBefore="2026-03-02T09:30:00Z", NotOnOrAfter="2026-03-02T09:35:00Z"),
            id="Conditions that hold",
        ),
        pytest.param(at("IssueInstant", timedelta(seconds=60)), id="60 s ahead"),
    ],
)
def test_accepts(bench: Bench, change: Change) -> None:
    answer = bench.provide(Recipe(vihf=change))

    assert answer.status == "Success", answer.said()
