"""What we sign as SAML wants it, as another library reads it."""

import pytest
from lxml import etree
from signxml import (
    CanonicalizationMethod,
    DigestAlgorithm,
    InvalidSignature,
    SignatureConfiguration,
    SignatureMethod,
    XMLVerifier,
)
from tests.fakes.seals import certificate_pem, signing_key

from drimbox.standards.saml.signing_key import SignatureAlgorithm
from drimbox.standards.saml.xml_signature import DS, sign_enveloped

KEY = signing_key()
EXPECTED = {
    SignatureAlgorithm.RSA_SHA256: (SignatureMethod.RSA_SHA256, DigestAlgorithm.SHA256),
    SignatureAlgorithm.RSA_SHA1: (SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
}


def _signed(algorithm: SignatureAlgorithm) -> etree._Element:
    element = etree.Element("{urn:x}assertion", {"ID": "_1"}, nsmap={"x": "urn:x"})
    etree.SubElement(element, "{urn:x}issuer").text = "HOSPITAL"
    etree.SubElement(element, "{urn:x}name").text = "DUPONT"
    sign_enveloped(element, KEY, algorithm, position=1)
    return etree.fromstring(etree.tostring(element))


def _verify(element: etree._Element, algorithm: SignatureAlgorithm) -> bytes:
    method, digest = EXPECTED[algorithm]
    result = XMLVerifier().verify(
        etree.tostring(element),
        x509_cert=certificate_pem(KEY).decode(),
        id_attribute="ID",
        expect_config=SignatureConfiguration(
            signature_methods=frozenset({method}),
            digest_algorithms=frozenset({digest}),
            expect_references=1,
            default_reference_c14n_method=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        ),
    )
    assert not isinstance(result, list)
    return result.signed_data


@pytest.mark.parametrize("algorithm", EXPECTED)
def test_another_library_finds_the_signature_good(algorithm: SignatureAlgorithm) -> None:
    element = _signed(algorithm)
    assert [etree.QName(part).localname for part in element] == ["issuer", "Signature", "name"]
    assert b"DUPONT" in _verify(element, algorithm)


@pytest.mark.parametrize("algorithm", EXPECTED)
def test_another_library_finds_what_was_changed_since(algorithm: SignatureAlgorithm) -> None:
    element = _signed(algorithm)
    element[2].text = "MARTIN"
    with pytest.raises(InvalidSignature):
        _verify(element, algorithm)


def test_it_names_the_element_that_it_covers() -> None:
    reference = _signed(SignatureAlgorithm.RSA_SHA256).find(f".//{{{DS}}}Reference")
    assert reference is not None
    assert reference.get("URI") == "#_1"
