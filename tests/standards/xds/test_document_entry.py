"""Metadata of others: what is missing or wrong is named, what is merely strange is kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree
from tests.fakes.submissions import ENTRY, SUBMISSION_SET

from drimbox.errors import MalformedMessage
from drimbox.model.document_entry import AvailabilityStatus, DocumentEntry
from drimbox.standards.xds.document_entry import encode_document_entry, parse_document_entry
from drimbox.standards.xds.names import (
    NAMESPACES,
    SUBMISSION_SET_NODE,
    EntryScheme,
    SubmissionSetScheme,
)
from drimbox.standards.xds.submit_objects import parse_submit_objects, start_submission

NS = dict(NAMESPACES)
HELD = replace(ENTRY, hash_hex="a" * 40, size=7, repository_unique_id="1.2.9")
Change = Callable[[etree._Element], None]


def _element(entry: DocumentEntry = HELD) -> etree._Element:
    return encode_document_entry(etree.Element("parent"), entry, "urn:uuid:1")


def _without(path: str) -> Change:
    def change(element: etree._Element) -> None:
        for found in element.findall(path, NS):
            parent = found.getparent()
            assert parent is not None
            parent.remove(found)

    return change


def _with_slot(name: str, text: str) -> Change:
    def change(element: etree._Element) -> None:
        value = element.find(f".//rim:Slot[@name='{name}']//rim:Value", NS)
        assert value is not None
        value.text = text

    return change


def _slot(name: str) -> str:
    return f"rim:Slot[@name='{name}']"


def _identifier(scheme: EntryScheme | SubmissionSetScheme) -> str:
    return f"rim:ExternalIdentifier[@identificationScheme='{scheme.value}']"


def _classification(scheme: EntryScheme) -> str:
    return f"rim:Classification[@classificationScheme='{scheme.value}']"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param(_without(_slot("creationTime")), "creationTime", id="no creation time"),
        pytest.param(_without(_identifier(EntryScheme.UNIQUE_ID)), "unique_id", id="no uniqueId"),
        pytest.param(
            _without(_identifier(EntryScheme.PATIENT_ID)), "patient_id", id="no patientId"
        ),
        pytest.param(
            _without(_classification(EntryScheme.TYPE_CODE)), "type_code", id="no typeCode"
        ),
        pytest.param(
            _without(_classification(EntryScheme.CLASS_CODE)), "class_code", id="no classCode"
        ),
        pytest.param(
            _without(_classification(EntryScheme.FORMAT_CODE)), "format_code", id="no formatCode"
        ),
        pytest.param(
            _with_slot("creationTime", "yesterday"), "creationTime", id="a creation time in words"
        ),
        pytest.param(
            _with_slot("serviceStartTime", "2026-11-24"),
            "serviceStartTime",
            id="a time with hyphens",
        ),
        pytest.param(_with_slot("size", "-1"), "size", id="a size below zero"),
        pytest.param(_with_slot("size", "9" * 5000), "size", id="a size no integer should have"),
        pytest.param(_with_slot("size", "٧"), "size", id="a size in other digits"),
    ],
)
def test_what_an_entry_lacks_is_named(change: Change, where: str) -> None:
    element = _element()
    change(element)
    with pytest.raises(MalformedMessage) as raised:
        parse_document_entry(element)
    assert raised.value.where == f"DocumentEntry {where}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_without(_slot("size")), {"size": None}, id="no size"),
        pytest.param(_without(_slot("hash")), {"hash_hex": None}, id="no hash"),
        pytest.param(_with_slot("hash", "A" * 40), {}, id="a hash in capitals"),
        pytest.param(_without(_slot("languageCode")), {"language_code": ""}, id="no language"),
        pytest.param(_without("rim:Name"), {"title": ""}, id="no title"),
        pytest.param(
            _without(_slot("sourcePatientInfo")), {"source_patient": None}, id="no traits"
        ),
        pytest.param(lambda e: e.set("status", "urn:x:Other"), {}, id="a status of nobody's"),
        pytest.param(
            lambda e: e.set("status", AvailabilityStatus.ARCHIVED.value),
            {"status": AvailabilityStatus.ARCHIVED},
            id="a status of the DMP's own",
        ),
        pytest.param(lambda e: e.set("lid", "urn:uuid:0"), {"logical_id": "urn:uuid:0"}, id="lid"),
        pytest.param(lambda e: e.set("id", "Document01"), {"entry_uuid": None}, id="symbolic id"),
        pytest.param(
            lambda e: e.set("home", "urn:oid:1.2"), {"home_community_id": "urn:oid:1.2"}, id="home"
        ),
        pytest.param(
            lambda e: e.extend(reversed(list(e))), {}, id="its parts in no order whatsoever"
        ),
    ],
)
def test_the_rest_may_be_missing_or_strange(change: Change, expected: dict[str, object]) -> None:
    element = _element()
    change(element)
    read = parse_document_entry(element)
    ordered = replace(
        read,
        event_codes=tuple(sorted(read.event_codes, key=lambda c: c.value, reverse=True)),
        confidentiality_codes=tuple(sorted(read.confidentiality_codes, key=lambda c: len(c.value))),
        authors=tuple(sorted(read.authors, key=lambda a: not a.is_device)),
    )
    wanted = {"entry_uuid": "urn:uuid:1", **expected}
    events = tuple(sorted(HELD.event_codes, key=lambda c: c.value, reverse=True))
    assert ordered == replace(HELD, event_codes=events, **wanted)  # type: ignore[arg-type]


def _submission() -> etree._Element:
    request, _ = start_submission(SUBMISSION_SET)
    return request


PACKAGE = "rim:RegistryObjectList/rim:RegistryPackage"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        pytest.param(_without("rim:RegistryObjectList"), "rim:RegistryObjectList", id="no objects"),
        pytest.param(_without(PACKAGE), "rim:RegistryObjectList", id="no package"),
        pytest.param(
            _without(f"{PACKAGE}/rim:Classification[@classificationNode='{SUBMISSION_SET_NODE}']"),
            "rim:RegistryObjectList",
            id="a package of no kind",
        ),
        pytest.param(
            _without(f"{PACKAGE}/{_slot('submissionTime')}"),
            "SubmissionSet submissionTime",
            id="no time",
        ),
        pytest.param(
            _with_slot("submissionTime", "now"),
            "SubmissionSet submissionTime",
            id="a time in words",
        ),
        pytest.param(
            _without(f"{PACKAGE}/{_identifier(SubmissionSetScheme.UNIQUE_ID)}"),
            "SubmissionSet unique_id",
            id="no uniqueId",
        ),
        pytest.param(
            _without(f"{PACKAGE}/{_identifier(SubmissionSetScheme.PATIENT_ID)}"),
            "SubmissionSet patient_id",
            id="no patientId",
        ),
    ],
)
def test_what_a_submission_lacks_is_named(change: Change, where: str) -> None:
    request = _submission()
    change(request)
    with pytest.raises(MalformedMessage) as raised:
        parse_submit_objects(request)
    assert raised.value.where == where


def test_the_node_of_a_submission_set_may_stand_beside_it() -> None:
    request = _submission()
    package = request.find(PACKAGE, NS)
    assert package is not None
    node = package.find("rim:Classification[@classificationNode]", NS)
    assert node is not None
    package.addnext(node)
    assert parse_submit_objects(request).submission_set == SUBMISSION_SET
