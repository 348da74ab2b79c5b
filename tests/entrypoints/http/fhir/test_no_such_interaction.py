"""What this door has not (R4 3.1.0.14): told as such, without a redirect, before any token."""

from datetime import date
from pathlib import Path

import pytest
from tests.fakes.fhir_site import FhirSite, exam

STUDY = "1.2.250.1.999.7.1"
INS = "urn:oid:1.2.250.1.213.1.4.10|123456789012244"


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    one = exam(1, date(2026, 7, 1))
    site.dmp.hold(one, ["774007"])
    site.publish(one)
    return site


@pytest.mark.requirement("FA.6")
@pytest.mark.parametrize("side", ["consumer", "source"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "", id="a search of the whole system"),
        pytest.param("POST", "", id="a batch"),
        pytest.param("GET", "/", id="the base address with its slash"),
        pytest.param("GET", "/_history", id="history of the system"),
        pytest.param("POST", "/_search", id="a search of the whole system by form"),
        pytest.param("GET", "/ImagingStudy/_history", id="history of a type"),
        pytest.param("GET", f"/ImagingStudy/{STUDY}/_history", id="history of an instance"),
        pytest.param("GET", "/Patient/$everything", id="an operation"),
        pytest.param("GET", "/Observation?code=1", id="another type"),
        pytest.param("GET", "/Observation/1", id="a resource of another type"),
        pytest.param("GET", "/Patient/p/Observation", id="a compartment"),
        pytest.param("POST", "/Binary/_search", id="a search of what is only read"),
        pytest.param("GET", "/Binary", id="what is only read"),
    ],
)
def test_what_is_not_offered_is_not_supported(
    site: FhirSite, side: str, method: str, path: str
) -> None:
    client = site.consumer("") if side == "consumer" else site.source("")
    answer = client.request(method, f"/fhir{path}", follow_redirects=False)
    assert answer.status_code == 404
    issue = answer.json()["issue"][0]
    assert (issue["code"], issue["details"]["coding"][0]["code"]) == ("not-supported",) * 2


def test_a_form_address_is_for_forms(site: FhirSite) -> None:
    answer = site.source().get("/fhir/ImagingStudy/_search")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["issue"][0]["code"] == "not-supported"


def test_an_id_that_is_none_is_a_resource_that_is_not_there(site: FhirSite) -> None:
    answer = site.source().get("/fhir/ImagingStudy/no_such-id")
    assert answer.status_code == 404
    assert answer.json()["issue"][0]["code"] == "not-found"


@pytest.mark.requirement("FA.6")
@pytest.mark.parametrize("path", ["ImagingStudy", f"ImagingStudy/{STUDY}", "metadata"])
def test_a_slash_at_the_end_changes_nothing_and_redirects_nowhere(
    site: FhirSite, path: str
) -> None:
    """A redirect would carry the Host of the request, and the INS of its query."""
    answer = site.source().get(
        f"/fhir/{path}/", params={"patient.identifier": INS}, follow_redirects=False
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+json")
