"""A message that SOAP 1.2, WS-Addressing or MTOM does not allow is answered with a fault."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree
from tests.sandbox.dmp.bench import BASE, MESSAGE_ID, SOAP, WSA, Bench, Recipe, cut_at

from drimbox.sandbox.dmp.service import Exchange

ACTION = f"{{{WSA}}}Action"


def header(envelope: etree._Element, name: str) -> etree._Element:
    found = envelope[0].find(f"{{{WSA}}}{name}")
    assert found is not None
    return found


def said(name: str, text: str) -> Callable[[etree._Element], None]:
    def change(envelope: etree._Element) -> None:
        header(envelope, name).text = text

    return change


def without(name: str) -> Callable[[etree._Element], None]:
    return lambda envelope: envelope[0].remove(header(envelope, name))


def twice(name: str) -> Callable[[etree._Element], None]:
    def change(envelope: etree._Element) -> None:
        again = etree.SubElement(envelope[0], f"{{{WSA}}}{name}")
        again.text = header(envelope, name).text

    return change


def unqualified_flag(envelope: etree._Element) -> None:
    action = header(envelope, "Action")
    del action.attrib[f"{{{SOAP}}}mustUnderstand"]
    action.set("mustUnderstand", "true")


def foreign_header(envelope: etree._Element) -> None:
    block = etree.SubElement(envelope[0], "{urn:else}Transaction")
    block.set(f"{{{SOAP}}}mustUnderstand", "1")


def odd_flag(envelope: etree._Element) -> None:
    header(envelope, "To").set(f"{{{SOAP}}}mustUnderstand", "yes")


def reply_elsewhere(envelope: etree._Element) -> None:
    header(envelope, "ReplyTo")[0].text = "https://elsewhere.example/"


def two_bodies(envelope: etree._Element) -> None:
    etree.SubElement(envelope[1], "{urn:else}Second")


def body_first(envelope: etree._Element) -> None:
    envelope.append(envelope[0])


def second_assertion(envelope: etree._Element) -> None:
    envelope[0][-1].append(etree.fromstring(etree.tostring(envelope[0][-1][0])))


def assertion_in_body(envelope: etree._Element) -> None:
    envelope[1][0].append(envelope[0][-1][0])


def two_securities(envelope: etree._Element) -> None:
    envelope[0].append(etree.fromstring(etree.tostring(envelope[0][-1]).split(b">")[0] + b"/>"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param(without("Action"), "ActionNotSupported", id="no Action"),
        pytest.param(twice("Action"), "ActionNotSupported", id="two Actions"),
        pytest.param(said("Action", "urn:else"), "ActionNotSupported", id="an unknown Action"),
        pytest.param(
            said("Action", "urn:ihe:iti:2007:RetrieveDocumentSet"),
            "ActionNotSupported: the Action does not go with",
            id="an Action of another body",
        ),
        pytest.param(
            unqualified_flag, "InvalidAddressingHeader", id="mustUnderstand without its namespace"
        ),
        pytest.param(without("MessageID"), "MessageAddressingHeaderRequired", id="no MessageID"),
        pytest.param(twice("MessageID"), "InvalidAddressingHeader", id="two MessageIDs"),
        pytest.param(
            said("MessageID", "6d0a6a2e-7d39-4b43-9a4e-0a6b0c7de001"),
            "InvalidAddressingHeader",
            id="a MessageID that is no URN",
        ),
        pytest.param(
            said("MessageID", "urn:uuid:1234"), "InvalidAddressingHeader", id="no UUID in the URN"
        ),
        pytest.param(without("To"), "MessageAddressingHeaderRequired", id="no To"),
        pytest.param(
            said("To", f"https://dmp.example{BASE}/registry"),
            "DestinationUnreachable",
            id="To is another service",
        ),
        pytest.param(reply_elsewhere, "OnlyAnonymousAddressSupported", id="ReplyTo elsewhere"),
        pytest.param(foreign_header, "header Transaction is not understood", id="foreign header"),
        pytest.param(odd_flag, "mustUnderstand must be", id="mustUnderstand=yes"),
        pytest.param(two_bodies, "exactly one element", id="two elements in the Body"),
        pytest.param(body_first, "one Header, then one Body", id="Body before Header"),
        pytest.param(second_assertion, "one wsse:Security with one assertion", id="2 assertions"),
        pytest.param(assertion_in_body, "must stand in wsse:Security", id="assertion in the Body"),
        pytest.param(two_securities, "one wsse:Security with one assertion", id="2 Securities"),
    ],
)
def test_refuses_an_envelope_that_is(
    bench: Bench, change: Callable[[etree._Element], None], fault: str
) -> None:
    answer = bench.provide(Recipe(envelope=change))

    assert fault in answer.fault, answer.fault
    assert bench.store.find_entries_of(bench_patient()) == []


def bench_patient() -> str:
    return Recipe().vihf_patient


def typed(content_type: str) -> Callable[[Exchange], Exchange]:
    return lambda exchange: replace(exchange, content_type=content_type)


def replaced(old: bytes, new: bytes) -> Callable[[Exchange], Exchange]:
    def change(exchange: Exchange) -> Exchange:
        assert old in exchange.body
        return replace(exchange, body=exchange.body.replace(old, new))

    return change


def outer(old: str, new: str) -> Callable[[Exchange], Exchange]:
    def change(exchange: Exchange) -> Exchange:
        assert old in exchange.content_type
        return replace(exchange, content_type=exchange.content_type.replace(old, new))

    return change


def simple(exchange: Exchange) -> Exchange:
    envelope = exchange.body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--")[0]
    return Exchange(exchange.path, "application/soap+xml", envelope, exchange.client_certificate)


@pytest.mark.parametrize(
    ("wire", "fault"),
    [
        pytest.param(simple, "SIMPLE SOAP but MTOM is required", id="SIMPLE SOAP"),
        pytest.param(typed("text/xml"), "MTOM is required", id="text/xml"),
        pytest.param(outer("application/xop+xml", "text/xml"), "needs type=", id="a wrong type"),
        pytest.param(
            outer("application/soap+xml", "text/xml"), "needs start-info", id="a wrong start-info"
        ),
        pytest.param(outer("<root@test>", "<x@test>"), "that start names", id="start at no part"),
        pytest.param(cut_at(b"--MIMEBoundary_test--"), "cut short", id="no closing boundary"),
        pytest.param(
            replaced(b'xml; charset=UTF-8; type="application/soap+xml"', b"xml"),
            "the root part must be",
            id="a root part without type",
        ),
        pytest.param(
            replaced(b"<Signature01@test>", b"<DocumentKOS@test>"),
            "a Content-ID of its own",
            id="two parts of one name",
        ),
        pytest.param(
            replaced(b"<DocumentKOS@test>", b"<Else@test>"),
            "a part that is not in the package",
            id="a dangling cid",
        ),
        pytest.param(
            replaced(b"cid:DocumentKOS", b"http://x/"), "not a cid URL", id="an http href"
        ),
        pytest.param(
            replaced(b"<s:Body>", b"<s:Body"), "cannot be read", id="XML that is not well-formed"
        ),
        pytest.param(
            replaced(b"<s:Envelope", b"<!DOCTYPE x><s:Envelope"), "DOCTYPE", id="a DOCTYPE"
        ),
        pytest.param(
            replaced(SOAP.encode(), b"http://schemas.xmlsoap.org/soap/envelope/"),
            "Envelope of SOAP 1.2",
            id="SOAP 1.1",
        ),
        pytest.param(
            lambda exchange: replace(exchange, client_certificate=None),
            "TLS brought no client certificate",
            id="no client certificate",
        ),
    ],
)
def test_refuses_a_package_that_has(
    bench: Bench, wire: Callable[[Exchange], Exchange], fault: str
) -> None:
    answer = bench.provide(Recipe(wire=wire))

    assert fault in answer.fault, answer.fault


def test_takes_base64_inline_in_a_package(bench: Bench) -> None:
    """Appendix V.8.2: a sender may leave content inline; the message is multipart all the same."""
    answer = bench.provide(Recipe(is_inline=True))

    assert answer.status == "Success", answer.said()


def test_refuses_a_package_where_the_transaction_is_simple(bench: Bench) -> None:
    exchange = bench.provide_message(Recipe())

    answer = bench.send(replace(exchange, path=f"{BASE}/registry"))

    assert "this transaction is SIMPLE SOAP" in answer.fault


def test_answers_faults_as_simple_soap_that_names_the_request(bench: Bench) -> None:
    answer = bench.provide(Recipe(envelope=without("To")))

    assert answer.reply.content_type.startswith("application/soap+xml")
    assert answer.reply.status == 400
    assert header(answer.envelope, "RelatesTo").text == MESSAGE_ID


def test_answers_what_is_no_sender_fault_with_500(bench: Bench) -> None:
    assert bench.provide(Recipe(envelope=foreign_header)).reply.status == 500


def test_answers_with_the_action_of_the_response_and_relates_to_the_request(bench: Bench) -> None:
    answer = bench.provide()

    assert answer.envelope[0].findtext(ACTION) == (
        "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse"
    )
    assert header(answer.envelope, "RelatesTo").text == MESSAGE_ID
    assert answer.reply.content_type.startswith("multipart/related")
