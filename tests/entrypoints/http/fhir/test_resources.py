"""What a KOS becomes beside ImagingStudy and DocumentReference, and the table that says so."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from tests.fakes.fhir_site import FHIR, FhirSite, exam
from tests.fakes.fhir_validation import check
from tests.standards.fhir.test_xml import as_read

from drimbox.entrypoints.http.fhir.routes import fhir_routes
from drimbox.model.access import Caller, CallerKind
from drimbox.model.audit import AuditAction
from drimbox.model.imaging_record import derived_id, kos_id_of
from drimbox.model.publication import PublicationState
from drimbox.standards.fhir.derived_manifest import MANIFEST_FORMAT
from drimbox.standards.fhir.surface import SURFACE

Json = dict[str, Any]
STUDY = "1.2.250.1.999.7.1"
KOS = "2.25.1001"
MANIFEST = derived_id(KOS)
SIDES = pytest.mark.parametrize("side", ["consumer", "source"])

pytestmark = pytest.mark.requirement("FA.1")


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    exams = (exam(1, date(2026, 7, 1)), exam(2, date(2025, 3, 2), "MR"))
    for one in exams:
        site.dmp.hold(one, ["774007"])
    site.publish(*exams)
    return site


def client(site: FhirSite, side: str) -> Any:
    return site.consumer() if side == "consumer" else site.source()


def resources(bundle: Json, mode: str) -> list[Json]:
    return [e["resource"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


@SIDES
def test_a_fhir_manifest_is_found_by_its_format_and_transforms_the_kos(
    site: FhirSite, side: str
) -> None:
    query = {"format": MANIFEST_FORMAT, "_include": "DocumentReference:relatesto"}
    bundle = client(site, side).get("/fhir/DocumentReference", params=query).json()
    found = {one["id"]: one for one in resources(bundle, "match")}
    assert MANIFEST in found
    reference = found[MANIFEST]
    check(reference)
    assert reference["relatesTo"] == [
        {
            "code": "transforms",
            "target": {"reference": f"DocumentReference/{KOS}", "type": "DocumentReference"},
        }
    ]
    assert reference["content"][0]["attachment"]["url"] == f"{FHIR}/Bundle/{MANIFEST}"
    assert "hash" not in reference["content"][0]["attachment"]
    assert f"DocumentReference/{KOS}" in {
        f"DocumentReference/{one['id']}" for one in resources(bundle, "include")
    }


def test_who_asks_for_no_form_gets_each_document_once(site: FhirSite) -> None:
    bundle = site.consumer().get("/fhir/DocumentReference").json()
    assert {one["id"] for one in resources(bundle, "match")} == {KOS, "2.25.1002"}


def test_the_manifests_of_what_was_found_come_along_by_revinclude(site: FhirSite) -> None:
    query = {"_id": KOS, "_revinclude": "DocumentReference:relatesto"}
    bundle = site.consumer().get("/fhir/DocumentReference", params=query).json()
    assert [one["id"] for one in resources(bundle, "match")] == [KOS]
    assert [one["id"] for one in resources(bundle, "include")] == [MANIFEST]


@SIDES
def test_the_manifest_is_a_document_that_says_what_the_imaging_study_says(
    site: FhirSite, side: str
) -> None:
    answer = client(site, side).get(f"/fhir/Bundle/{MANIFEST}")
    assert answer.status_code == 200
    bundle = answer.json()
    check(bundle)
    assert bundle["type"] == "document"
    assert bundle["identifier"]["value"] == f"urn:oid:{KOS}"
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert kinds == ["Composition", "Patient", "ImagingStudy", "Endpoint", "Device", "Organization"]
    for entry in bundle["entry"]:
        check(entry["resource"])
    names = {entry["fullUrl"] for entry in bundle["entry"]}
    assert set(_references(bundle)) <= names
    study = client(site, side).get(f"/fhir/ImagingStudy/{STUDY}").json()
    assert bundle["entry"][2]["resource"]["series"][0]["instance"] == study["series"][0]["instance"]


def test_the_manifest_is_the_same_whoever_asks(site: FhirSite) -> None:
    path = f"/fhir/Bundle/{MANIFEST}"
    first = site.consumer().get(path).content
    site.change_context(identifier="another-context-of-the-same-patient")
    assert site.consumer().get(path).content == first


def test_the_manifest_as_xml_keeps_its_narrative(site: FhirSite) -> None:
    answer = site.consumer().get(f"/fhir/Bundle/{MANIFEST}?_format=xml")
    assert b'<div xmlns="http://www.w3.org/1999/xhtml">' in answer.content
    json = site.consumer().get(f"/fhir/Bundle/{MANIFEST}").content
    from_xml = as_read("Bundle", answer.content, is_xml=True)
    assert from_xml["entry"][2] == as_read("Bundle", json, is_xml=False)["entry"][2]


@SIDES
def test_the_provenance_names_the_kos_and_this_box(site: FhirSite, side: str) -> None:
    query = {"_id": STUDY, "_revinclude": "Provenance:target"}
    bundle = client(site, side).get("/fhir/ImagingStudy", params=query).json()
    (provenance,) = resources(bundle, "include")
    check(provenance)
    assert {"reference": f"ImagingStudy/{STUDY}"} in provenance["target"]
    assert provenance["entity"][0]["what"]["reference"] == f"DocumentReference/{KOS}"
    path = f"/fhir/Provenance/{provenance['id']}"
    assert client(site, side).get(path).json() == provenance
    device = client(site, side).get(f"/fhir/{provenance['agent'][0]['who']['reference']}").json()
    check(device)
    owner = client(site, side).get(f"/fhir/{device['owner']['reference']}").json()
    check(owner)
    assert owner["name"] == "CLINIQUE DES ESSAIS"


@SIDES
@pytest.mark.parametrize(
    "path",
    [
        "Bundle/2.25.1001",
        "Bundle/m25.9999",
        f"Binary/{MANIFEST}",
        "Provenance/2.25.9999",
        f"Provenance/{MANIFEST}",
        "Organization/structure-0",
        "Device/other",
        f"ImagingStudy/{STUDY}/_history/0",
        "OperationDefinition/other",
        "SearchParameter/other",
        "metadata?mode=terminology",
    ],
)
def test_what_is_not_there_is_not_found(site: FhirSite, side: str, path: str) -> None:
    answer = client(site, side).get(f"/fhir/{path}")
    assert answer.status_code == 404
    check(answer.json())


@pytest.mark.parametrize("state", [PublicationState.REPLACED, PublicationState.WITHDRAWN])
@pytest.mark.parametrize("path", [f"Binary/{KOS}", f"Bundle/{MANIFEST}"])
def test_octets_of_what_was_replaced_or_withdrawn_are_gone_and_it_is_recorded(
    site: FhirSite, state: PublicationState, path: str
) -> None:
    site.register.publications.clear()
    site.publish_as(state, exam(1, date(2026, 7, 1)))
    answer = site.source().get(f"/fhir/{path}")
    assert answer.status_code == 410
    assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED
    assert site.source().get(f"/fhir/DocumentReference/{KOS}").status_code == 200


def test_the_current_version_is_read_by_its_own_address(site: FhirSite) -> None:
    study = site.consumer().get(f"/fhir/ImagingStudy/{STUDY}").json()
    path = f"/fhir/ImagingStudy/{STUDY}/_history/{study['meta']['versionId']}"
    assert site.consumer().get(path).json() == study


@pytest.mark.parametrize(
    "path",
    [
        f"ImagingStudy/{STUDY}",
        f"DocumentReference/{KOS}",
        f"Bundle/{MANIFEST}",
        f"Binary/{KOS}",
        f"Provenance/{KOS}",
        "Endpoint/dicom-web",
        "Organization/structure-1330781360",
        "Device/drimbox",
        "Patient",
        "OperationDefinition/contextual-call",
        "SearchParameter/ImagingStudy-accession-number",
        "metadata",
    ],
)
def test_what_a_client_has_already_is_not_sent_again(site: FhirSite, path: str) -> None:
    path = f"/fhir/{site.patient if path == 'Patient' else path}"
    first = site.consumer().get(path)
    assert first.status_code == 200
    headers = {"If-None-Match": first.headers["etag"]}
    again = site.consumer().get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == first.headers["cache-control"]
    other = site.consumer().get(path, headers={"If-None-Match": 'W/"another"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_definitions_are_public_and_valid(site: FhirSite) -> None:
    statement = site.consumer(bearer="").get("/fhir/metadata").json()
    check(statement)
    rest = statement["rest"][0]
    urls = [p["definition"] for r in rest["resource"] for p in r.get("searchParam", ())
            if "definition" in p]  # fmt: skip
    urls += [operation["definition"] for operation in rest["operation"]]
    assert len(urls) >= 10
    for url in urls:
        kind, identifier = url.split("/")[-2:]
        answer = site.consumer(bearer="").get(f"/fhir/{kind}/{identifier}")
        assert answer.json()["url"] == url
        check(answer.json())


def test_the_statement_says_what_the_router_does_and_no_more(site: FhirSite) -> None:
    statement = site.consumer(bearer="").get("/fhir/metadata").json()
    told = {
        r["type"]: {i["code"] for i in r["interaction"]}
        for r in statement["rest"][0]["resource"]
    }  # fmt: skip
    routed: dict[str, set[str]] = {}
    for route in fhir_routes(site.source_door()):
        assert isinstance(route, Route)
        kind, *rest = route.path_format.removeprefix("/fhir/").split("/")
        interaction = {
            (): "search-type",
            ("_search",): "search-type",
            ("{id}",): "read",
            ("{id}", "_history", "{version}"): "vread",
        }.get(tuple(rest))
        if kind != "metadata":
            assert interaction is not None, route.path
            routed.setdefault(kind, set()).add(interaction)
    assert told == routed
    assert list(told) == [offered.name for offered in SURFACE]


@pytest.mark.parametrize(
    ("scope", "path", "status"),
    [
        ("ITI-68", f"Bundle/{MANIFEST}", 200),
        ("ITI-68", f"Binary/{KOS}", 200),
        ("ITI-68", f"DocumentReference/{KOS}", 403),
        ("ITI-67", f"DocumentReference/{KOS}", 200),
        ("ITI-67", f"Bundle/{MANIFEST}", 403),
        ("system/ImagingStudy.r", f"Provenance/{KOS}", 200),
        ("system/ImagingStudy.r", "Organization/structure-1330781360", 403),
        ("system/Patient.read", f"Provenance/{KOS}", 403),
    ],
)
def test_a_scope_opens_what_it_names_in_either_form(
    site: FhirSite, scope: str, path: str, status: int
) -> None:
    site.callers["client"] = Caller(CallerKind.SYSTEM, "client-1", frozenset({scope}))
    answer = site.source().get(f"/fhir/{path}")
    assert answer.status_code == status
    assert site.audit.actions[-1] is (
        AuditAction.FHIR_READ if status == 200 else AuditAction.ACCESS_REFUSED
    )
    if status == 403:
        assert "insufficient_scope" in answer.headers["www-authenticate"]


def test_nobody_includes_what_may_not_be_read(site: FhirSite) -> None:
    scopes = frozenset({"system/ImagingStudy.rs", "system/Patient.r"})
    site.callers["client"] = Caller(CallerKind.SYSTEM, "client-1", scopes)
    query = {"_include": "*"}
    bundle = site.source().get("/fhir/ImagingStudy", params=query).json()
    assert {one["resourceType"] for one in resources(bundle, "include")} == {"Patient"}


@pytest.mark.parametrize(
    "kos_id",
    ["2.25.1001", "1.2.250.1." + "9" * 54, "0.9.1", "2f5a6b1c-6a52-4bb0-9e41-0d2b8a5c0001",
     hashlib.sha256(b"x").hexdigest()[:40]],
)  # fmt: skip
def test_the_id_of_a_manifest_leads_back_to_its_kos(kos_id: str) -> None:
    identifier = derived_id(kos_id)
    assert identifier != kos_id
    assert len(identifier) <= 64
    assert kos_id_of(identifier) == kos_id
    assert kos_id_of(kos_id) is None


def test_a_superseded_kos_stays_readable_as_metadata(site: FhirSite) -> None:
    site.register.publications.clear()
    site.publish_as(PublicationState.REPLACED, exam(1, date(2026, 7, 1)))
    read = site.source().get(f"/fhir/DocumentReference/{KOS}").json()
    assert read["status"] == "superseded"


@SIDES
@pytest.mark.parametrize(
    ("query", "status", "total"),
    [
        ("identifier=urn:oid:1.2.250.1.213.1.4.10|{ins}", 200, 1),
        ("identifier=urn:oid:1.2.250.1.213.1.4.8|{ins}", 200, 0),
        ("identifier={ins}", 200, 1),
        ("identifier=unknown", 200, 0),
        ("identifier=|unknown", 200, 0),
        ("identifier=https://elsewhere.example/ids|1", 404, None),
        ("identifier=urn:oid:1.2.3.4.5.6.7|1", 404, None),
        ("identifier=urn:oid:1.2.3.4.5.6.7|", 404, None),
        ("identifier=urn:oid:1.2.3.4.5.6.7|1,urn:oid:1.2.250.1.213.1.4.8|1", 200, 0),
        ("_id=0000", 200, 0),
    ],
)
def test_a_domain_that_nobody_here_has_is_told_as_pdqm_wants_it(
    site: FhirSite, side: str, query: str, status: int, total: int | None
) -> None:
    """PDQm 3.78.4.1.3 case 4: 404 and code-invalid; a known domain without a match: 200, none."""
    form = query.format(ins=site.context.patient.ins.value)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client(site, side).post("/fhir/Patient/_search", content=form, headers=headers)
    assert answer.status_code == status
    if total is None:
        issue = answer.json()["issue"][0]
        assert issue["code"] == "code-invalid"
        assert issue["details"]["coding"][0]["code"] == "unknown-domain"
        assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED
    else:
        assert answer.json()["total"] == total
        assert site.audit.actions[-1] is AuditAction.FHIR_READ


@SIDES
def test_the_domain_of_the_patients_ipp_is_known(site: FhirSite, side: str) -> None:
    bundle = client(site, side).get("/fhir/ImagingStudy?_include=ImagingStudy:patient").json()
    (patient,) = resources(bundle, "include")
    (system,) = (one["system"] for one in patient["identifier"] if one["use"] == "usual")
    query = {"identifier": f"{system}|nobody"}
    answer = client(site, side).get("/fhir/Patient", params=query)
    assert (answer.status_code, answer.json()["total"]) == (200, 0)


def _references(value: object) -> list[str]:
    if isinstance(value, list):
        return [found for one in value for found in _references(one)]
    if not isinstance(value, dict):
        return []
    own = [value["reference"]] if isinstance(value.get("reference"), str) else []
    return own + [found for one in value.values() for found in _references(one)]
