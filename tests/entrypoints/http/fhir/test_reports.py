"""Imaging reports of the DMP beside the KOS: their metadata, and their octets (ITI-67, ITI-68)."""

import base64
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.entrypoints.http.fhir.test_http import code_of
from tests.entrypoints.http.fhir.test_resources import KOS, STUDY, resources
from tests.fakes.clinical_documents import cda, pdf_body, report_entry
from tests.fakes.fhir_site import FHIR, FhirSite, exam
from tests.fakes.fhir_validation import check

from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.clinical_document import DocumentKind
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.document_entry import AvailabilityStatus, ReferenceId, ReferenceIdKind
from drimbox.model.patient import Ins, InsAuthority, ins_control_key

pytestmark = [pytest.mark.requirement("FA.1"), pytest.mark.requirement("CO.58")]

REPORT = "00000000-0000-4000-8000-00000000000a"
BIOLOGY = "00000000-0000-4000-8000-00000000000b"
CONTENT = cda(pdf_body())
PATH = f"/fhir/Binary/{REPORT}"
_OTHER = "2610475114902"
OTHER_PATIENT = Ins(_OTHER + ins_control_key(_OTHER), InsAuthority.NIR_TEST)


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    site.dmp.hold(exam(1, date(2026, 7, 1)), ["774007"])
    study = ReferenceId(STUDY, ReferenceIdKind.STUDY_INSTANCE_UID.value)
    report = report_entry("1.2.250.1.999.8.1", references=(study,))
    site.dmp.hold_document(replace(report, entry_uuid=f"urn:uuid:{REPORT}"), CONTENT)
    biology = report_entry("1.2.250.1.999.8.2", kind=DocumentKind.BIOLOGY_REPORT)
    site.dmp.hold_document(replace(biology, entry_uuid=f"urn:uuid:{BIOLOGY}"), CONTENT)
    return site


def test_a_report_is_listed_beside_the_kos_of_its_exam_by_one_question(site: FhirSite) -> None:
    bundle = site.consumer().get(f"/fhir/DocumentReference?study-instance-uid={STUDY}").json()
    found = {one["id"]: one for one in resources(bundle, "match")}
    assert REPORT in found
    reference = found[REPORT]
    check(reference)
    assert [one["code"] for one in reference["type"]["coding"]] == ["18748-4", "85430-7"]
    assert reference["content"][0]["attachment"]["url"] == FHIR + PATH.removeprefix("/fhir")
    assert reference["content"][0]["attachment"]["contentType"] == "text/xml"
    assert "profile" not in reference["meta"]
    bundle = site.consumer().get("/fhir/DocumentReference").json()
    assert {one["id"] for one in resources(bundle, "match")} == {KOS, REPORT}


@pytest.mark.parametrize(
    ("query", "found", "types"),
    [
        ("", {KOS, REPORT}, 2),
        ("type=18748-4", {KOS, REPORT}, 2),
        ("type=http://loinc.org|85430-7", {REPORT}, 1),
        ("type=IMG-KOS", {KOS}, 1),
        ("type=IMG-KOS,85430-7", {KOS, REPORT}, 2),
        ("type:not=IMG-KOS", {REPORT}, 2),
        ("type=11502-2", set(), 1),
        ("type=IMG-KOS&type=18748-4", {KOS}, 1),
        ("category=Medical-Imaging", {KOS, REPORT}, 2),
        ("category=10", {REPORT}, 2),
        ("contenttype=text/xml", {REPORT}, 2),
    ],
)
def test_types_are_asked_of_the_dmp_as_narrowly_as_the_search_allows(
    site: FhirSite, query: str, found: set[str], types: int
) -> None:
    bundle = site.consumer().get(f"/fhir/DocumentReference?{query}").json()
    assert {one["id"] for one in resources(bundle, "match")} == found
    assert len(site.dmp.queries[0].type_codes) == types


def test_a_report_is_no_exam_and_has_no_fhir_manifest(site: FhirSite) -> None:
    bundle = site.consumer().get("/fhir/ImagingStudy").json()
    assert [one["id"] for one in resources(bundle, "match")] == [STUDY]
    assert all(entry["search"]["mode"] != "outcome" for entry in bundle["entry"])
    for path in (f"Bundle/f-{REPORT}", f"Provenance/{REPORT}"):
        assert site.consumer().get(f"/fhir/{path}").status_code == 404
    found = site.consumer().get("/fhir/DocumentReference?relation=transforms").json()
    assert all(one["id"] != f"f-{REPORT}" for one in resources(found, "match"))
    query = {"_id": REPORT, "_revinclude": "DocumentReference:relatesto"}
    found = site.consumer().get("/fhir/DocumentReference", params=query).json()
    assert resources(found, "include") == []


def test_the_octets_of_a_report_are_those_of_the_dmp(site: FhirSite) -> None:
    answer = site.consumer().get(PATH)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"].startswith("text/xml")
    assert 'filename="report.xml"' in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "private, no-store"
    actions = site.audit.actions
    assert AuditAction.DMP_DOCUMENT_RETRIEVED in actions
    assert actions[-1] is AuditAction.FHIR_READ
    again = site.consumer().get(PATH, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    # Kept for this context: the DMP has given it once.
    assert site.dmp.calls.count("retrieve_documents") == 1


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_a_report_is_a_binary_for_who_asks_for_a_resource(site: FhirSite, kind: str) -> None:
    answer = site.consumer().get(PATH, headers={"Accept": f"application/fhir+{kind}"})
    assert answer.headers["content-type"].startswith(f"application/fhir+{kind}")
    if kind == "json":
        assert base64.b64decode(answer.json()["data"]) == CONTENT
    assert site.consumer().get(PATH, headers={"Accept": "application/pdf"}).status_code == 406


def test_a_report_that_names_another_patient_is_not_there_and_that_is_recorded(
    site: FhirSite,
) -> None:
    site.dmp.contents["1.2.250.1.999.8.1"] = cda(pdf_body(), ins=OTHER_PATIENT)
    answer = site.consumer().get(PATH)
    assert answer.status_code == 404
    assert OTHER_PATIENT.value.encode() not in answer.content
    refused = [e for e in site.audit.events if e.action is AuditAction.ACCESS_REFUSED]
    assert refused[0].outcome is AuditOutcome.SERIOUS_FAILURE
    assert refused[0].document_unique_id == "1.2.250.1.999.8.1"


@pytest.mark.parametrize("what", ["unreadable", "not CDA"])
def test_a_report_of_which_nobody_knows_whose_it_is_does_not_leave(
    site: FhirSite, what: str
) -> None:
    if what == "unreadable":
        site.dmp.contents["1.2.250.1.999.8.1"] = b"<ClinicalDocument>"
    if what == "not CDA":
        site.dmp.entries[1] = replace(site.dmp.entries[1], mime_type="application/pdf")
    answer = site.consumer().get(PATH)
    assert (answer.status_code, code_of(answer.json())) == (502, "document-altered")


@pytest.mark.parametrize(
    ("status", "serves_superseded", "expected"),
    [
        (AvailabilityStatus.DEPRECATED, False, 410),
        (AvailabilityStatus.DEPRECATED, True, 200),
        (AvailabilityStatus.ARCHIVED, False, 200),
    ],
)
def test_a_superseded_report_is_gone_unless_the_setting_says_otherwise(
    site: FhirSite, status: AvailabilityStatus, serves_superseded: bool, expected: int
) -> None:
    site.serves_superseded = serves_superseded
    site.dmp.entries[1] = replace(site.dmp.entries[1], status=status)
    assert site.consumer().get(PATH).status_code == expected


def test_nothing_of_a_report_leaves_against_the_will_of_the_patient(site: FhirSite) -> None:
    site.change_context(consent=InformationEtOppositionConsultation.INFORME_ET_OPPOSE)
    answer = site.consumer().get(PATH)
    assert (answer.status_code, code_of(answer.json())) == (403, "consent-missing")
    assert site.dmp.calls == []


@pytest.mark.parametrize("identifier", [BIOLOGY, "00000000-0000-4000-8000-0000000000ff"])
@pytest.mark.parametrize("resource", ["Binary", "DocumentReference"])
def test_documents_of_other_types_are_not_there(
    site: FhirSite, resource: str, identifier: str
) -> None:
    assert site.consumer().get(f"/fhir/{resource}/{identifier}").status_code == 404


def test_a_source_keeps_no_reports(site: FhirSite) -> None:
    site.publish(exam(1, date(2026, 7, 1)))
    bundle = site.source().get("/fhir/DocumentReference").json()
    assert [one["id"] for one in resources(bundle, "match")] == [KOS]
    assert site.source().get(PATH).status_code == 404
