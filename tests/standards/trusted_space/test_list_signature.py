"""Signature wrapping and its kin: what is read of a list is what was signed, or nothing is (X4)."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from drimbox.errors import DrimboxError, MalformedMessage, NotAuthenticated
from drimbox.model.access import Peer
from drimbox.sandbox.trusted_space.pki import Issued, TestPki, organisation_name
from drimbox.sandbox.trusted_space.white_list import NAMESPACE, sign_white_list
from drimbox.standards.trusted_space.list_signature import (
    DS,
    XADES,
    XPATH_FILTER_2,
    verify_list_signature,
)
from drimbox.standards.trusted_space.white_list import parse_white_list

PEER = Peer(
    "1",
    "db1.test.mesimagesmedicales.fr",
    "vi1.test.mesimagesmedicales.fr",
    "CH DE LA VALLÉE",
    "CN=db1.test.mesimagesmedicales.fr,OU=311111111100011,O=SITE,C=FR",
)
EVIL = "evil.test.mesimagesmedicales.fr"
SIGNED_AT = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
NS = {"ds": DS, "xades": XADES, "filter": XPATH_FILTER_2, "list": NAMESPACE}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestPki:
    return TestPki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def signer(pki: TestPki) -> Issued:
    return _signer(pki, "Liste Blanche DRIM-M")


@pytest.fixture
def signed(signer: Issued) -> etree._Element:
    return etree.fromstring(sign_white_list([PEER], signer, generated_at=SIGNED_AT))


def _signer(pki: TestPki, name: str) -> Issued:
    subject = organisation_name(name, structure="318751275100020", organisation="ANS")
    return pki.issue_signing(name, subject)


def _find(root: etree._Element, path: str) -> etree._Element:
    found = root.find(path, NS)
    assert found is not None, path
    return found


def _verify(root: etree._Element) -> tuple[Peer, ...]:
    return parse_white_list(verify_list_signature(etree.tostring(root)).content).peers


def test_what_was_signed_comes_back_with_who_signed_it(
    signed: etree._Element, signer: Issued
) -> None:
    verified = verify_list_signature(etree.tostring(signed))
    assert verified.signer == signer.certificate
    assert parse_white_list(verified.content).peers == (PEER,)
    assert verified.content.find(".//ds:Signature", NS) is None


@pytest.mark.parametrize("field", ["Identifiant", "db", "vi", "Denomination"])
def test_a_comment_inside_a_text_does_not_cut_what_is_read(
    signed: etree._Element, field: str
) -> None:
    """Canonical XML without comments was digested: the signature holds with one put in later."""
    element = _find(signed, f".//list:{field}")
    text = element.text or ""
    element.text = ""
    comment = etree.Comment("x")
    comment.tail = text
    element.append(comment)
    assert _verify(signed) == (PEER,)


def test_a_comment_inside_a_name_does_not_shorten_it(signed: etree._Element) -> None:
    dn = _find(signed, ".//list:DNCertificatOperateur")
    dn.text, cut = "CN=db1.test.mesimagesmedicales.fr", etree.Comment("x")
    cut.tail = PEER.operator_dn.removeprefix(dn.text)
    dn.append(cut)
    assert _verify(signed) == (PEER,)


def _tamper(root: etree._Element) -> None:
    _find(root, ".//list:db").text = EVIL


def _add_text(root: etree._Element) -> None:
    _find(root, "ds:Signature").tail = "x"


def _add_a_domain(root: etree._Element) -> None:
    domain = deepcopy(_find(root, ".//list:Domaine"))
    _find(domain, "list:db").text = EVIL
    _find(root, "list:ListeDomaines").append(domain)


def _put_another_signature_elsewhere(root: etree._Element) -> None:
    _find(root, "list:ListeDomaines").append(deepcopy(_find(root, "ds:Signature")))


def _move_the_signature_down(root: etree._Element) -> None:
    _find(root, "list:ListeDomaines").append(_find(root, "ds:Signature"))


def _wrap_the_original_in_an_object(root: etree._Element) -> None:
    """Evil domains where they are read; the signed ones hide in what the digest leaves out."""
    original = deepcopy(_find(root, "list:ListeDomaines"))
    _tamper(root)
    signature = _find(root, "ds:Signature")
    etree.SubElement(signature, f"{{{DS}}}Object").append(original)


def _hide_evil_domains_in_an_object(root: etree._Element) -> None:
    """Nothing of a signature is read, so domains inside one change nothing that is."""
    hidden = etree.SubElement(_find(root, "ds:Signature"), f"{{{DS}}}Object")
    hidden.append(deepcopy(_find(root, "list:ListeDomaines")))
    _find(hidden, ".//list:db").text = EVIL


def _reference_a_file(root: etree._Element) -> None:
    _find(root, ".//ds:Reference").set("URI", "file:///etc/passwd")


def _reference_once_more(root: etree._Element) -> None:
    reference = _find(root, ".//ds:Reference")
    reference.addnext(deepcopy(reference))


def _reference_the_list_alone(root: etree._Element) -> None:
    info = _find(root, ".//ds:SignedInfo")
    info.remove(info.findall("ds:Reference", NS)[1])


def _reference_properties_elsewhere(root: etree._Element) -> None:
    info = _find(root, ".//ds:SignedInfo")
    info.findall("ds:Reference", NS)[1].set("URI", "#xades-2")


def _subtract_the_domains(root: etree._Element) -> None:
    _find(root, ".//filter:XPath").text = "/descendant::list:Domaine"


def _intersect(root: etree._Element) -> None:
    _find(root, ".//filter:XPath").set("Filter", "intersect")


def _subtract_another_namespace(root: etree._Element) -> None:
    transform = _find(root, ".//ds:Transform")
    other = etree.SubElement(
        transform, f"{{{XPATH_FILTER_2}}}XPath", {"Filter": "subtract"}, nsmap={"e": "urn:evil"}
    )
    other.text = "/descendant::e:Signature"
    transform.replace(transform[0], other)


def _transform_by_xpath(root: etree._Element) -> None:
    algorithm = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    _find(root, ".//ds:Transform").set("Algorithm", algorithm)


def _transform_once_more(root: etree._Element) -> None:
    transform = _find(root, ".//ds:Transform")
    transform.addnext(deepcopy(transform))


def _digest_by_sha1(root: etree._Element) -> None:
    _find(root, ".//ds:DigestMethod").set("Algorithm", f"{DS}sha1")


def _canonicalize_inclusively(root: etree._Element) -> None:
    algorithm = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    _find(root, ".//ds:CanonicalizationMethod").set("Algorithm", algorithm)


def _sign_by_hmac_with_the_public_key(root: etree._Element) -> None:
    """The classic key confusion: the verifier's RSA key taken as a shared secret."""
    method = _find(root, ".//ds:SignatureMethod")
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    text = _find(root, ".//ds:X509Certificate").text or ""
    public = x509.load_der_x509_certificate(base64.b64decode(text)).public_key()
    key = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    octets = etree.tostring(_find(root, ".//ds:SignedInfo"), method="c14n", exclusive=True)
    value = base64.b64encode(hmac.new(key, octets, hashlib.sha256).digest())
    _find(root, ".//ds:SignatureValue").text = value.decode()


def _truncate_the_value(root: etree._Element) -> None:
    value = _find(root, ".//ds:SignatureValue")
    value.text = (value.text or "")[:40]


def _take_the_certificates_away(root: etree._Element) -> None:
    _find(root, ".//ds:X509Data").clear()


def _present_what_is_no_certificate(root: etree._Element) -> None:
    _find(root, ".//ds:X509Certificate").text = "AAAA"


def _name_no_signing_certificate(root: etree._Element) -> None:
    properties = _find(root, ".//xades:SignedSignatureProperties")
    properties.remove(_find(properties, "xades:SigningCertificateV2"))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(_tamper, NotAuthenticated, id="a host changed"),
        pytest.param(_add_text, NotAuthenticated, id="text behind the signature"),
        pytest.param(_add_a_domain, NotAuthenticated, id="one box more"),
        pytest.param(_put_another_signature_elsewhere, MalformedMessage, id="one more elsewhere"),
        pytest.param(_move_the_signature_down, MalformedMessage, id="the signature moved down"),
        pytest.param(_wrap_the_original_in_an_object, NotAuthenticated, id="wrapped: in Object"),
        pytest.param(_reference_a_file, MalformedMessage, id="a reference to a file"),
        pytest.param(_reference_once_more, MalformedMessage, id="three references"),
        pytest.param(_reference_the_list_alone, MalformedMessage, id="properties not signed"),
        pytest.param(_reference_properties_elsewhere, MalformedMessage, id="other properties"),
        pytest.param(_subtract_the_domains, MalformedMessage, id="domains left out"),
        pytest.param(_intersect, MalformedMessage, id="nothing but the signature covered"),
        pytest.param(_subtract_another_namespace, MalformedMessage, id="another Signature"),
        pytest.param(_transform_by_xpath, MalformedMessage, id="an XPath transform"),
        pytest.param(_transform_once_more, MalformedMessage, id="three transforms"),
        pytest.param(_digest_by_sha1, MalformedMessage, id="SHA-1"),
        pytest.param(_canonicalize_inclusively, MalformedMessage, id="inclusive c14n"),
        pytest.param(_sign_by_hmac_with_the_public_key, MalformedMessage, id="HMAC with the key"),
        pytest.param(_truncate_the_value, NotAuthenticated, id="a truncated value"),
        pytest.param(_take_the_certificates_away, NotAuthenticated, id="no certificate"),
        pytest.param(_present_what_is_no_certificate, MalformedMessage, id="no X.509"),
        pytest.param(_name_no_signing_certificate, MalformedMessage, id="no SigningCertificate"),
    ],
)
def test_every_attack_is_refused(
    signed: etree._Element, change: Callable[[etree._Element], None], error: type[DrimboxError]
) -> None:
    change(signed)
    with pytest.raises(error):
        _verify(signed)


def test_what_hides_in_the_signature_is_not_read(signed: etree._Element) -> None:
    _hide_evil_domains_in_an_object(signed)
    assert _verify(signed) == (PEER,)


def test_the_certificate_of_another_key_does_not_verify_it(
    signed: etree._Element, pki: TestPki
) -> None:
    other = _signer(pki, "Autre liste").certificate.public_bytes(Encoding.DER)
    _find(signed, ".//ds:X509Certificate").text = base64.b64encode(other).decode()
    with pytest.raises(NotAuthenticated):
        _verify(signed)
