"""ITI-43: requests name each document, answers bring octets inline or beside."""

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from tests.fakes.submissions import ENTRY, KOS
from tests.fakes.xds_schemas import XdsSchemas

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.standards.xds.iti43_retrieve_document_set import (
    DocumentReference,
    encode_retrieve_request,
    parse_retrieve_request,
    parse_retrieve_response,
)

LOCATED = replace(ENTRY, repository_unique_id="1.2.9", home_community_id="urn:oid:1.2.8")
ANSWER = """
<b:RetrieveDocumentSetResponse xmlns:b="urn:ihe:iti:xds-b:2007">
  <rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"
    status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"/>
  <b:DocumentResponse>
    <b:RepositoryUniqueId>1.2.9</b:RepositoryUniqueId>
    <b:DocumentUniqueId> 1.2.3 </b:DocumentUniqueId>
    <b:mimeType>application/dicom</b:mimeType>
    <b:Document>{}</b:Document>
  </b:DocumentResponse>
</b:RetrieveDocumentSetResponse>"""
INCLUDE = '<i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:a%40b"/>'


def test_a_request_names_repository_document_and_community(samples: Path) -> None:
    other = replace(LOCATED, unique_id="1.2.4", home_community_id=None)
    request = encode_retrieve_request([LOCATED, other])
    assert XdsSchemas(samples).faults(request, "XDS.b_DocumentRepository") == []
    assert parse_retrieve_request(request) == (
        DocumentReference("1.2.9", ENTRY.unique_id, "urn:oid:1.2.8"),
        DocumentReference("1.2.9", "1.2.4"),
    )


@pytest.mark.parametrize(
    "entries",
    [pytest.param([], id="no document"), pytest.param([ENTRY], id="a document held nowhere")],
)
def test_what_cannot_be_asked_for_is_refused(entries: list[type[ENTRY]]) -> None:  # type: ignore[valid-type]
    with pytest.raises(InvalidValue):
        encode_retrieve_request(entries)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(base64.b64encode(KOS).decode(), id="inline"),
        pytest.param(f"\n {base64.encodebytes(KOS).decode()} \n", id="inline, in lines"),
        pytest.param(INCLUDE, id="beside, its cid URL-encoded"),
        pytest.param(f"\n  {INCLUDE}\n", id="beside, indented"),
    ],
)
def test_octets_come_out_as_they_are(document: str) -> None:
    answer = etree.fromstring(ANSWER.format(document))
    (retrieved,) = parse_retrieve_response(answer, {"a@b": KOS}).documents
    assert retrieved.content == KOS
    assert retrieved.mime_type == "application/dicom"
    assert retrieved.reference == DocumentReference("1.2.9", "1.2.3")


@pytest.mark.parametrize(
    "xml",
    [
        pytest.param(ANSWER.format(INCLUDE.replace("a%40b", "c")), id="a cid without its part"),
        pytest.param(ANSWER.format(INCLUDE.replace("cid:", "http://")), id="a reference outside"),
        pytest.param(ANSWER.format("=not base64="), id="text that is not base64"),
        pytest.param(ANSWER.replace("<b:Document>{}</b:Document>", ""), id="no document"),
        pytest.param(ANSWER.replace("1.2.3", ""), id="no uniqueId"),
        pytest.param(ANSWER.replace("RegistryResponse", "Other"), id="no status"),
    ],
)
def test_an_answer_that_does_not_hold_together_is_refused(xml: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_retrieve_response(etree.fromstring(xml), {"a@b": KOS})


def test_other_messages_are_refused() -> None:
    with pytest.raises(UnsupportedMessage):
        parse_retrieve_response(etree.fromstring("<a/>"), {})
    with pytest.raises(UnsupportedMessage):
        parse_retrieve_request(etree.fromstring("<a/>"))
