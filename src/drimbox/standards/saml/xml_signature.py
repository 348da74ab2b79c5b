"""The enveloped XML signature of a SAML assertion, as we make it (XML-DSig 1.1, SAML core 5.4).

element ID="x"
ds:Signature
ds:SignedInfo                       exc-c14n, RSA
ds:Reference URI="#x"             enveloped-signature, then exc-c14n
ds:SignatureValue
ds:KeyInfo                          the certificate
"""

from typing import cast

import xmlsec
from lxml import etree

from drimbox.standards.saml.signing_key import SignatureAlgorithm, SigningKey

DS = "http://www.w3.org/2000/09/xmldsig#"


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
