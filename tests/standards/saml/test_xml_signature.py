"""Signature wrapping and its kin: what is returned is what was signed, or nothing is (X4)."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from copy import deepcopy

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree
from signxml import XMLVerifier
from tests.fakes.seals import certificate_pem, signing_key

from drimbox.errors import DrimboxError, MalformedMessage, NotAuthenticated
from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.saml.xml_signature import DS, sign_enveloped, verify_enveloped

KEY, OTHER_KEY = signing_key(), signing_key("other")
NS = {"ds": DS}
NAME = "name"


def _element(name: str = "DUPONT") -> etree._Element:
    element = etree.Element("{urn:x}assertion", {"ID": "_1"}, nsmap={"x": "urn:x"})
    etree.SubElement(element, f"{{urn:x}}{NAME}").text = name
    return element


def _signed(
    algorithm: SignatureAlgorithm = SignatureAlgorithm.RSA_SHA256, **names: str
) -> etree._Element:
    """Return an envelope that holds a signed element."""
    element = _element(**names)
    sign_enveloped(element, KEY, algorithm, position=0)
    envelope = etree.Element("envelope")
    envelope.append(etree.fromstring(etree.tostring(element)))
    return envelope


def _read(envelope: etree._Element) -> str:
    covered = verify_enveloped(envelope[0], [KEY.certificate])
    return covered.findtext(f"{{urn:x}}{NAME}", "")


def test_what_was_signed_comes_back_without_the_signature() -> None:
    envelope = _signed()
    covered = verify_enveloped(envelope[0], [OTHER_KEY.certificate, KEY.certificate])
    assert covered.findtext(f"{{urn:x}}{NAME}") == "DUPONT"
    assert covered.find("ds:Signature", NS) is None


def test_another_library_finds_the_signature_good() -> None:
    octets = etree.tostring(_signed()[0])
    result = XMLVerifier().verify(
        octets, x509_cert=certificate_pem(KEY).decode(), id_attribute="ID", expect_references=1
    )
    assert b"DUPONT" in result.signed_data


def _tamper(envelope: etree._Element) -> None:
    envelope[0][1].text = "MARTIN"


def _insert_text_behind_the_signature(envelope: etree._Element) -> None:
    envelope[0][0].tail = "x"


def _add_a_second_signature(envelope: etree._Element) -> None:
    envelope[0].append(deepcopy(envelope[0][0]))


def _put_another_signature_elsewhere(envelope: etree._Element) -> None:
    envelope.append(deepcopy(envelope[0][0]))


def _move_the_signature_out(envelope: etree._Element) -> None:
    envelope.append(envelope[0][0])


def _remove_the_signature(envelope: etree._Element) -> None:
    envelope[0].remove(envelope[0][0])


def _wrap_the_original_inside(envelope: etree._Element) -> None:
    """Evil element with the original as child, each with the same ID."""
    evil = _element("MARTIN")
    evil.append(envelope[0])
    envelope.append(evil)


def _wrap_the_original_in_an_object(envelope: etree._Element) -> None:
    """Evil element that bears the signature; the original hides in ds:Object."""
    original = envelope[0]
    signature = original[0]
    evil = _element("MARTIN")
    evil.insert(0, signature)
    etree.SubElement(signature, f"{{{DS}}}Object").append(original)
    envelope.append(evil)


def _put_the_original_beside_with_the_same_id(envelope: etree._Element) -> None:
    original = envelope[0]
    evil = _element("MARTIN")
    evil.insert(0, original[0])
    envelope.insert(0, evil)


def _bear_the_same_id_in_another_spelling(envelope: etree._Element) -> None:
    etree.SubElement(envelope, "other", Id="_1")


def _rename_the_id(envelope: etree._Element) -> None:
    envelope[0].set("ID", "_2")


def _reference(envelope: etree._Element) -> etree._Element:
    found = envelope.find(".//ds:Reference", NS)
    assert found is not None
    return found


def _reference_the_whole_document(envelope: etree._Element) -> None:
    _reference(envelope).set("URI", "")


def _reference_a_file(envelope: etree._Element) -> None:
    _reference(envelope).set("URI", "file:///etc/passwd")


def _add_a_reference(envelope: etree._Element) -> None:
    reference = _reference(envelope)
    reference.addnext(deepcopy(reference))


def _transform_by(algorithm: str) -> Callable[[etree._Element], None]:
    def change(envelope: etree._Element) -> None:
        transform = envelope.find(".//ds:Transform", NS)
        assert transform is not None
        transform.set("Algorithm", algorithm)

    return change


def _add_inclusive_prefixes(envelope: etree._Element) -> None:
    method = envelope.find(".//ds:CanonicalizationMethod", NS)
    assert method is not None
    namespace = "http://www.w3.org/2001/10/xml-exc-c14n#"
    etree.SubElement(method, f"{{{namespace}}}InclusiveNamespaces", PrefixList="x")


def _sign_by_hmac_with_the_public_key(envelope: etree._Element) -> None:
    """The classic key confusion: the verifier's RSA key taken as a shared secret."""
    method = envelope.find(".//ds:SignatureMethod", NS)
    info = envelope.find(".//ds:SignedInfo", NS)
    value = envelope.find(".//ds:SignatureValue", NS)
    assert method is not None
    assert info is not None
    assert value is not None
    method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
    public = KEY.certificate.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    octets = etree.tostring(info, method="c14n", exclusive=True)
    value.text = base64.b64encode(hmac.new(public, octets, hashlib.sha256).digest()).decode()


def _truncate_the_value(envelope: etree._Element) -> None:
    value = envelope.find(".//ds:SignatureValue", NS)
    assert value is not None
    value.text = (value.text or "")[:40]


def _sign_with_another_key_and_present_it(envelope: etree._Element) -> None:
    element = _element("MARTIN")
    sign_enveloped(element, OTHER_KEY, SignatureAlgorithm.RSA_SHA256, position=0)
    envelope.replace(envelope[0], etree.fromstring(etree.tostring(element)))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(_tamper, NotAuthenticated, id="tampered text"),
        pytest.param(_insert_text_behind_the_signature, NotAuthenticated, id="added text"),
        pytest.param(_add_a_second_signature, MalformedMessage, id="two signatures"),
        pytest.param(_put_another_signature_elsewhere, MalformedMessage, id="one more elsewhere"),
        pytest.param(_move_the_signature_out, MalformedMessage, id="a signature that moved out"),
        pytest.param(_remove_the_signature, MalformedMessage, id="no signature"),
        pytest.param(_wrap_the_original_inside, MalformedMessage, id="wrapped: original inside"),
        pytest.param(_wrap_the_original_in_an_object, MalformedMessage, id="wrapped: in Object"),
        pytest.param(
            _put_the_original_beside_with_the_same_id, MalformedMessage, id="wrapped: beside"
        ),
        pytest.param(_bear_the_same_id_in_another_spelling, MalformedMessage, id="an Id for an ID"),
        pytest.param(_rename_the_id, MalformedMessage, id="another ID"),
        pytest.param(_reference_the_whole_document, MalformedMessage, id="an empty reference"),
        pytest.param(_reference_a_file, MalformedMessage, id="a reference to a file"),
        pytest.param(_add_a_reference, MalformedMessage, id="two references"),
        pytest.param(
            _transform_by("http://www.w3.org/TR/1999/REC-xslt-19991116"),
            MalformedMessage,
            id="an XSLT transform",
        ),
        pytest.param(
            _transform_by("http://www.w3.org/TR/1999/REC-xpath-19991116"),
            MalformedMessage,
            id="an XPath transform",
        ),
        pytest.param(_add_inclusive_prefixes, MalformedMessage, id="parameters of an algorithm"),
        pytest.param(_sign_by_hmac_with_the_public_key, MalformedMessage, id="HMAC with our key"),
        pytest.param(_truncate_the_value, NotAuthenticated, id="a truncated value"),
        pytest.param(
            _sign_with_another_key_and_present_it, NotAuthenticated, id="the key of KeyInfo"
        ),
    ],
)
def test_every_attack_is_refused(
    change: Callable[[etree._Element], None], error: type[DrimboxError]
) -> None:
    envelope = _signed()
    change(envelope)
    evil = envelope.find("{urn:x}assertion")
    assert evil is not None
    with pytest.raises(error):
        verify_enveloped(evil, [KEY.certificate])


def test_a_comment_inside_a_text_does_not_cut_what_is_read() -> None:
    envelope = _signed(name="DUPONTEVIL")
    name = envelope[0][1]
    name.text = "DUPONT"
    comment = etree.Comment(" ")
    comment.tail = "EVIL"
    name.append(comment)
    assert _read(envelope) == "DUPONTEVIL"


def test_sha1_is_for_historical_samples_only() -> None:
    envelope = _signed(SignatureAlgorithm.RSA_SHA1)
    with pytest.raises(MalformedMessage):
        verify_enveloped(envelope[0], [KEY.certificate])
    covered = verify_enveloped(envelope[0], [KEY.certificate], allow_sha1=True)
    assert covered.findtext(f"{{urn:x}}{NAME}") == "DUPONT"


def test_no_certificate_verifies_nothing() -> None:
    with pytest.raises(NotAuthenticated):
        verify_enveloped(_signed()[0], [])
