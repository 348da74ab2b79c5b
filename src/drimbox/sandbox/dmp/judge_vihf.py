"""Whether a VIHF 3.0 or 4.0 gives access: SAML 2.0 assertion in wsse:Security (TD0.1).

Order of judgement: shape of the assertion, signature, certificate, times, then each attribute.
Whether it fits the transaction (patient, mode) is judged with the transaction.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from drimbox.sandbox.dmp.certificates import (
    ORGANISATION_SIGNATURE,
    Untrusted,
    check_trusted,
    check_usage,
    is_subject,
    structure_of,
)
from drimbox.sandbox.dmp.judge_vihf_attributes import Vihf, read_vihf
from drimbox.sandbox.dmp.names import SAML, qualified
from drimbox.sandbox.dmp.refusals import Fault, security_fault
from drimbox.sandbox.dmp.xml_signature import (
    ENVELOPED,
    EXCLUSIVE,
    Broken,
    canonicalization_of,
    ds,
    one,
    presented_certificates,
    read_references,
    signature_method_of,
)

MAX_AGE: Final = timedelta(minutes=5)
MAX_AHEAD: Final = timedelta(seconds=60)
_SUBJECT_NAME: Final = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName"
_CONTEXT_CLASS: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:"
_NCNAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z\Z", re.ASCII)
_NATIONAL_PERSON: Final = re.compile(r"(?:8[0-9]{11}|0[0-9]{9}|[1-7][^\s/]+/[^\s/]+)\Z", re.ASCII)


def _saml(name: str) -> str:
    return qualified(SAML, name)


_ORDER: Final = (
    _saml("Issuer"),
    ds("Signature"),
    _saml("Subject"),
    _saml("Conditions"),
    _saml("AuthnStatement"),
    _saml("AttributeStatement"),
)
_OPTIONAL: Final = _saml("Conditions")


@dataclass(frozen=True, slots=True)
class VihfTrust:
    """Who may sign a VIHF, when it is now, and whose TLS certificate brought it."""

    signers: Sequence[x509.Certificate]
    now: datetime
    client: x509.Certificate


def judge_vihf(assertion: etree._Element | None, trust: VihfTrust) -> Vihf:
    """Judge an assertion and return what it says.

    Raises:
        Fault: InvalidSecurity (none), InvalidSecurityToken (shape, attributes), FailedCheck
            (signature), FailedAuthentication (certificate, structure), MessageExpired (times).
    """
    if assertion is None:
        raise security_fault("InvalidSecurity", "the message carries no VIHF")
    _judge_shape(assertion)
    signer = _judge_signature(assertion)
    _judge_signer(assertion, signer, trust)
    _judge_times(assertion, trust.now)
    vihf = read_vihf(one(assertion, _saml("AttributeStatement")), _user(assertion))
    for whose, certificate in (("signing", signer[0]), ("TLS", trust.client)):
        if structure_of(certificate) != vihf.structure:
            raise security_fault(
                "FailedAuthentication", f"Identifiant_Structure is not the {whose} certificate's OU"
            )
    return vihf


def _judge_shape(assertion: etree._Element) -> None:
    if assertion.get("Version") != "2.0" or not _NCNAME.match(assertion.get("ID", "")):
        raise _malformed("the assertion needs Version 2.0 and an ID that is an xs:ID")
    tags = [child.tag for child in assertion.iterchildren(etree.Element)]
    if tags not in (list(_ORDER), [tag for tag in _ORDER if tag != _OPTIONAL]):
        raise _malformed(
            "the assertion must hold Issuer, Signature, Subject, [Conditions], AuthnStatement and"
            " AttributeStatement, in this order"
        )
    if next(assertion.iter(etree.Comment), None) is not None:
        raise _malformed("an assertion may not hold comments")
    statement = assertion.find(_saml("AuthnStatement"))
    reference = f"{_saml('AuthnContext')}/{_saml('AuthnContextClassRef')}"
    context = "" if statement is None else statement.findtext(reference, "")
    if not context.startswith(_CONTEXT_CLASS):
        raise _malformed("AuthnContextClassRef must be one of SAML 2.0")


def _user(assertion: etree._Element) -> str:
    subject = one(assertion, _saml("Subject"))
    found = subject.findall(_saml("NameID"))
    name = (found[0].text or "") if len(found) == 1 else ""
    if not _NATIONAL_PERSON.match(name):
        raise _malformed("Subject/NameID must be a national identifier (8 + RPPS, 0 + ADELI, …)")
    return name


def _judge_signature(assertion: etree._Element) -> tuple[x509.Certificate, ...]:
    """Return the presented certificates once the signature of the assertion holds."""
    everywhere = list(assertion.getroottree().getroot().iter(ds("Signature")))
    signature = assertion.find(ds("Signature"))
    if signature is None or len(everywhere) != 1:
        raise security_fault("FailedCheck", "the message must hold one signature, the VIHF's")
    try:
        _judge_signed_info(one(signature, ds("SignedInfo")), assertion.get("ID", ""))
        certificates = presented_certificates(signature)
        key = xmlsec.Key.from_memory(
            certificates[0].public_bytes(Encoding.PEM), xmlsec.constants.KeyDataFormatCertPem
        )
        xmlsec.tree.add_ids(assertion, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = key
        context.verify(signature)
    except Broken as error:
        raise security_fault("FailedCheck", f"VIHF signature: {error}") from None
    except xmlsec.Error:
        raise security_fault("FailedCheck", "VIHF signature: the value does not verify") from None
    return certificates


def _judge_signed_info(signed_info: etree._Element, assertion_id: str) -> None:
    signature_method_of(signed_info)
    if canonicalization_of(signed_info) != EXCLUSIVE:
        raise Broken("SignedInfo must use exclusive canonicalization")
    references = read_references(signed_info)
    if len(references) != 1 or references[0].uri != f"#{assertion_id}":
        raise Broken("there must be one Reference, to the assertion by its ID")
    if references[0].transforms != (ENVELOPED, EXCLUSIVE):
        raise Broken("the transforms must be enveloped-signature, then exclusive c14n")


def _judge_signer(
    assertion: etree._Element, presented: Sequence[x509.Certificate], trust: VihfTrust
) -> None:
    signer = presented[0]
    try:
        check_trusted(signer, presented[1:], trust.signers, trust.now)
        check_usage(signer, ORGANISATION_SIGNATURE)
    except Untrusted as error:
        raise security_fault("FailedAuthentication", f"VIHF signer: {error}") from None
    issuer = one(assertion, _saml("Issuer"))
    if issuer.get("Format") != _SUBJECT_NAME:
        raise _malformed("Issuer/@Format must be X509SubjectName")
    if not is_subject(issuer.text or "", signer):
        raise security_fault("FailedAuthentication", "Issuer is not the signer's subject")


def _judge_times(assertion: etree._Element, now: datetime) -> None:
    issued = _instant(assertion.get("IssueInstant"), "IssueInstant")
    if now - issued > MAX_AGE:
        raise security_fault("MessageExpired", "IssueInstant is more than 5 minutes old")
    if issued - now > MAX_AHEAD:
        raise security_fault("MessageExpired", "IssueInstant is more than 60 s ahead")
    statement = one(assertion, _saml("AuthnStatement"))
    if _instant(statement.get("AuthnInstant"), "AuthnInstant") - issued > MAX_AHEAD:
        raise _malformed("AuthnInstant is later than IssueInstant")
    conditions = assertion.find(_saml("Conditions"))
    if conditions is not None:
        _judge_conditions(conditions, now)


def _judge_conditions(conditions: etree._Element, now: datetime) -> None:
    if next(conditions.iterchildren(etree.Element), None) is not None:
        raise _malformed("Conditions may hold neither AudienceRestriction nor anything else")
    start = conditions.get("NotBefore")
    if start is not None and now + MAX_AHEAD < _instant(start, "NotBefore"):
        raise security_fault("MessageExpired", "the Conditions do not hold yet")
    end = conditions.get("NotOnOrAfter")
    if end is not None and now >= _instant(end, "NotOnOrAfter"):
        raise security_fault("MessageExpired", "the Conditions hold no more")


def _instant(text: str | None, name: str) -> datetime:
    if text is None or not _INSTANT.match(text):
        raise _malformed(f"{name} must be an xs:dateTime in UTC")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise _malformed(f"{name} is no date") from None


def _malformed(reason: str) -> Fault:
    return security_fault("InvalidSecurityToken", f"VIHF: {reason}")
