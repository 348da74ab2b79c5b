"""Envelopes and faults: what we write, what we read, and what answers what."""

import pytest
from lxml import etree

from drimbox.errors import MalformedMessage, Mismatch, TooLarge
from drimbox.standards.soap.envelope import (
    ANONYMOUS,
    SOAP,
    SOAP_1_1,
    WSA,
    Addressing,
    check_correlation,
    encode_envelope,
    parse_envelope,
)
from drimbox.standards.soap.fault import SoapFault, find_fault

REQUEST = Addressing("urn:action", "urn:uuid:1", "https://dmp.example/registry")
NS = {"s": SOAP, "wsa": WSA}


def _envelope(headers: str = "", body: str = "<x/>", *, namespace: str = SOAP) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{namespace}" xmlns:wsa="{WSA}">'
        f"<s:Header>{headers}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def test_a_request_carries_the_headers_of_appendix_v() -> None:
    root = etree.fromstring(encode_envelope(etree.Element("x"), REQUEST, security=b"<assertion/>"))
    action = root.find("s:Header/wsa:Action", NS)
    assert action is not None
    assert (action.text, action.get(f"{{{SOAP}}}mustUnderstand")) == ("urn:action", "1")
    assert root.findtext("s:Header/wsa:MessageID", None, NS) == "urn:uuid:1"
    assert root.findtext("s:Header/wsa:To", None, NS) == REQUEST.to
    assert root.findtext("s:Header/wsa:ReplyTo/wsa:Address", None, NS) == ANONYMOUS
    assert root.find("s:Header/{*}Security/assertion", NS) is not None
    assert root.find("s:Body/x", NS) is not None


def test_a_request_is_read_back() -> None:
    envelope = parse_envelope(encode_envelope(etree.Element("x"), REQUEST))
    assert (envelope.action, envelope.message_id) == (REQUEST.action, REQUEST.message_id)
    assert envelope.body.tag == "x"
    assert envelope.security is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"<x/>", id="no envelope"),
        pytest.param(_envelope(namespace="urn:other"), id="an envelope of another kind"),
        pytest.param(_envelope(body=""), id="an empty body"),
        pytest.param(_envelope(body="<x/><y/>"), id="two elements in the body"),
        pytest.param(_envelope("<wsa:RelatesTo>1</wsa:RelatesTo>" * 2), id="two RelatesTo"),
        pytest.param(b"<!DOCTYPE x>" + _envelope(), id="a DOCTYPE"),
    ],
)
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_envelope(content)


def test_an_envelope_over_the_limit_is_refused() -> None:
    with pytest.raises(TooLarge):
        parse_envelope(_envelope(), max_bytes=10)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("<wsa:RelatesTo>urn:uuid:2</wsa:RelatesTo>", id="another message"),
        pytest.param("<wsa:RelatesTo/>", id="an empty one"),
        pytest.param("<RelatesTo>urn:uuid:1</RelatesTo>", id="of another namespace"),
        pytest.param("", id="none"),
    ],
)
def test_an_answer_to_something_else_does_not_correlate(header: str) -> None:
    with pytest.raises(Mismatch):
        check_correlation(parse_envelope(_envelope(header)), REQUEST)


def test_the_answer_to_our_message_correlates() -> None:
    answer = parse_envelope(_envelope("<wsa:RelatesTo> urn:uuid:1 </wsa:RelatesTo>"))
    check_correlation(answer, REQUEST)


@pytest.mark.parametrize(
    ("body", "namespace", "fault"),
    [
        pytest.param(
            "<s:Fault><s:Code><s:Value>s:Receiver</s:Value><s:Subcode><s:Value>d:Busy</s:Value>"
            "</s:Subcode></s:Code><s:Reason><s:Text>late</s:Text></s:Reason></s:Fault>",
            SOAP,
            SoapFault("Receiver", "Busy", "late"),
            id="1.2",
        ),
        pytest.param(
            "<s:Fault><faultcode>s:Server.Busy</faultcode><faultstring>late</faultstring></s:Fault>",
            SOAP_1_1,
            SoapFault("Server", "Busy", "late"),
            id="1.1",
        ),
        pytest.param("<s:Fault/>", SOAP, SoapFault("", None, ""), id="an empty fault"),
        pytest.param("<x/>", SOAP, None, id="no fault"),
    ],
)
def test_reads_a_fault(body: str, namespace: str, fault: SoapFault | None) -> None:
    assert find_fault(parse_envelope(_envelope(body=body, namespace=namespace))) == fault


@pytest.mark.parametrize(
    ("code", "is_receivers"),
    [("Receiver", True), ("Server", True), ("Sender", False), ("Client", False), ("", False)],
)
def test_tells_whose_fault_it_is(code: str, is_receivers: bool) -> None:
    assert SoapFault(code, None, "").is_receivers is is_receivers
