"""What the DMP answers: envelopes, faults, registry responses (TF-2 appendix V, TF-3 4.2.4)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from drimbox.sandbox.dmp.multipart import SOAP_TYPE, write_package
from drimbox.sandbox.dmp.names import (
    ANONYMOUS,
    FAILURE,
    FAULT_ACTION,
    LCM,
    QUERY,
    RIM,
    RS,
    SEVERITY_ERROR,
    SOAP,
    SUCCESS,
    WSA,
    XDSB,
    XML,
    XOP,
    qualified,
)
from drimbox.sandbox.dmp.refusals import Fault, RegistryError

_NAMESPACES: Final = {"s": SOAP, "wsa": WSA}
_BODY_NAMESPACES: Final = {"rs": RS, "rim": RIM, "query": QUERY, "lcm": LCM, "xdsb": XDSB}


@dataclass(frozen=True, slots=True)
class Answer:
    """A body, and what its xop:Include elements refer to: (Content-ID, media type, octets)."""

    body: etree._Element
    attachments: tuple[tuple[str, str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    content_type: str
    body: bytes


def registry_response(
    errors: Sequence[RegistryError] = (), *, status: str | None = None
) -> etree._Element:
    """Build rs:RegistryResponse; Failure when there are errors, unless a status says otherwise."""
    return _response(qualified(RS, "RegistryResponse"), errors, status)


def query_response(
    objects: Sequence[etree._Element], errors: Sequence[RegistryError] = ()
) -> etree._Element:
    """Build query:AdhocQueryResponse; query.xsd wants its RegistryObjectList even on Failure."""
    response = _response(qualified(QUERY, "AdhocQueryResponse"), errors, None)
    found = etree.SubElement(response, qualified(RIM, "RegistryObjectList"))
    found.extend(objects)
    return response


def soap_reply(answer: Answer, *, action: str, relates_to: str, is_mtom: bool) -> Reply:
    """Wrap an answer; the packaging is that of the request (appendix V.8)."""
    envelope = _envelope(action, relates_to, answer.body)
    if not is_mtom:
        return Reply(200, f"{SOAP_TYPE}; charset=UTF-8", envelope)
    boundary = f"MIMEBoundary_{uuid.uuid4().hex}"
    content_type, octets = write_package(envelope, answer.attachments, boundary=boundary)
    return Reply(200, content_type, octets)


def fault_reply(fault: Fault, relates_to: str) -> Reply:
    """Wrap a fault; always SIMPLE SOAP, whatever the packaging of the request."""
    namespace, name = fault.subcode or ("", "")
    nsmap = {"s": SOAP, "subcode": namespace} if namespace else {"s": SOAP}
    body = etree.Element(_soap("Fault"), nsmap=nsmap)
    code = etree.SubElement(body, _soap("Code"))
    etree.SubElement(code, _soap("Value")).text = f"s:{fault.code}"
    if namespace:
        subcode = etree.SubElement(code, _soap("Subcode"))
        etree.SubElement(subcode, _soap("Value")).text = f"subcode:{name}"
    reason = etree.SubElement(body, _soap("Reason"))
    text = etree.SubElement(reason, _soap("Text"))
    text.set(qualified(XML, "lang"), "en")
    text.text = fault.reason
    envelope = _envelope(FAULT_ACTION, relates_to, body)
    return Reply(fault.http_status, f"{SOAP_TYPE}; charset=UTF-8", envelope)


def document_response(
    repository: str, unique_id: str, mime_type: str, *, home: str, content_id: str
) -> etree._Element:
    """Build one xdsb:DocumentResponse whose Document is an xop:Include."""
    response = etree.Element(_xdsb("DocumentResponse"), nsmap={"xdsb": XDSB})
    # HomeCommunityId comes back only where the request had it (ITI-43, 3.43.4.2).
    for name, text in (
        ("HomeCommunityId", home),
        ("RepositoryUniqueId", repository),
        ("DocumentUniqueId", unique_id),
        ("mimeType", mime_type),
    ):
        if text:
            etree.SubElement(response, _xdsb(name)).text = text
    document = etree.SubElement(response, _xdsb("Document"))
    include = etree.SubElement(document, qualified(XOP, "Include"), nsmap={"xop": XOP})
    include.set("href", f"cid:{content_id}")
    return response


def retrieve_response(
    documents: Sequence[etree._Element], errors: Sequence[RegistryError], status: str
) -> etree._Element:
    """Build xdsb:RetrieveDocumentSetResponse: the registry response, then the documents."""
    response = etree.Element(_xdsb("RetrieveDocumentSetResponse"), nsmap=_BODY_NAMESPACES)
    response.append(registry_response(errors, status=status))
    response.extend(documents)
    return response


def _response(tag: str, errors: Sequence[RegistryError], status: str | None) -> etree._Element:
    response = etree.Element(tag, nsmap=_BODY_NAMESPACES)
    response.set("status", status or (FAILURE if errors else SUCCESS))
    if errors:
        listed = etree.SubElement(response, _rs("RegistryErrorList"))
        listed.set("highestSeverity", SEVERITY_ERROR)
        for error in errors:
            element = etree.SubElement(listed, _rs("RegistryError"))
            element.set("codeContext", error.context)
            element.set("errorCode", error.code)
            element.set("severity", SEVERITY_ERROR)
            if error.location:
                element.set("location", error.location)
    return response


def _envelope(action: str, relates_to: str, body: etree._Element) -> bytes:
    envelope = etree.Element(_soap("Envelope"), nsmap=_NAMESPACES)
    header = etree.SubElement(envelope, _soap("Header"))
    etree.SubElement(header, _wsa("To")).text = ANONYMOUS
    action_element = etree.SubElement(header, _wsa("Action"))
    action_element.text = action
    action_element.set(_soap("mustUnderstand"), "1")
    etree.SubElement(header, _wsa("MessageID")).text = f"urn:uuid:{uuid.uuid4()}"
    if relates_to:
        etree.SubElement(header, _wsa("RelatesTo")).text = relates_to
    etree.SubElement(envelope, _soap("Body")).append(body)
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


def _soap(name: str) -> str:
    return qualified(SOAP, name)


def _wsa(name: str) -> str:
    return qualified(WSA, name)


def _rs(name: str) -> str:
    return qualified(RS, name)


def _xdsb(name: str) -> str:
    return qualified(XDSB, name)
