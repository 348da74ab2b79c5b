"""SOAP 1.2 envelopes with WS-Addressing and WS-Security headers (ITI TF-2 V.3).

s:Envelope
  s:Header
    wsa:Action wsa:MessageID wsa:To wsa:ReplyTo        in a request
    wsa:Action wsa:RelatesTo                           in an answer
    wsse:Security/saml2:Assertion                      the VIHF
  s:Body                                               one element
"""

from dataclasses import dataclass

from lxml import etree

from drimbox.errors import MalformedMessage, Mismatch
from drimbox.standards.safe_xml import parse_own_xml, parse_xml

SOAP = "http://www.w3.org/2003/05/soap-envelope"
SOAP_1_1 = "http://schemas.xmlsoap.org/soap/envelope/"
WSA = "http://www.w3.org/2005/08/addressing"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
ANONYMOUS = f"{WSA}/anonymous"

MAX_ENVELOPE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Addressing:
    """The WS-Addressing headers of a request; message_id is `urn:uuid:...`."""

    action: str
    message_id: str
    to: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What came: the headers that correlate, and the one element of the body.

    version is the namespace of the envelope: a proxy may answer a fault in SOAP 1.1.
    """

    action: str | None
    message_id: str | None
    relates_to: str | None
    body: etree._Element
    security: etree._Element | None = None
    version: str = SOAP


def encode_envelope(
    body: etree._Element, addressing: Addressing, *, security: bytes | None = None
) -> bytes:
    """Write a request as UTF-8 octets.

    security is a signed assertion as octets: it is parsed again here, so that no namespace
    declaration of the envelope ends inside what was signed.
    """
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"s": SOAP, "wsa": WSA})
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    action = etree.SubElement(header, f"{{{WSA}}}Action")
    action.set(f"{{{SOAP}}}mustUnderstand", "1")
    action.text = addressing.action
    etree.SubElement(header, f"{{{WSA}}}MessageID").text = addressing.message_id
    etree.SubElement(header, f"{{{WSA}}}To").text = addressing.to
    reply_to = etree.SubElement(header, f"{{{WSA}}}ReplyTo")
    etree.SubElement(reply_to, f"{{{WSA}}}Address").text = ANONYMOUS
    if security is not None:
        wsse = etree.SubElement(header, f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
        wsse.append(parse_own_xml(security))
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(body)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def parse_envelope(content: bytes, *, max_bytes: int = MAX_ENVELOPE_BYTES) -> Envelope:
    """Read an envelope.

    Raises:
        MalformedMessage: not XML, not SOAP, or a body that does not hold one element.
        TooLarge: over max_bytes.
    """
    root = parse_xml(content, max_bytes=max_bytes)
    name = etree.QName(root)
    if name.localname != "Envelope" or name.namespace not in {SOAP, SOAP_1_1}:
        raise MalformedMessage("not a SOAP envelope", where="root element")
    bodies = root.findall(f"{{{name.namespace}}}Body")
    children = [child for body in bodies for child in body.iterchildren(tag=etree.Element)]
    if len(bodies) != 1 or len(children) != 1:
        raise MalformedMessage("exactly one element", where="soap:Body")
    header = root.find(f"{{{name.namespace}}}Header")
    return Envelope(
        action=_header(header, "Action"),
        message_id=_header(header, "MessageID"),
        relates_to=_header(header, "RelatesTo"),
        body=children[0],
        security=None if header is None else header.find(f"{{{WSSE}}}Security"),
        version=name.namespace,
    )


def check_correlation(answer: Envelope, request: Addressing) -> None:
    """Check that an answer answers that request (X6).

    Raises:
        Mismatch: it relates to another message, or to none.
    """
    if answer.relates_to != request.message_id:
        raise Mismatch("the answer does not relate to our message (wsa:RelatesTo)")


def _header(header: etree._Element | None, name: str) -> str | None:
    """Return the text of a WS-Addressing header; two of one name are ambiguous."""
    found = [] if header is None else header.findall(f"{{{WSA}}}{name}")
    if len(found) > 1:
        raise MalformedMessage("given twice", where=f"wsa:{name}")
    return (found[0].text or "").strip() or None if found else None
