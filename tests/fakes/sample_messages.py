"""Read a sample message written by others, whatever it was saved as, up to its model."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from lxml import etree

from drimbox.errors import UnsupportedMessage
from drimbox.standards.safe_xml import parse_xml
from drimbox.standards.soap.envelope import parse_envelope
from drimbox.standards.soap.fault import find_fault
from drimbox.standards.soap.mtom import UnpackedMessage, parse_message
from drimbox.standards.xds.iti18_registry_stored_query import (
    parse_query_request,
    parse_query_response,
)
from drimbox.standards.xds.iti41_provide_and_register import parse_provide_and_register
from drimbox.standards.xds.iti43_retrieve_document_set import (
    parse_retrieve_request,
    parse_retrieve_response,
)
from drimbox.standards.xds.registry_errors import parse_registry_response
from drimbox.standards.xds.submit_objects import parse_submit_objects

_HEAD = re.compile(rb"\A(?:[A-Z]+ \S+ HTTP/1|HTTP/1)\.[01].*?\r?\n[ \t]*\r?\n", re.DOTALL)
_CONTENT_TYPE = re.compile(rb"^content-type:[ \t]*(.*?)[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_FIRST_BOUNDARY = re.compile(rb"\A\s*--(\S+)\s*\n")
_MAX_BYTES = 1024 * 1024

_READERS: dict[str, Callable[[etree._Element, Mapping[str, bytes]], object]] = {
    "AdhocQueryRequest": lambda body, _: parse_query_request(body),
    "AdhocQueryResponse": lambda body, _: parse_query_response(body),
    "RetrieveDocumentSetRequest": lambda body, _: parse_retrieve_request(body),
    "RetrieveDocumentSetResponse": parse_retrieve_response,
    "ProvideAndRegisterDocumentSetRequest": parse_provide_and_register,
    "SubmitObjectsRequest": lambda body, _: parse_submit_objects(body),
    "RegistryResponse": lambda body, _: parse_registry_response(body),
}


def read_sample(path: Path, content_type: str | None = None) -> object:
    """Parse a file as the message it is.

    Raises:
        DrimboxError: it cannot be read; UnsupportedMessage for another transaction.
    """
    message = unpack(path.read_bytes(), content_type)
    root = parse_xml(message.root, max_bytes=_MAX_BYTES)
    if etree.QName(root).localname == "Envelope":
        envelope = parse_envelope(message.root)
        fault = find_fault(envelope)
        if fault is not None:
            return fault
        root = envelope.body
    reader = _READERS.get(etree.QName(root).localname)
    if reader is None:
        raise UnsupportedMessage("no transaction of ours", where=etree.QName(root).localname)
    return reader(root, message.parts)


def unpack(octets: bytes, content_type: str | None) -> UnpackedMessage:
    """Unpack a saved HTTP message, a saved multipart body, or plain XML."""
    head = _HEAD.match(octets)
    if head is not None:
        found = _CONTENT_TYPE.search(head.group())
        content_type = found.group(1).decode() if found else None
        octets = octets[head.end() :]
    boundary = _FIRST_BOUNDARY.match(octets)
    if content_type is None and boundary is not None:
        content_type = f'multipart/related; boundary="{boundary.group(1).decode()}"'
    return parse_message(content_type or "application/soap+xml", octets)
