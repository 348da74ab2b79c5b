"""The FHIR door over HTTP: what each function shows, to whom, and what is refused."""

from datetime import date
from pathlib import Path

import pytest
from tests.fakes.fhir_site import EXPIRED, FHIR, FhirSite, exam

from drimbox.model.audit import AuditAction
from drimbox.model.consent import InformationEtOppositionConsultation as Consent
from drimbox.ports.dmp import DmpAccess

STUDY = "1.2.250.1.999.7.1"
KOS = "2.25.1001"


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    exams = (exam(1, date(2026, 7, 1)), exam(2, date(2025, 3, 2), "MR"))
    for one in exams:
        site.dmp.hold(one, ["774007"])
    site.publish(*exams)
    return site


def test_a_professional_finds_the_patients_exams_newest_first(site: FhirSite) -> None:
    answer = site.consumer().post("/fhir/ImagingStudy/_search", data={"patient": site.patient})
    assert answer.status_code == 200
    bundle = answer.json()
    assert bundle["total"] == 2
    assert [e["resource"]["id"] for e in bundle["entry"]] == [STUDY, "1.2.250.1.999.7.2"]
    assert bundle["entry"][0]["fullUrl"] == f"{FHIR}/ImagingStudy/{STUDY}"
    assert bundle["entry"][0]["resource"]["subject"]["reference"] == site.patient


def test_a_client_of_the_site_finds_what_the_source_published(site: FhirSite) -> None:
    bundle = site.source().get("/fhir/ImagingStudy", params={"identifier": STUDY}).json()
    assert [e["resource"]["id"] for e in bundle["entry"]] == [STUDY]


@pytest.mark.parametrize("side", ["consumer", "source"])
@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (f"ImagingStudy/{STUDY}", "application/fhir+json"),
        (f"DocumentReference/{KOS}", "application/fhir+json"),
        ("Endpoint/dicom-web", "application/fhir+json"),
        (f"Binary/{KOS}", "application/dicom"),
    ],
)
def test_each_resource_found_can_be_read(
    site: FhirSite, side: str, path: str, media_type: str
) -> None:
    client = site.consumer() if side == "consumer" else site.source()
    answer = client.get(f"/fhir/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert site.audit.actions[-1] is AuditAction.FHIR_READ


def test_the_kos_is_the_one_that_the_dmp_holds(site: FhirSite) -> None:
    reference = site.consumer().get(f"/fhir/DocumentReference/{KOS}").json()
    url = reference["content"][0]["attachment"]["url"]
    assert url.startswith(FHIR)
    assert site.consumer().get(url).content == site.dmp.contents[KOS]


@pytest.mark.parametrize("side", ["consumer", "source"])
def test_the_patient_found_has_the_ins_and_its_traits(site: FhirSite, side: str) -> None:
    client = site.consumer() if side == "consumer" else site.source()
    study = client.get(f"/fhir/ImagingStudy/{STUDY}").json()
    patient = client.get(f"/fhir/{study['subject']['reference']}").json()
    assert patient["identifier"][0]["value"] == site.context.patient.ins.value
    assert patient["name"][0]["family"] == "PÂQUERETTE"
    assert patient["birthDate"] == "1979-03"


def test_metadata_need_no_token(site: FhirSite) -> None:
    answer = site.consumer(bearer="").get("/fhir/metadata")
    assert answer.status_code == 200
    assert answer.json()["fhirVersion"] == "4.0.1"


@pytest.mark.parametrize("consent", [Consent.INFORME_ET_OPPOSE, Consent.NOT_COLLECTED])
@pytest.mark.parametrize(
    "path", ["ImagingStudy", "DocumentReference", f"ImagingStudy/{STUDY}", f"Binary/{KOS}"]
)
def test_without_consent_nothing_leaves_the_box(
    site: FhirSite, consent: Consent, path: str
) -> None:
    site.change_context(consent=consent)
    answer = site.consumer().get(f"/fhir/{path}")
    assert answer.status_code == 403
    assert _code(answer.json()) == "consent-missing"
    assert site.dmp.calls == []
    assert site.audit.actions == [AuditAction.ACCESS_REFUSED]


@pytest.mark.parametrize(
    ("bearer", "status", "code"),
    [
        pytest.param("", 401, "not-authenticated", id="no token"),
        pytest.param("stale", 401, "not-authenticated", id="a token that does not hold"),
        pytest.param("client", 403, "refused", id="a client of the site has no context here"),
    ],
)
def test_who_may_not_is_told_so(site: FhirSite, bearer: str, status: int, code: str) -> None:
    answer = site.consumer(bearer).get("/fhir/ImagingStudy")
    assert (answer.status_code, _code(answer.json())) == (status, code)
    assert ("www-authenticate" in answer.headers) is (status == 401)
    # Asking without any credential is how a client learns what it needs, and no attempt.
    assert site.audit.actions == ([AuditAction.ACCESS_REFUSED] if bearer else [])


def test_an_expired_token_is_told_as_such_and_whose_it_was_is_recorded(site: FhirSite) -> None:
    answer = site.consumer(EXPIRED).get(
        f"/fhir/ImagingStudy/{STUDY}", headers={"X-Request-Id": "r-1"}
    )
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"]) == (401, "expired")
    assert _code(answer.json()) == "token-expired"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    (event,) = site.audit.events
    assert (event.action, event.user) == (AuditAction.ACCESS_REFUSED, "899700000001")
    assert (event.request_id, event.description) == ("r-1", "fhir: expired")
    assert site.dmp.calls == []


def test_a_refusal_that_cannot_be_recorded_is_a_503(site: FhirSite) -> None:
    site.audit.is_away = True
    assert site.consumer("stale").get("/fhir/Endpoint").status_code == 503


@pytest.mark.parametrize(
    ("access", "code"),
    [
        (DmpAccess(exists=False, is_open=False, is_authorised=False), "dmp-absent"),
        (DmpAccess(exists=True, is_open=False, is_authorised=False), "dmp-closed"),
    ],
)
def test_a_dmp_that_is_not_there_is_an_empty_answer_that_says_so(
    site: FhirSite, access: DmpAccess, code: str
) -> None:
    site.dmp.access = access
    bundle = site.consumer().get("/fhir/ImagingStudy").json()
    assert bundle["total"] == 0
    assert _code(bundle["entry"][0]["resource"]) == code


@pytest.mark.parametrize(
    "path",
    [
        "ImagingStudy/1.2.250.1.999.7.99",
        "ImagingStudy/not-a-uid",
        "DocumentReference/2.25.9999",
        "Binary/2.25.9999",
        "Patient/0000",
        "Endpoint/elsewhere",
        "Observation/1",
        "Observation",
    ],
)
@pytest.mark.parametrize("side", ["consumer", "source"])
def test_what_is_not_there_is_not_found(site: FhirSite, side: str, path: str) -> None:
    client = site.consumer() if side == "consumer" else site.source()
    answer = client.get(f"/fhir/{path}")
    assert answer.status_code == 404
    assert answer.json()["resourceType"] == "OperationOutcome"


def _code(outcome: dict[str, list[dict[str, dict[str, list[dict[str, str]]]]]]) -> str:
    return outcome["issue"][0]["details"]["coding"][0]["code"]
