"""Submission sets as List (MHD ITI-66): what a search asks of the DMP, and what it tells."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.entrypoints.http.fhir.test_http import code_of
from tests.entrypoints.http.fhir.test_resources import SIDES, client, resources
from tests.fakes.clinical_documents import cda, pdf_body, report_entry
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.fhir_validation import check
from tests.fakes.manifests import made_up_ins
from tests.fakes.submissions import CLINIC, PHYSICIAN

from drimbox.errors import RejectedByPartner
from drimbox.model.access import Caller, CallerKind
from drimbox.model.audit import AuditAction
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.document_entry import (
    Author,
    AvailabilityStatus,
    DocumentEntry,
    RegisteredSet,
    SubmissionSet,
)
from drimbox.model.practice import Code
from drimbox.model.publication import PublicationState
from drimbox.ports.dmp import DmpAccess
from drimbox.standards.fhir.profiles import SUBMISSION_SET as PROFILE

pytestmark = pytest.mark.requirement("FA.1")

LIST_TYPES = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"
CONSULTATION = Code("07", "1.2.250.1.213.2.2", "Consultations, soins externes")
SET_IDS = [f"00000000-0000-4000-8000-0000000000a{number}" for number in range(4)]
FIRST, SECOND, OLD, OF_OTHERS = SET_IDS
UNSHOWN = "urn:uuid:00000000-0000-4000-8000-0000000000ff"


def _document_uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-00000000000{number}"


def _set(number: int, day: date, members: Sequence[str], **changes: object) -> RegisteredSet:
    submitted = SubmissionSet(
        unique_id=f"1.2.250.1.999.4.{number}",
        source_id=f"1.2.250.1.999.5.{number % 2}",
        patient_id=made_up_ins().xds_patient_id,
        content_type=CONSULTATION,
        authors=(Author(PHYSICIAN, (CLINIC, CLINIC)),),
        submission_time=datetime(day.year, day.month, day.day, 9, tzinfo=UTC),
        title="Lot d'imagerie" if number == 1 else "",
    )
    found = RegisteredSet(submitted, f"urn:uuid:{SET_IDS[number - 1]}", members=tuple(members))
    return replace(found, **changes)  # type: ignore[arg-type]


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    """Three exams, of which one was replaced; a report; a lot of documents shown to nobody here."""
    site = FhirSite(tmp_path)
    held: list[DocumentEntry] = []
    for number in (1, 2, 3):
        site.dmp.hold(exam(number, date(2026, 7, number)), ["774007"])
        uuid = f"urn:uuid:{_document_uuid(number)}"
        held.append(replace(site.dmp.entries[-1], entry_uuid=uuid))
    held[2] = replace(held[2], status=AvailabilityStatus.DEPRECATED)
    report = replace(report_entry("1.2.250.1.999.8.4"), entry_uuid=f"urn:uuid:{_document_uuid(4)}")
    site.dmp.entries[:] = [*held, report]
    site.dmp.contents[report.unique_id] = cda(pdf_body())
    uuids = [str(entry.entry_uuid) for entry in site.dmp.entries]
    site.dmp.sets += [
        _set(1, date(2026, 7, 1), [uuids[0], UNSHOWN, uuids[3]]),
        _set(2, date(2026, 7, 2), [uuids[1]]),
        _set(3, date(2026, 7, 3), [uuids[2]], status=AvailabilityStatus.DEPRECATED),
        _set(4, date(2026, 7, 4), [UNSHOWN]),
    ]
    site.publish(exam(1, date(2026, 7, 1)), exam(2, date(2026, 7, 2)))
    return site


def _found(site: FhirSite, query: str) -> list[str]:
    bundle = site.consumer().get(f"/fhir/List?{query}").json()
    return [one["id"] for one in resources(bundle, "match")]


def test_a_lot_lists_its_documents_as_mhd_says(site: FhirSite) -> None:
    query = f"patient={site.patient}&code=submissionset&status=current"
    bundle = site.consumer().get(f"/fhir/List?{query}").json()
    second, first = resources(bundle, "match")
    assert [first["id"], second["id"]] == [FIRST, SECOND]
    check(first)
    assert first["meta"]["profile"] == [PROFILE]
    assert first["code"]["coding"] == [{"system": LIST_TYPES, "code": "submissionset"}]
    assert (first["status"], first["mode"]) == ("current", "working")
    # What this caller is not shown is in no list.
    assert [one["item"]["reference"] for one in first["entry"]] == [
        f"DocumentReference/{_document_uuid(1)}",
        f"DocumentReference/{_document_uuid(4)}",
    ]
    assert {one["use"]: one["value"] for one in first["identifier"]} == {
        "official": f"urn:uuid:{FIRST}",
        "usual": "urn:oid:1.2.250.1.999.4.1",
    }
    assert first["source"]["reference"] in {f"#{one['id']}" for one in first["contained"]}
    assert "identifier" not in first["subject"]
    for entry in first["entry"]:
        path = f"/fhir/{entry['item']['reference']}"
        assert site.consumer().get(path).status_code == 200


def test_a_search_asks_for_documents_sets_and_members_once(site: FhirSite) -> None:
    for _ in range(2):
        assert _found(site, "code=submissionset") == [SECOND, FIRST]
    sets = site.dmp.calls.count("find_submission_sets")
    assert (site.dmp.calls.count("find_documents"), sets) == (1, 1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [SECOND, FIRST]),
        ("_sort=date", [FIRST, SECOND]),
        ("status=superseded", [OLD]),
        ("status=retired", [OLD]),
        ("status=current,superseded", [OLD, SECOND, FIRST]),
        ("status=entered-in-error", []),
        ("code=folder", []),
        (f"code={LIST_TYPES}|submissionset&title=Lot", [FIRST]),
        ("date=2026-07-02", [SECOND]),
        ("date=ge2026-07-02", [SECOND]),
        ("date=lt2026-07-02", [FIRST]),
        ("identifier=urn:oid:1.2.250.1.999.4.1", [FIRST]),
        (f"identifier=urn:uuid:{SECOND.upper()}", [SECOND]),
        (f"_id={FIRST}", [FIRST]),
        ("designationType=07", [SECOND, FIRST]),
        ("designationType=urn:oid:1.2.250.1.213.2.2|07", [SECOND, FIRST]),
        ("designationType=urn:oid:1.2.250.1.213.2.2|03", []),
        ("sourceId=urn:oid:1.2.250.1.999.5.1", [FIRST]),
        ("sourceId=1.2.250.1.999.5.0", [SECOND]),
        ("source.family=dupont&source.given=Jeanne", [SECOND, FIRST]),
        ("source.family=autre", []),
        ("source:identifier=899700367909", [SECOND, FIRST]),
        (f"item=DocumentReference/{_document_uuid(4)}", [FIRST]),
        ("patient.identifier=urn:oid:1.2.250.1.213.1.4.10|100000000000000", []),
    ],
)
def test_each_parameter_finds_what_it_names(site: FhirSite, query: str, found: list[str]) -> None:
    assert _found(site, query) == found


@pytest.mark.parametrize(
    ("query", "narrowed"),
    [
        ("date=ge2026-07-02", {"submitted_from"}),
        ("date=2026-07-02", {"submitted_from", "submitted_to"}),
        ("sourceId=urn:oid:1.2.3", {"source_ids"}),
        ("designationType=urn:oid:1.2.250.1.213.2.2|07", {"content_types"}),
        # Without its system a code is compared here alone.
        ("designationType=07", set()),
        ("source.family=dupont", set()),
    ],
)
def test_what_the_dmp_can_apply_is_asked_of_it(
    site: FhirSite, query: str, narrowed: set[str]
) -> None:
    _found(site, query)
    (asked,) = site.dmp.set_queries
    names = ("submitted_from", "submitted_to", "source_ids", "content_types")
    assert {name for name in names if getattr(asked, name)} == narrowed


def test_documents_and_patient_come_along(site: FhirSite) -> None:
    query = "_include=List:item&_include=List:patient"
    bundle = site.consumer().get(f"/fhir/List?{query}").json()
    kinds = [one["resourceType"] for one in resources(bundle, "include")]
    assert sorted(kinds) == ["DocumentReference"] * 3 + ["Patient"]
    scopes = frozenset({"ITI-66"})
    site.callers["doctor"] = replace(site.callers["doctor"], scopes=scopes)
    bundle = site.consumer().get(f"/fhir/List?{query}").json()
    assert resources(bundle, "include") == []


def test_a_list_is_read_by_its_id_in_both_formats_and_not_sent_again(site: FhirSite) -> None:
    for identifier in (FIRST, OLD):
        answer = site.consumer().get(f"/fhir/List/{identifier}")
        assert answer.json()["id"] == identifier
        again = site.consumer().get(
            f"/fhir/List/{identifier}", headers={"If-None-Match": answer.headers["etag"]}
        )
        assert again.status_code == 304
        as_xml = site.consumer().get(f"/fhir/List/{identifier}?_format=xml")
        assert as_xml.content.startswith(b"<?xml")
    for identifier in (OF_OTHERS, "none"):
        assert site.consumer().get(f"/fhir/List/{identifier}").status_code == 404
    assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED


def test_a_list_of_nothing_but_what_may_be_told(site: FhirSite) -> None:
    bundle = site.consumer().get("/fhir/List?_summary=true").json()
    one = resources(bundle, "match")[0]
    check(one)
    assert "entry" not in one
    assert site.consumer().get("/fhir/List?_summary=count").json()["total"] == 2


@pytest.mark.parametrize(
    ("case", "status", "code"),
    [
        ("opposed", 403, "consent-missing"),
        ("not authorised", 403, "refused"),
        ("scope", 403, "insufficient-scope"),
        ("refused", 502, "partner-refused"),
    ],
)
def test_what_stands_in_the_way_is_told_and_recorded(
    site: FhirSite, case: str, status: int, code: str
) -> None:
    if case == "opposed":
        site.change_context(consent=InformationEtOppositionConsultation.INFORME_ET_OPPOSE)
    if case == "not authorised":
        site.dmp.access = DmpAccess(exists=True, is_open=True, is_authorised=False)
    if case == "scope":
        site.callers["doctor"] = replace(site.callers["doctor"], scopes=frozenset({"ITI-67"}))
    if case == "refused":
        site.dmp.failures["find_submission_sets"] = RejectedByPartner("DMP", "XDSRegistryError")
    answer = site.consumer().get("/fhir/List")
    assert (answer.status_code, code_of(answer.json())) == (status, code)
    if case != "refused":
        assert AuditAction.ACCESS_REFUSED in site.audit.actions


def test_another_patient_has_no_lists_here(site: FhirSite) -> None:
    assert _found(site, "patient=Patient/another") == []
    assert site.dmp.calls == []


def test_the_source_tells_the_lots_that_carried_its_kos(site: FhirSite) -> None:
    site.publish_as(PublicationState.REPLACED, exam(3, date(2026, 7, 3)))
    source = site.source()
    bundle = source.get("/fhir/List?_include=List:item").json()
    lists = {one["id"]: one for one in resources(bundle, "match")}
    assert lists.keys() == {"2.25.1001", "2.25.1002", "2.25.1003"}
    for identifier, one in lists.items():
        check(one)
        # Which entryUUID the DMP gave a lot, a Source is not told: nothing is claimed.
        assert "profile" not in one["meta"]
        assert one["entry"][0]["item"]["reference"] == f"DocumentReference/{identifier}"
        assert source.get(f"/fhir/List/{identifier}").json() == one
    assert resources(source.get("/fhir/List?status=superseded").json(), "match") == []
    subject = lists["2.25.1001"]["subject"]["reference"]
    of_patient = source.get(f"/fhir/List?patient={subject}&status=current").json()
    assert len(resources(of_patient, "match")) == 3
    assert source.get("/fhir/List/2.25.9").status_code == 404


@SIDES
@pytest.mark.parametrize("scope", ["ITI-66", "system/List.rs", "system/List.read"])
def test_a_scope_opens_lists(site: FhirSite, side: str, scope: str) -> None:
    site.callers["client"] = Caller(CallerKind.SYSTEM, "client-1", frozenset({scope}))
    site.callers["doctor"] = replace(site.callers["doctor"], scopes=frozenset({scope}))
    assert client(site, side).get("/fhir/List").status_code == 200
    assert client(site, side).get("/fhir/DocumentReference").status_code == 403
