"""What of a search the DMP is asked to apply: all that is safe, nothing that may hide a match."""

from datetime import UTC, datetime

import pytest
from tests.fakes.fhir_searches import parse

from drimbox.model.document_entry import AvailabilityStatus as Status
from drimbox.model.document_entry import DocumentQuery, ReferenceIdKind
from drimbox.standards.fhir.document_reference_search import (
    DOCUMENT_REFERENCE,
    document_reference_query,
)
from drimbox.standards.fhir.imaging_study_search import IMAGING_STUDY, imaging_study_query
from drimbox.standards.xds.iti18_registry_stored_query import (
    encode_find_documents,
    parse_query_request,
)

pytestmark = pytest.mark.requirement("FA.1")

DCM, SCT = "1.2.840.10008.2.16.4", "2.16.840.1.113883.6.96"
DCM_URI, SCT_URI = "http://dicom.nema.org/resources/ontology/DCM", "http://snomed.info/sct"
STUDY_KIND, ACCESSION_KIND = (
    ReferenceIdKind.STUDY_INSTANCE_UID.value,
    ReferenceIdKind.ACCESSION.value,
)


def documents(query: str) -> DocumentQuery:
    return document_reference_query(parse(DOCUMENT_REFERENCE, query)).narrowed_by


def studies(query: str) -> DocumentQuery:
    return imaging_study_query(parse(IMAGING_STUDY, query)).narrowed_by


@pytest.mark.parametrize(
    ("query", "choices"),
    [
        ("modality=CT,MR&bodysite=774007", [{("CT", DCM), ("MR", DCM)}, {("774007", SCT)}]),
        ("modality=CT&modality=MR", [{("CT", DCM)}, {("MR", DCM)}]),
        (f"anatomical-region={SCT_URI}|774007", [{("774007", SCT)}]),
        (f"event={DCM_URI}|CT", [{("CT", DCM)}]),
        ("modality=urn:oid:1.2.250.1.213.1.1.5.618|CT", [{("CT", DCM)}]),
        ("event=urn:oid:1.2.250.1.213.2.5|ZBQK002", [{("ZBQK002", "1.2.250.1.213.2.5")}]),
        # Which system it is of is not said, so that no registry can compare it.
        ("event=CT", []),
        ("event=http://example.org/codes|CT", []),
        ("modality=CT,http://example.org/codes|X", []),
        ("modality:not=CT", []),
        ("modality:text=scanner", []),
        ("modality:missing=true", []),
        (f"modality={DCM_URI}|", []),
        (f"modality={DCM_URI}|{'C' * 300}", []),
    ],
)
def test_codes_of_events(query: str, choices: list[set[tuple[str, str]]]) -> None:
    asked = documents(query).event_codes
    assert [{(c.value, str(c.system)) for c in one} for one in asked] == choices


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ("study-instance-uid=1.2.3", [("1.2.3", STUDY_KIND, None)]),
        ("study-instance-uid=urn:oid:1.2.3", [("1.2.3", STUDY_KIND, None)]),
        ("study-instance-uid=URN:OID:1.2.3", [("1.2.3", STUDY_KIND, None)]),
        ("study-instance-uid=urn:dicom:uid|urn:oid:1.2.3", [("1.2.3", STUDY_KIND, None)]),
        ("related:identifier=urn:dicom:uid|1.2.3", [("1.2.3", STUDY_KIND, None)]),
        ("related.identifier=urn:dicom:uid|1.2.3", [("1.2.3", STUDY_KIND, None)]),
        ("accession-number=urn:oid:1.2.9|A1", [("A1", ACCESSION_KIND, "1.2.9")]),
        ("accession-number=A1", []),
        ("accession-number=http://hospital.example|A1", []),
        ("related.identifier=A1", []),
        ("related.identifier=urn:dicom:uid|1.2.3,A1", []),
    ],
)
def test_reference_ids(query: str, references: list[tuple[str, str, str | None]]) -> None:
    asked = documents(query).reference_ids
    found = [(r.value, r.kind, r.issuer.universal_id if r.issuer else None) for r in asked]
    assert found == references


@pytest.mark.parametrize("query", ["_id=1.2.3", "identifier=urn:oid:1.2.3"])
def test_a_study_is_asked_for_by_its_uid(query: str) -> None:
    (reference,) = studies(query).reference_ids
    assert (reference.value, reference.kind) == ("1.2.3", STUDY_KIND)


def test_an_accession_number_among_identifiers_narrows_nothing() -> None:
    assert studies("identifier=A1,urn:oid:1.2.3").reference_ids == ()


@pytest.mark.parametrize(
    ("query", "uuids", "uids"),
    [
        ("identifier=urn:oid:1.2.3", (), ("1.2.3",)),
        ("identifier=urn:ietf:rfc:3986|urn:oid:1.2.3", (), ("1.2.3",)),
        (
            "identifier=urn:uuid:2F5A6B1C-6A52-4bb0-9e41-0d2b8a5c0001",
            ("urn:uuid:2f5a6b1c-6a52-4bb0-9e41-0d2b8a5c0001",),
            (),
        ),
    ],
)
def test_a_document_is_asked_for_by_its_identifier(
    query: str, uuids: tuple[str, ...], uids: tuple[str, ...]
) -> None:
    asked = documents(query)
    assert (asked.entry_uuids, asked.unique_ids) == (uuids, uids)


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("query", "name", "start", "end"),
    [
        ("date=2024", "creation", "2024-01-01T00:00+01:00", "2025-01-01T00:00+01:00"),
        ("date=ge2024-01-13T10:00Z", "creation", "2024-01-13T10:00Z", None),
        ("creation=lt2024-01", "creation", None, "2024-01-01T00:00+01:00"),
        ("date=ge2024&date=le2024-06-30", "creation", "2024-01-01T00:00+01:00",
         "2024-07-01T00:00+02:00"),
        ("date=2024,2026", "creation", "2024-01-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("date=ne2024", "creation", None, None),
        ("date=lt2024,gt2024", "creation", None, None),
        ("date=gt0999", "creation", None, None),
        # An act without an end goes on: the beginning of the period narrows nothing.
        ("period=2024-03", "service_start", None, "2024-04-01T00:00+02:00"),
        ("period-start=2024-03", "service_start", "2024-03-01T00:00+01:00",
         "2024-04-01T00:00+02:00"),
        ("period-end=sa2024-03-31", "service_stop", "2024-04-01T00:00+02:00", None),
    ],
)  # fmt: skip
def test_dates(query: str, name: str, start: str | None, end: str | None) -> None:
    asked = documents(query)
    assert getattr(asked, f"{name}_from") == (day(start) if start else None)
    assert getattr(asked, f"{name}_to") == (day(end) if end else None)


def test_the_day_of_an_exam_is_asked_for_with_a_day_more_on_each_side() -> None:
    asked = studies("started=2024-01-13")
    assert asked.service_start_from == day("2024-01-12T00:00+01:00")
    assert asked.service_start_to == day("2024-01-15T00:00+01:00")


@pytest.mark.parametrize(
    ("query", "statuses"),
    [
        ("", {Status.APPROVED}),
        ("status=current", {Status.APPROVED}),
        ("status=superseded", {Status.DEPRECATED}),
        ("status=current,superseded", {Status.APPROVED, Status.DEPRECATED}),
        ("status:not=superseded", {Status.APPROVED}),
        ("isArchived=true", {Status.APPROVED, Status.ARCHIVED}),
        ("status=entered-in-error", set()),
    ],
)
def test_states(query: str, statuses: set[Status]) -> None:
    asked = document_reference_query(parse(DOCUMENT_REFERENCE, query))
    assert asked.statuses == statuses


def test_the_request_has_a_slot_for_each_condition_and_none_too_long() -> None:
    """ITI TF-2 3.18.4.1.2.3.5: OR within a slot, AND between slots of one name."""
    codes = ",".join(f"{DCM_URI}|CODE{number}" for number in range(60))
    query = documents(
        f"modality=CT,MR&bodysite=774007&event={codes}&date=2024&period=2024&period-end=2024"
        "&setting=urn:oid:1.2.250.1.213.1.1.4.9|AMBULATOIRE"
        "&facility=urn:oid:1.2.250.1.71.4.2.4|SA07&security-label=urn:oid:2.16.840.1.113883.5.25|N"
    )
    request = encode_find_documents(query)
    values = [v.text or "" for v in request.iter("{*}Value")]
    assert all(len(text) <= 256 for text in values)
    read = parse_query_request(request)
    names = [slot.name.removeprefix("$XDSDocumentEntry") for slot in read.parameters]
    assert names.count("EventCodeList") == 3
    assert set(names) == {
        "PatientId", "Status", "EventCodeList", "PracticeSettingCode",
        "HealthcareFacilityTypeCode", "ConfidentialityCode", "CreationTimeFrom", "CreationTimeTo",
        "ServiceStartTimeTo", "ServiceStopTimeFrom", "ServiceStopTimeTo",
    }  # fmt: skip
    assert max(len(slot.values) for slot in read.parameters) == 60


def test_a_quote_in_an_accession_number_is_doubled() -> None:
    query = documents(r"accession-number=urn:oid:1.2.9|O'HARA\,%26^\|\$\\")
    (reference,) = query.reference_ids
    assert reference.value == r"O'HARA,&^|$" + "\\"
    request = encode_find_documents(query)
    slot = next(s for s in parse_query_request(request).parameters if "Reference" in s.name)
    assert slot.values[0].startswith("O'HARA")
