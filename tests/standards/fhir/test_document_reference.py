"""XDS metadata as DocumentReference: the mapping of spec 5.2, and MHD's and PDSm's invariants."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.fhir_validation import check
from tests.fakes.imaging_records import ENTRY_UUID, MOMENT, SUBJECT, made_up_record
from tests.fakes.manifests import STUDY

from drimbox.model.document_entry import AvailabilityStatus, ReferenceId
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.patient import LocalPatientId
from drimbox.model.practice import Code
from drimbox.standards.fhir.code_systems import DCM, LOINC, SNOMED_CT
from drimbox.standards.fhir.document_reference import encode_document_reference

FHIR = "https://box.test/fhir"
UUID = "2f5a6b1c-6a52-4bb0-9e41-0d2b8a5c0001"


def encode(**changes: object) -> dict[str, Any]:
    return encode_document_reference(made_up_record(**changes), FHIR)


def test_the_maximal_document_is_written_whole() -> None:
    document = encode()
    check(document)
    assert document["id"] == UUID
    assert document["status"] == "current"
    assert document["subject"] == {"reference": f"Patient/{SUBJECT.identifier}", "type": "Patient"}
    assert document["date"] == "2026-07-14T07:30:05Z"
    assert document["description"] == "Images du thorax"
    assert document["custodian"]["identifier"]["value"] == "499700367909006"
    assert document["context"]["period"]["end"] == "2026-07-13T17:00:00Z"


def test_what_it_replaced_is_told_and_makes_another_version() -> None:
    record = made_up_record()
    newer = replace(record, replaces=("a", "b"))
    document = encode_document_reference(newer, FHIR)
    check(document)
    assert document["relatesTo"] == [
        {
            "code": "replaces",
            "target": {"reference": f"DocumentReference/{name}", "type": "DocumentReference"},
        }
        for name in ("a", "b")
    ]
    assert document["meta"]["versionId"] != encode()["meta"]["versionId"]
    assert "relatesTo" not in encode()


def test_mhd_comprehensive_has_what_it_requires() -> None:
    """MHD 4.2.3: 1..1 or 1..* of the Comprehensive profile, and what is forbidden (0..0)."""
    document = encode()
    required = {
        "masterIdentifier", "identifier", "status", "type", "category", "subject",
        "securityLabel", "content", "context",
    }  # fmt: skip
    assert required <= document.keys()
    assert {"docStatus", "modifierExtension", "implicitRules"}.isdisjoint(document)
    (content,) = document["content"]
    assert {"contentType", "language", "url", "creation"} <= content["attachment"].keys()
    assert "data" not in content["attachment"]
    assert "format" in content
    assert {"facilityType", "practiceSetting", "sourcePatientInfo"} <= document["context"].keys()
    assert document["masterIdentifier"]["use"] == "usual"
    references = [*document["author"], document["authenticator"]]
    assert all(one["reference"].startswith("#") for one in references)


def test_pdsm_has_what_it_requires_beside() -> None:
    document = encode()
    assert {"contained", "date", "author", "custodian"} <= document.keys()
    attachment = document["content"][0]["attachment"]
    assert {"size", "hash", "title"} <= attachment.keys()
    assert "start" in document["context"]["period"]
    archived = [e for e in document["extension"] if e["url"].endswith("pdsm-ext-is-archived")]
    assert [e["valueBoolean"] for e in archived] == [False]


def test_identifiers_say_what_they_are_by_use_and_by_type() -> None:
    official, usual = encode()["identifier"]
    assert (official["use"], official["value"]) == ("official", ENTRY_UUID.lower())
    assert official["type"]["coding"][0]["code"] == "entryUUID"
    assert (usual["use"], usual["value"]) == ("usual", "urn:oid:2.25.1")
    assert usual["type"]["coding"][0]["code"] == "uniqueId"
    assert encode()["masterIdentifier"]["value"] == "urn:oid:2.25.1"


@pytest.mark.parametrize(
    ("unique_id", "uuid", "identifier"),
    [
        pytest.param("2.25.1", None, "2.25.1", id="no entryUUID: the uniqueId"),
        pytest.param("1.2^a", ENTRY_UUID, UUID, id="a uniqueId that is no OID"),
    ],
)
def test_the_logical_id_is_stable(unique_id: str, uuid: str | None, identifier: str) -> None:
    document = encode(unique_id=unique_id, entry_uuid=uuid)
    check(document)
    assert document["id"] == identifier


def test_a_unique_id_that_is_no_oid_stays_as_it_is() -> None:
    document = encode(unique_id="1.2^a b", entry_uuid=None)
    check(document)
    assert document["masterIdentifier"]["value"] == "1.2^a b"


def test_the_type_is_the_national_one_and_the_european_one() -> None:
    codings = encode()["type"]["coding"]
    assert [c["code"] for c in codings] == ["IMG-KOS", "18748-4"]
    assert codings[1]["system"] == LOINC


def test_each_confidentiality_code_is_its_own_label_in_order() -> None:
    labels = encode()["securityLabel"]
    assert [label["coding"][0]["code"] for label in labels] == ["N", "MASQUE_PS"]
    assert "TRE-A07" in labels[1]["coding"][0]["system"]


def test_modality_and_region_are_the_back_ported_extensions_too() -> None:
    extensions = encode()["extension"]
    modality = [e for e in extensions if e["url"].endswith("DocumentReference.modality")]
    assert [e["valueCodeableConcept"]["coding"][0]["code"] for e in modality] == ["CT"]
    (region,) = [e for e in extensions if e["url"].endswith("DocumentReference.bodySite")]
    coding = region["extension"][0]["valueCodeableConcept"]["coding"][0]
    assert (coding["system"], coding["code"]) == (SNOMED_CT, "774007")


@pytest.mark.parametrize(
    ("published", "system"),
    [
        (Code("CT", "1.2.250.1.213.1.1.5.618"), DCM),
        (Code("774007", "1.2.250.1.213.1.1.5.695"), SNOMED_CT),
        (Code("ZBQK002", "1.2.250.1.213.2.5"), "urn:oid:1.2.250.1.213.2.5"),
        (Code("X", "http://example.org/codes"), "http://example.org/codes"),
    ],
)
def test_a_value_set_published_as_a_code_system_is_named_rightly(
    published: Code, system: str
) -> None:
    (event,) = encode(event_codes=(published,))["context"]["event"]
    assert event["coding"][0]["system"] == system


def test_the_hash_is_the_sha_1_itself_in_base64() -> None:
    digest = encode()["content"][0]["attachment"]["hash"]
    assert digest == "2jmj7l5rSw0yVb/vlWAYkK/YBwk="
    assert len(base64.b64decode(digest)) == 20


def test_the_url_is_ours_and_opaque() -> None:
    attachment = encode()["content"][0]["attachment"]
    assert attachment["url"] == f"{FHIR}/Binary/{UUID}"


def test_a_study_uid_is_related_in_both_forms_and_never_under_a_dummy_authority() -> None:
    related = [one["identifier"] for one in encode()["context"]["related"]]
    pdsm = next(i for i in related if i["type"]["coding"][0]["code"].endswith("studyInstanceUID"))
    assert pdsm["value"] == STUDY
    assert "system" not in pdsm
    dicom = next(i for i in related if i["type"]["coding"][0]["code"] == "110180")
    assert (dicom["system"], dicom["value"]) == ("urn:dicom:uid", f"urn:oid:{STUDY}")


def test_an_accession_number_is_related_in_both_forms_under_its_issuer() -> None:
    related = [one["identifier"] for one in encode()["context"]["related"]]
    found = [i for i in related if i["value"] == "ACC0001"]
    assert [i["system"] for i in found] == ["urn:oid:1.2.250.1.999.1"] * 2
    assert {c["code"] for i in found for c in i["type"]["coding"]} == {
        "urn:ihe:iti:xds:2013:accession", "ACSN", "121022",
    }  # fmt: skip


def test_an_order_number_is_related_once() -> None:
    related = [one["identifier"] for one in encode()["context"]["related"]]
    assert len([i for i in related if i["value"] == "ORD-77"]) == 1


def test_authors_are_contained_with_role_device_and_organizations() -> None:
    contained = {one["id"]: one for one in encode()["contained"]}
    for number in (1, 2):
        role = contained[f"role-1-{number}"]
        assert role["practitioner"]["reference"] == "#practitioner-1"
        assert role["organization"]["reference"] == f"#organization-1-{number}"
        assert role["code"] == [{"text": "Radiologue"}]
    assert contained["practitioner-1"]["identifier"][0]["value"] == "899700367909"
    device = contained["device-2"]
    assert device["owner"]["reference"] == "#organization-2-1"
    assert contained["organization-3-1"] == {
        "resourceType": "Organization",
        "id": "organization-3-1",
        "name": "Sans identifiant",
    }


def test_the_source_patient_has_the_ipp_and_never_the_ins() -> None:
    def source(**changes: object) -> dict[str, Any]:
        return next(c for c in encode(**changes)["contained"] if c["id"] == "source-patient")

    assert source()["identifier"][0]["value"] == "C001-2026"
    ins = SUBJECT.traits.ins.value
    assert "identifier" not in source(source_patient_id=LocalPatientId(ins))


@pytest.mark.parametrize(
    ("status", "written", "is_archived"),
    [
        (AvailabilityStatus.APPROVED, "current", False),
        (AvailabilityStatus.DEPRECATED, "superseded", False),
        (AvailabilityStatus.ARCHIVED, "current", True),
        (AvailabilityStatus.DELETED, "entered-in-error", False),
        (None, "current", False),
    ],
)
def test_the_status_is_fhir_s_word(
    status: AvailabilityStatus, written: str, *, is_archived: bool
) -> None:
    document = encode(status=status)
    check(document)
    assert document["status"] == written
    assert document["extension"][-1]["valueBoolean"] is is_archived


@pytest.mark.parametrize(
    ("start", "stop", "period"),
    [
        (None, MOMENT, None),
        (MOMENT, None, {"start": "2026-07-14T07:30:05Z"}),
        (MOMENT, datetime(2026, 7, 1, tzinfo=UTC), {"start": "2026-07-14T07:30:05Z"}),
    ],
    ids=["no start", "no end", "an end before the start is dropped"],
)
def test_the_period_is_the_act(
    start: datetime | None, stop: datetime | None, period: dict[str, str] | None
) -> None:
    document = encode(service_start_time=start, service_stop_time=stop)
    check(document)
    assert document["context"].get("period") == period


def test_the_poorest_metadata_make_a_document_that_r4_allows() -> None:
    document = encode(
        entry_uuid=None,
        version_name=None,
        status=None,
        size=None,
        hash_hex=None,
        comments="",
        title="",
        language_code="",
        event_codes=(),
        facility_type=None,
        practice_setting=None,
        authors=(),
        legal_authenticator=None,
        source_patient_id=None,
        source_patient=None,
        service_start_time=None,
        service_stop_time=None,
        reference_ids=(ReferenceId("", "urn:other"),),
    )
    check(document)
    assert {"contained", "author", "custodian", "context"}.isdisjoint(document)


def test_metadata_without_the_kos_are_written_all_the_same() -> None:
    record: ImagingRecord = replace(made_up_record(), study=None)
    check(encode_document_reference(record, FHIR))
