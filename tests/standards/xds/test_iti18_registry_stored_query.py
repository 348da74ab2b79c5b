"""ITI-18: parameters are written as 3.18.4.1.2.3.5 says, and answers read as they come."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from tests.fakes.submissions import ENTRY, INS
from tests.fakes.xds_schemas import XdsSchemas

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentQuery,
    ReferenceId,
    ReferenceIdKind,
)
from drimbox.model.patient import AssigningAuthority
from drimbox.model.practice import Code
from drimbox.model.uids import Oid
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.ebrim import MAX_VALUE_LENGTH
from drimbox.standards.xds.iti18_registry_stored_query import (
    ReturnType,
    StoredQuery,
    encode_find_documents,
    encode_get_documents,
    encode_get_documents_by_entry_uuid,
    parse_query_request,
    parse_query_response,
)
from drimbox.standards.xds.registry_errors import ResponseStatus

QUERY = DocumentQuery(patient_id=INS.xds_patient_id)
DCM, SNOMED = "1.2.840.10008.2.16.4", "2.16.840.1.113883.6.96"
REFERENCE = ReferenceId(
    "O'HARA", ReferenceIdKind.ACCESSION.value, AssigningAuthority(None, Oid("1.2.3"))
)
FULL = replace(
    QUERY,
    type_codes=(Code("IMG-KOS", "1.2.250.1.213.1.1.4.12"),),
    class_codes=(Code("31", "1.2.250.1.213.1.1.4.1"),),
    format_codes=(Code("1.2.840.10008.5.1.4.1.1.88.59", "1.2.840.10008.2.6.1"),),
    modalities=(Code("CT", DCM), Code("MR", DCM)),
    anatomic_regions=(Code("774007", SNOMED),),
    reference_ids=(REFERENCE,),
    service_start_from=datetime(2026, 1, 1, tzinfo=UTC),
    service_start_to=datetime(2026, 2, 1, tzinfo=UTC),
    statuses=(AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED),
)
CODED = {
    "$XDSDocumentEntryPatientId": [f"'{INS.xds_patient_id}'"],
    "$XDSDocumentEntryStatus": [
        f"('{AvailabilityStatus.APPROVED.value}','{AvailabilityStatus.ARCHIVED.value}')"
    ],
    "$XDSDocumentEntryClassCode": ["('31^^1.2.250.1.213.1.1.4.1')"],
    "$XDSDocumentEntryTypeCode": ["('IMG-KOS^^1.2.250.1.213.1.1.4.12')"],
    "$XDSDocumentEntryFormatCode": ["('1.2.840.10008.5.1.4.1.1.88.59^^1.2.840.10008.2.6.1')"],
    "$XDSDocumentEntryEventCodeList": [f"('CT^^{DCM}','MR^^{DCM}')", f"('774007^^{SNOMED}')"],
    "$XDSDocumentEntryServiceStartTimeFrom": ["20260101000000"],
    "$XDSDocumentEntryServiceStartTimeTo": ["20260201000000"],
    "$XDSDocumentEntryReferenceIdList": ["('O''HARA^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:accession')"],
}
EMPTY_ANSWER = (
    '<query:AdhocQueryResponse xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"'
    ' status="{}">{}</query:AdhocQueryResponse>'
)


def _values(request: etree._Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for slot in request.iter("{*}Slot"):
        found.setdefault(slot.get("name", ""), []).extend(slot.itertext())
    return found


def test_every_criterion_is_coded_as_its_type_wants() -> None:
    assert _values(encode_find_documents(FULL)) == CODED


def test_two_slots_of_one_name_ask_for_a_modality_and_a_region() -> None:
    slots = encode_find_documents(FULL).findall(
        ".//{*}Slot[@name='$XDSDocumentEntryEventCodeList']"
    )
    assert len(slots) == 2


@pytest.mark.parametrize(
    ("query", "stored_query"),
    [
        pytest.param(QUERY, StoredQuery.FIND_DOCUMENTS, id="by criteria"),
        pytest.param(FULL, StoredQuery.FIND_DOCUMENTS_BY_REFERENCE_ID, id="by reference id"),
    ],
)
def test_reference_ids_choose_the_query(query: DocumentQuery, stored_query: StoredQuery) -> None:
    assert parse_query_request(encode_find_documents(query)).query is stored_query


@pytest.mark.parametrize(
    "request_element",
    [
        pytest.param(encode_find_documents(FULL), id="FindDocumentsByReferenceId"),
        pytest.param(encode_find_documents(QUERY), id="FindDocuments"),
        pytest.param(encode_get_documents(["1.2.3"]), id="GetDocuments by uniqueId"),
        pytest.param(
            encode_get_documents_by_entry_uuid(
                ["urn:uuid:102439f8-5881-4b36-8b42-ef73ae500000"] * 20
            ),
            id="GetDocuments by twenty entryUUIDs",
        ),
    ],
)
def test_requests_are_schema_valid(samples: Path, request_element: etree._Element) -> None:
    assert XdsSchemas(samples).faults(request_element, "query") == []


@settings(deadline=None)
@given(st.lists(st.text("'abc()^,\"é", min_size=1, max_size=120), min_size=1, max_size=40))
def test_long_lists_are_cut_between_strings_and_read_back_whole(texts: list[str]) -> None:
    if any(len(text) + text.count("'") + 4 > MAX_VALUE_LENGTH for text in texts):
        return
    request = encode_get_documents(texts)
    (values,) = _values(request).values()
    assert all(len(value) <= MAX_VALUE_LENGTH for value in values)
    assert all(value.startswith("('") and value.endswith("')") for value in values)
    assert parse_query_request(request).parameters[0].values == tuple(texts)


@pytest.mark.parametrize("text", ["x" * 300, "a\x00b"])
def test_a_string_that_no_value_can_hold_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        encode_get_documents([text])


def test_a_query_without_status_is_refused() -> None:
    with pytest.raises(InvalidValue):
        encode_find_documents(replace(QUERY, statuses=()))


def test_get_documents_asks_for_something() -> None:
    with pytest.raises(InvalidValue):
        encode_get_documents([])


def test_entry_ids_alone_may_be_asked_for() -> None:
    request = encode_find_documents(QUERY, return_type=ReturnType.OBJECT_REF)
    assert parse_query_request(request).return_type is ReturnType.OBJECT_REF


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        pytest.param("<a/>", UnsupportedMessage, id="another element"),
        pytest.param(
            EMPTY_ANSWER.replace("Response", "Request").format("", ""),
            MalformedMessage,
            id="no query in it",
        ),
        pytest.param(
            etree.tostring(encode_find_documents(QUERY))
            .decode()
            .replace(
                StoredQuery.FIND_DOCUMENTS.value, "urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"
            ),
            UnsupportedMessage,
            id="a query that is none of ITI-18",
        ),
    ],
)
def test_what_is_no_such_request_is_refused(xml: str, error: type[MalformedMessage]) -> None:
    with pytest.raises(error):
        parse_query_request(etree.fromstring(xml))


def _answer(*objects: etree._Element) -> etree._Element:
    answer = etree.fromstring(
        EMPTY_ANSWER.format(
            ResponseStatus.SUCCESS.value,
            '<r:RegistryObjectList xmlns:r="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"/>',
        )
    )
    answer[0].extend(objects)
    return answer


def test_an_entry_that_cannot_be_read_does_not_hide_the_others() -> None:
    parent = etree.Element("parent")
    whole = encode_document_entry(parent, ENTRY, "urn:uuid:1")
    broken = encode_document_entry(parent, ENTRY, "urn:uuid:2")
    broken.remove(broken.find("{*}Slot[@name='creationTime']"))  # type: ignore[arg-type]
    answer = parse_query_response(_answer(broken, whole))
    assert [entry.entry_uuid for entry in answer.entries] == ["urn:uuid:1"]
    assert answer.object_ids == ("urn:uuid:2", "urn:uuid:1")
    assert answer.unreadable == ("DocumentEntry creationTime: missing",)


def test_an_unknown_code_is_kept() -> None:
    strange = replace(ENTRY, event_codes=(Code("ZZ", "9.9.9", "?"),))
    element = encode_document_entry(etree.Element("parent"), strange, "urn:uuid:1")
    (entry,) = parse_query_response(_answer(element)).entries
    assert entry.event_codes == (Code("ZZ", "9.9.9", "?"),)


def test_a_failure_may_come_without_object_list() -> None:
    answer = parse_query_response(
        etree.fromstring(EMPTY_ANSWER.format(ResponseStatus.FAILURE.value, ""))
    )
    assert answer.response.status is ResponseStatus.FAILURE
    assert answer.entries == ()


def test_an_answer_of_another_kind_is_refused() -> None:
    with pytest.raises(UnsupportedMessage):
        parse_query_response(etree.fromstring("<a/>"))
