"""The viewer of each exam as an Endpoint: listed, read, opened once by its professional alone."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.entrypoints.http.fhir.test_resources import STUDY, resources
from tests.fakes.consultation_site import COLLEAGUE, DOCTOR
from tests.fakes.fhir_site import FhirSite, exam
from tests.fakes.fhir_validation import check

from drimbox.model.document_entry import AvailabilityStatus
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.fhir.endpoint import NEEDS_TOKEN, viewer_id
from drimbox.standards.fhir.profiles import ENDPOINT_VIEWER

pytestmark = pytest.mark.requirement("FA.1")

VIEWER = f"Endpoint/{viewer_id(StudyInstanceUid(STUDY))}"


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    exams = (exam(1, date(2026, 7, 1)), exam(2, date(2025, 3, 2), "MR"))
    for one in exams:
        site.dmp.hold(one, ["774007"])
    site.publish(*exams)
    return site


def _address(site: FhirSite) -> str:
    address = site.consumer().get(f"/fhir/{VIEWER}").json()["address"]
    assert isinstance(address, str)
    return address.removeprefix("https://box.test")


def test_an_exam_names_where_it_is_fetched_and_where_it_is_looked_at(site: FhirSite) -> None:
    study = site.consumer().get(f"/fhir/ImagingStudy/{STUDY}").json()
    references = [one["reference"] for one in study["endpoint"]]
    assert references[-1] == VIEWER
    wado, viewer = (site.consumer().get(f"/fhir/{one}").json() for one in references)
    check(viewer)
    assert viewer["meta"]["profile"] == [ENDPOINT_VIEWER]
    assert viewer["connectionType"]["code"] == "ihe-iid"
    assert STUDY not in viewer["address"]
    assert {"url": NEEDS_TOKEN, "valueBoolean": True} in wado["extension"]
    # Of a series only its images are told.
    assert [one["reference"] for one in study["series"][0]["endpoint"]] == references[:1]


def test_both_kinds_are_searched_and_come_along(site: FhirSite) -> None:
    found = site.consumer().get("/fhir/Endpoint?connection-type=ihe-iid").json()
    assert len(resources(found, "match")) == 2
    found = site.consumer().get("/fhir/Endpoint?connection-type=dicom-wado-rs").json()
    assert all("viewer" not in one["id"] for one in resources(found, "match"))
    query = {"_id": STUDY, "_include": "ImagingStudy:endpoint"}
    bundle = site.consumer().get("/fhir/ImagingStudy", params=query).json()
    assert VIEWER in {f"Endpoint/{one['id']}" for one in resources(bundle, "include")}
    found = site.consumer().get(f"/fhir/ImagingStudy?endpoint={VIEWER}").json()
    assert [one["id"] for one in resources(found, "match")] == [STUDY]


def test_each_reading_gives_another_address(site: FhirSite) -> None:
    assert _address(site) != _address(site)


def test_an_exam_no_longer_shared_and_a_source_have_no_viewer(site: FhirSite) -> None:
    study = site.source().get(f"/fhir/ImagingStudy/{STUDY}").json()
    assert all("viewer" not in one["reference"] for one in study["endpoint"])
    assert site.source().get(f"/fhir/{VIEWER}").status_code == 404
    gone = AvailabilityStatus.DEPRECATED
    site.dmp.entries[0] = replace(site.dmp.entries[0], status=gone)
    assert site.consumer().get(f"/fhir/{VIEWER}").status_code == 404


def test_an_address_leads_its_professional_to_the_exam_once(site: FhirSite) -> None:
    address = _address(site)
    site.consultation.contexts.contexts[site.context.identifier] = site.context
    # To look at it is not to open it.
    assert site.consultation.client(DOCTOR).head(address).status_code == 404
    stranger = site.consultation.client(COLLEAGUE).get(address)
    assert stranger.status_code == 404
    browser = site.consultation.client(DOCTOR)
    opened = browser.get(address)
    assert opened.status_code == 303
    assert opened.headers["location"] == f"/viewer/{site.context.identifier}/{STUDY}"
    assert browser.get(address).status_code == 404
    # Not yet confirmed in this browser: the page asks whose exam it is first.
    assert browser.get(opened.headers["location"]).headers["location"] == (
        f"/consultation/{site.context.identifier}"
    )


def test_who_is_not_signed_in_signs_in_and_comes_back(site: FhirSite) -> None:
    address = _address(site)
    answer = site.consultation.client().get(address)
    assert answer.status_code == 303
    assert site.consultation.pending_returns() == [address]


@pytest.mark.parametrize("change", ["altered", "over", "long", "strange"])
def test_an_address_that_is_none_of_ours_leads_nowhere(site: FhirSite, change: str) -> None:
    address = _address(site)
    site.consultation.contexts.contexts[site.context.identifier] = site.context
    if change == "altered":
        address = address[:-2] + ("A" if address[-2] != "A" else "B") + address[-1]
    if change == "over":
        seconds = (site.context.expires_at - site.clock.now()).total_seconds()
        site.clock.advance(seconds + 1)
    if change == "long":
        address += "A" * 2000
    if change == "strange":
        address = "/viewer/links/%C3%A9"
    assert site.consultation.client(DOCTOR).get(address).status_code == 404
