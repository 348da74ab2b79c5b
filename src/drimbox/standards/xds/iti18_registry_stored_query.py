"""ITI-18 Registry Stored Query (ITI TF-2 3.18): TD3.1a lists documents, TD3.1b finds one.

Coding of parameters (3.18.4.1.2.3.5): strings in single quotes, a quote doubled; lists in
parentheses; times bare. Several values of one slot mean OR, several slots of one name AND.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import Enum

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentEntry,
    DocumentQuery,
    RegisteredSet,
    SetQuery,
)
from drimbox.model.practice import Code
from drimbox.standards.safe_xml import xml_characters_only
from drimbox.standards.xds.data_types import encode_dtm, encode_reference_id
from drimbox.standards.xds.document_entry import parse_document_entry
from drimbox.standards.xds.ebrim import (
    MAX_VALUE_LENGTH,
    Association,
    Slot,
    add_slot,
    read_associations,
    read_slots,
)
from drimbox.standards.xds.names import NAMESPACES, QUERY, RIM
from drimbox.standards.xds.registry_errors import RegistryResponse, parse_registry_response
from drimbox.standards.xds.submit_objects import is_submission_set, parse_submission_set

_NS = dict(NAMESPACES)
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_REGISTERED_OBJECTS = ("ExtrinsicObject", "RegistryPackage", "Association", "ObjectRef")


class StoredQuery(Enum):
    """AdhocQuery/@id (ITI TF-2 3.18.4.1.2.4)."""

    FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
    FIND_DOCUMENTS_BY_REFERENCE_ID = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
    FIND_SUBMISSION_SETS = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9"
    FIND_FOLDERS = "urn:uuid:958f3006-baad-4929-a4de-ff1114824431"
    GET_ALL = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3"
    GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
    GET_FOLDERS = "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4"
    GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
    GET_DOCUMENTS_AND_ASSOCIATIONS = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a"
    GET_SUBMISSION_SETS = "urn:uuid:51224314-5390-4169-9b91-b1980040715a"
    GET_SUBMISSION_SET_AND_CONTENTS = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
    GET_FOLDER_AND_CONTENTS = "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7"
    GET_FOLDERS_FOR_DOCUMENT = "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578"
    GET_RELATED_DOCUMENTS = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"


class ReturnType(Enum):
    """LeafClass: whole entries. ObjectRef: their entryUUIDs only."""

    LEAF_CLASS = "LeafClass"
    OBJECT_REF = "ObjectRef"


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A request as read: strings unquoted, values of one slot in one tuple."""

    query: StoredQuery
    return_type: ReturnType
    parameters: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class QueryResponse:
    """What a registry found.

    entries are those that could be read; unreadable tells where each other one is at fault, so
    that one bad entry does not hide the rest. object_ids are the ids of everything returned. sets
    are submission sets, without their members: associations tell those.
    """

    response: RegistryResponse
    entries: tuple[DocumentEntry, ...]
    object_ids: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    associations: tuple[Association, ...] = ()
    sets: tuple[RegisteredSet, ...] = ()


def encode_find_documents(
    query: DocumentQuery,
    *,
    return_type: ReturnType = ReturnType.LEAF_CLASS,
    zone: tzinfo = UTC,
) -> etree._Element:
    """Build FindDocuments, or FindDocumentsByReferenceId when there are reference ids.

    zone is that in which the registry's times are written.

    Raises:
        InvalidValue: no status, or a value that no slot can hold.
    """
    if not query.statuses:
        raise InvalidValue("document query", "at least one status (3.18.4.1.2.3.7.1)")
    statuses = [status.value for status in query.statuses]
    parameters = [
        Slot("$XDSDocumentEntryPatientId", (quoted(query.patient_id),)),
        _list_slot("$XDSDocumentEntryStatus", statuses),
        _code_slot("ClassCode", query.class_codes),
        _code_slot("TypeCode", query.type_codes),
        _code_slot("FormatCode", query.format_codes),
        _code_slot("HealthcareFacilityTypeCode", query.facility_types),
        _code_slot("PracticeSettingCode", query.practice_settings),
        # Two slots of the same name: a modality AND a region.
        _code_slot("EventCodeList", query.modalities),
        _code_slot("EventCodeList", query.anatomic_regions),
        *(_code_slot("EventCodeList", choice) for choice in query.event_codes),
        *(_code_slot("ConfidentialityCode", choice) for choice in query.confidentiality_codes),
        *_time_slots(query, zone),
    ]
    kind = StoredQuery.FIND_DOCUMENTS
    if query.reference_ids:
        kind = StoredQuery.FIND_DOCUMENTS_BY_REFERENCE_ID
        references = [encode_reference_id(reference) for reference in query.reference_ids]
        parameters.append(_list_slot("$XDSDocumentEntryReferenceIdList", references))
    return _request(kind, return_type, parameters)


def encode_get_documents(
    unique_ids: Sequence[str], *, return_type: ReturnType = ReturnType.LEAF_CLASS
) -> etree._Element:
    """Build GetDocuments by uniqueId; each may bring several versions.

    Raises:
        InvalidValue: no uniqueId.
    """
    if not unique_ids:
        raise InvalidValue("document query", "at least one uniqueId")
    slot = _list_slot("$XDSDocumentEntryUniqueId", unique_ids)
    return _request(StoredQuery.GET_DOCUMENTS, return_type, [slot])


def encode_get_documents_by_entry_uuid(entry_uuids: Sequence[str]) -> etree._Element:
    """Build GetDocuments by entryUUID."""
    slot = _list_slot("$XDSDocumentEntryEntryUUID", entry_uuids)
    return _request(StoredQuery.GET_DOCUMENTS, ReturnType.LEAF_CLASS, [slot])


def encode_find_submission_sets(query: SetQuery, zone: tzinfo = UTC) -> etree._Element:
    """Build FindSubmissionSets (3.18.4.1.2.3.7.2).

    Raises:
        InvalidValue: no status, or a value that no slot can hold.
    """
    if not query.statuses:
        raise InvalidValue("submission set query", "at least one status (3.18.4.1.2.3.7.2)")
    codes = [f"{code.value}^^{code.system}" for code in query.content_types]
    parameters = [
        Slot("$XDSSubmissionSetPatientId", (quoted(query.patient_id),)),
        _list_slot("$XDSSubmissionSetStatus", [status.value for status in query.statuses]),
        _list_slot("$XDSSubmissionSetSourceId", query.source_ids),
        _list_slot("$XDSSubmissionSetContentType", codes),
    ]
    for name, at in (("From", query.submitted_from), ("To", query.submitted_to)):
        if at is not None:
            written = encode_dtm(at, zone)
            parameters.append(Slot(f"$XDSSubmissionSetSubmissionTime{name}", (written,)))
    return _request(StoredQuery.FIND_SUBMISSION_SETS, ReturnType.LEAF_CLASS, parameters)


def encode_get_associations(entry_uuids: Sequence[str]) -> etree._Element:
    """Build GetAssociations: what these entries are an end of."""
    slot = _list_slot("$uuid", entry_uuids)
    return _request(StoredQuery.GET_ASSOCIATIONS, ReturnType.LEAF_CLASS, [slot])


def parse_query_request(request: etree._Element) -> QueryRequest:
    """Read a request.

    Raises:
        UnsupportedMessage: another element, or a query that is none of ITI-18.
        MalformedMessage: no AdhocQuery or ResponseOption.
    """
    if request.tag != f"{{{QUERY}}}AdhocQueryRequest":
        raise UnsupportedMessage("query:AdhocQueryRequest", where="Body")
    option = request.find("query:ResponseOption", _NS)
    adhoc_query = request.find("rim:AdhocQuery", _NS)
    if option is None or adhoc_query is None:
        raise MalformedMessage("ResponseOption and AdhocQuery", where="AdhocQueryRequest")
    try:
        query = StoredQuery(adhoc_query.get("id", ""))
        return_type = ReturnType(option.get("returnType", ReturnType.OBJECT_REF.value))
    except ValueError:
        raise UnsupportedMessage("a query of ITI-18", where="AdhocQuery/@id") from None
    parameters = tuple(
        Slot(slot.name, tuple(value for text in slot.values for value in _read_value(text)))
        for slot in read_slots(adhoc_query)
    )
    return QueryRequest(query, return_type, parameters)


def parse_query_response(answer: etree._Element, zone: tzinfo = UTC) -> QueryResponse:
    """Read an answer; RegistryObjectList may be absent on failure.

    zone is that of times without an offset.

    Raises:
        UnsupportedMessage: another element.
        MalformedMessage: no status.
    """
    if answer.tag != f"{{{QUERY}}}AdhocQueryResponse":
        raise UnsupportedMessage("query:AdhocQueryResponse", where="Body")
    response = parse_registry_response(answer)
    objects = answer.find("rim:RegistryObjectList", _NS)
    entries, sets, unreadable, object_ids = [], [], [], []
    for element in () if objects is None else objects.iterchildren(tag=etree.Element):
        name = etree.QName(element).localname
        if name in _REGISTERED_OBJECTS:
            object_ids.append(element.get("id", ""))
        try:
            if name == "ExtrinsicObject":
                entries.append(parse_document_entry(element, zone))
            if name == "RegistryPackage" and is_submission_set(element):
                sets.append(_parse_registered_set(element, zone))
        except MalformedMessage as error:
            unreadable.append(f"{error.where}: {error.reason}")
    associations = () if objects is None else read_associations(objects)
    return QueryResponse(
        response, tuple(entries), tuple(object_ids), tuple(unreadable), associations, tuple(sets)
    )


def _parse_registered_set(package: etree._Element, zone: tzinfo) -> RegisteredSet:
    """Read a submission set with its entryUUID; only documents are archived or deleted."""
    is_deprecated = package.get("status") == AvailabilityStatus.DEPRECATED.value
    status = AvailabilityStatus.DEPRECATED if is_deprecated else AvailabilityStatus.APPROVED
    return RegisteredSet(parse_submission_set(package, zone), package.get("id", ""), status)


def quoted(text: str) -> str:
    """Write a string parameter: O'Hara is `'O''Hara'`."""
    return "'" + text.replace("'", "''") + "'"


def _request(
    query: StoredQuery, return_type: ReturnType, parameters: Sequence[Slot]
) -> etree._Element:
    request = etree.Element(f"{{{QUERY}}}AdhocQueryRequest", nsmap={"query": QUERY, "rim": RIM})
    option = etree.SubElement(request, f"{{{QUERY}}}ResponseOption", returnComposedObjects="true")
    option.set("returnType", return_type.value)
    adhoc_query = etree.SubElement(request, f"{{{RIM}}}AdhocQuery", id=query.value)
    with xml_characters_only("document query"):
        for slot in parameters:
            add_slot(adhoc_query, slot.name, slot.values)
    return request


def _time_slots(query: DocumentQuery, zone: tzinfo) -> Iterator[Slot]:
    for name, instant in (
        ("CreationTimeFrom", query.creation_from),
        ("CreationTimeTo", query.creation_to),
        ("ServiceStartTimeFrom", query.service_start_from),
        ("ServiceStartTimeTo", query.service_start_to),
        ("ServiceStopTimeFrom", query.service_stop_from),
        ("ServiceStopTimeTo", query.service_stop_to),
    ):
        if instant is not None:
            yield Slot(f"$XDSDocumentEntry{name}", (encode_dtm(instant, zone),))


def _code_slot(attribute: str, codes: Sequence[Code]) -> Slot:
    return _list_slot(
        f"$XDSDocumentEntry{attribute}", [f"{code.value}^^{code.system}" for code in codes]
    )


def _list_slot(name: str, texts: Sequence[str]) -> Slot:
    return Slot(name, tuple(_lists([quoted(text) for text in texts])))


def _lists(strings: Sequence[str]) -> Iterator[str]:
    """Cut a list into parenthesised values of 256 characters at most, between strings only."""
    batch: list[str] = []
    length = 0
    for string in strings:
        # Two parentheses around, a comma before each string but the first.
        if batch and length + len(string) + 3 > MAX_VALUE_LENGTH:
            yield f"({','.join(batch)})"
            batch, length = [], 0
        length += len(string) + bool(batch)
        batch.append(string)
    if batch:
        yield f"({','.join(batch)})"


def _read_value(text: str) -> tuple[str, ...]:
    """Read one Value: a list, a string, or what is not quoted as it stands."""
    strings = _QUOTED.findall(text)
    if strings:
        return tuple(string.replace("''", "'") for string in strings)
    return (text,) if text else ()
