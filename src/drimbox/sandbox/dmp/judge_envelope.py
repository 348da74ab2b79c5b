"""Whether a message is SOAP 1.2 with the WS-Addressing headers of ITI TF-2 appendix V.

It judges packaging (SIMPLE or MTOM, whichever the transaction has), envelope, headers and the root
of the body; a wrong message is answered with a fault, never with a RegistryResponse.
"""

import re
import uuid
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from lxml import etree

from drimbox.errors import MalformedMessage, TooLarge
from drimbox.sandbox.dmp.judge_structure import local_name
from drimbox.sandbox.dmp.multipart import SOAP_TYPE, Package, read_package
from drimbox.sandbox.dmp.names import ANONYMOUS, SAML, SOAP, WSA, WSSE, qualified
from drimbox.sandbox.dmp.refusals import Fault, addressing_fault, not_understood, sender_fault
from drimbox.sandbox.dmp.transactions import Transaction
from drimbox.standards.safe_xml import parse_xml

MAX_ENVELOPE_BYTES: Final = 8 * 1024 * 1024
_ENVELOPE: Final = qualified(SOAP, "Envelope")
_HEADER: Final = qualified(SOAP, "Header")
_BODY: Final = qualified(SOAP, "Body")
_MUST_UNDERSTAND: Final = qualified(SOAP, "mustUnderstand")
_TRUE: Final = frozenset({"1", "true"})
_FALSE: Final = frozenset({"0", "false"})
_ADDRESSING: Final = frozenset(
    qualified(WSA, name)
    for name in ("To", "Action", "MessageID", "ReplyTo", "FaultTo", "From", "RelatesTo")
)
_SECURITY: Final = qualified(WSSE, "Security")
_SIMPLE_TYPE: Final = re.compile(r"application/soap\+xml\s*(;|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A message whose envelope and addressing hold; security is not judged yet."""

    action: str
    message_id: str
    body: etree._Element
    assertion: etree._Element | None
    package: Package | None


def read_envelope(
    content_type: str, body: bytes, *, is_mtom: bool
) -> tuple[etree._Element, Package | None]:
    """Unpack a request and parse its envelope.

    Raises:
        Fault: the wrong packaging, or no SOAP 1.2 envelope.
    """
    package = None
    if is_mtom:
        package = read_package(content_type, body)
        body = package.envelope
    elif not _SIMPLE_TYPE.match(content_type):
        raise sender_fault(f"Content-Type must be {SOAP_TYPE}: this transaction is SIMPLE SOAP")
    try:
        envelope = parse_xml(body, max_bytes=MAX_ENVELOPE_BYTES)
    except (MalformedMessage, TooLarge) as error:
        raise sender_fault(f"the envelope cannot be read: {error}") from None
    if envelope.tag != _ENVELOPE:
        raise Fault("VersionMismatch", "the root must be an Envelope of SOAP 1.2")
    return envelope, package


def judge_envelope(
    envelope: etree._Element, transaction: Transaction, package: Package | None
) -> Message:
    """Judge envelope, headers and the body's root.

    Raises:
        Fault: whatever SOAP 1.2, WS-Addressing 1.0 or appendix V does not allow.
    """
    header, body = _header_and_body(envelope)
    _judge_understanding(header)
    _judge_addressing(header, transaction)
    content = list(body.iterchildren(etree.Element))
    if len(content) != 1:
        raise sender_fault("the Body must hold exactly one element")
    if content[0].tag != transaction.body:
        raise addressing_fault(
            "ActionNotSupported", f"the Action does not go with {local_name(content[0])}"
        )
    return Message(
        action=transaction.action,
        message_id=_single_text(header, "MessageID"),
        body=content[0],
        assertion=_assertion(envelope, header),
        package=package,
    )


def action_of(envelope: etree._Element) -> str:
    """Return wsa:Action, or "" where it is absent or repeated."""
    found = envelope.findall(f"{_HEADER}/{qualified(WSA, 'Action')}")
    return (found[0].text or "").strip() if len(found) == 1 else ""


def message_id_of(envelope: etree._Element) -> str:
    """Return wsa:MessageID for RelatesTo, or "" where there is none."""
    return envelope.findtext(f"{_HEADER}/{qualified(WSA, 'MessageID')}", "").strip()


def _header_and_body(envelope: etree._Element) -> tuple[etree._Element, etree._Element]:
    children = list(envelope.iterchildren(etree.Element))
    if [child.tag for child in children] != [_HEADER, _BODY]:
        raise sender_fault("the Envelope must hold one Header, then one Body")
    return children[0], children[1]


def _judge_understanding(header: etree._Element) -> None:
    for block in header.iterchildren(etree.Element):
        flag = block.get(_MUST_UNDERSTAND, "0")
        if flag not in _TRUE | _FALSE:
            raise sender_fault("mustUnderstand must be 0, 1, true or false")
        if flag in _TRUE and block.tag not in _ADDRESSING | {_SECURITY}:
            raise not_understood(local_name(block))


def _judge_addressing(header: etree._Element, transaction: Transaction) -> None:
    action = _single_text(header, "Action")
    if action != transaction.action:
        raise addressing_fault("ActionNotSupported", "this service has no such Action")
    element = header.find(qualified(WSA, "Action"))
    if element is None or element.get(_MUST_UNDERSTAND) not in _TRUE:
        raise addressing_fault(
            "InvalidAddressingHeader", "Action needs soap:mustUnderstand=1 (appendix V)"
        )
    message_id = _single_text(header, "MessageID")
    if not _is_uuid_urn(message_id):
        raise addressing_fault("InvalidAddressingHeader", "MessageID must be a urn:uuid")
    to = urlsplit(_single_text(header, "To"))
    if to.scheme != "https" or not to.hostname or to.path != transaction.path:
        raise addressing_fault("DestinationUnreachable", "To is not the address of this service")
    reply_to = header.findall(qualified(WSA, "ReplyTo"))
    for block in reply_to:
        if block.findtext(qualified(WSA, "Address"), "").strip() != ANONYMOUS:
            raise addressing_fault("OnlyAnonymousAddressSupported", "ReplyTo must be anonymous")
    if len(reply_to) > 1:
        raise addressing_fault("InvalidAddressingHeader", "more than one ReplyTo")


def _single_text(header: etree._Element, name: str) -> str:
    found = header.findall(qualified(WSA, name))
    if not found:
        raise addressing_fault("MessageAddressingHeaderRequired", f"{name} is missing")
    if len(found) > 1:
        raise addressing_fault("InvalidAddressingHeader", f"more than one {name}")
    return (found[0].text or "").strip()


def _is_uuid_urn(text: str) -> bool:
    value = text.removeprefix("urn:uuid:")
    try:
        return value != text and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def _assertion(envelope: etree._Element, header: etree._Element) -> etree._Element | None:
    """Return the only assertion of the message, where it must stand; None when there is none.

    One anywhere else, or a second one, is how signatures are wrapped: refused.
    """
    everywhere = list(envelope.iter(qualified(SAML, "Assertion")))
    if not everywhere:
        return None
    securities = header.findall(_SECURITY)
    if len(securities) != 1 or len(everywhere) != 1:
        raise sender_fault("there must be one wsse:Security with one assertion in the message")
    if everywhere[0].getparent() is not securities[0]:
        raise sender_fault("the assertion must stand in wsse:Security itself")
    return everywhere[0]
