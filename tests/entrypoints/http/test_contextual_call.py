"""The contextual call's door: answers, origins, limits; nothing of an identity anywhere."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs
from tests.fakes.consultation_site import BASE_URL, CALL, DPI_ORIGIN, ConsultationSite

from drimbox.model.audit import AuditAction, AuditOutcome

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
HTML = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


@pytest.fixture
def client(site: ConsultationSite) -> TestClient:
    return site.client()


@pytest.mark.requirement("TRA.04")
@pytest.mark.requirement("FA.5")
def test_a_call_redirects_to_the_consultation_page(
    client: TestClient, site: ConsultationSite
) -> None:
    answer = client.post("/drim", data=CALL)
    (context,) = site.contexts.contexts
    assert (answer.status_code, answer.headers["location"]) == (303, f"/consultation/{context}")


@pytest.mark.requirement("TRA.04")
def test_a_call_that_names_a_study_redirects_to_the_viewer(
    client: TestClient, site: ConsultationSite
) -> None:
    answer = client.post("/drim", data=CALL | {"StudyInstanceUID": "1.2.3"})
    (context,) = site.contexts.contexts
    assert answer.headers["location"] == f"/viewer/{context}/1.2.3"


@pytest.mark.parametrize("word", ["InforméEtOpposé", "N/A"])
def test_an_opposed_or_unasked_patient_makes_a_well_formed_call(
    client: TestClient, word: str
) -> None:
    call = CALL | {"InformationEtOppositionConsultation": word}
    assert client.post("/drim", data=call).status_code == 303


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("application/json, text/plain, */*", 200),
        ("text/html", 303),
        ("*/*", 303),
        ("application/json;q=0, */*", 303),
    ],
)
def test_a_caller_that_asks_for_json_is_told_where_to_go(
    client: TestClient, site: ConsultationSite, accept: str, status: int
) -> None:
    answer = client.post("/drim", data=CALL, headers={"Accept": accept})
    (context,) = site.contexts.contexts
    assert answer.status_code == status
    if status == 200:
        page = f"{BASE_URL}/consultation/{context}"
        assert answer.json() == {"context": context, "page": page}


def test_a_professional_s_token_gets_one_bound_to_the_context(
    client: TestClient, site: ConsultationSite
) -> None:
    token = site.provider.sign_in().access_token
    answer = client.post("/drim", data=CALL, headers={"Authorization": f"Bearer {token}"})
    body = answer.json()
    context = site.contexts.contexts[body["context"]]
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 1200)
    assert body["patient"].startswith("Patient/")
    assert body["access_token"] != token
    assert context.professional == site.provider.professional
    assert context.access_token == token


def test_a_token_that_does_not_hold_opens_nothing(
    client: TestClient, site: ConsultationSite
) -> None:
    answer = client.post("/drim", data=CALL, headers={"Authorization": "Bearer unknown"})
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert not site.contexts.contexts


@pytest.mark.requirement("VI-CO.27")
def test_a_profession_that_may_not_see_images_opens_nothing(tmp_path: Path) -> None:
    from dataclasses import replace

    site = ConsultationSite(tmp_path)
    site.provider.professional = replace(site.provider.professional, profession_code="331")
    token = site.provider.sign_in().access_token
    headers = {"Authorization": f"Bearer {token}"}
    assert site.client().post("/drim", data=CALL, headers=headers).status_code == 403
    assert not site.contexts.contexts


@pytest.mark.requirement("TRA.04")
def test_faults_are_told_in_the_shape_of_e200(client: TestClient) -> None:
    body = {name: value for name, value in CALL.items() if name != "Patient.gender"}
    answer = client.post("/drim", data=body | {"Modality": "XX"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Appel contextuel mal formé",
        "status": 400,
        "code": "E200",
        "errors": [
            {"parameter": "Patient.gender", "rule": "obligatoire"},
            {"parameter": "Modality", "rule": "codes du JDV 1.2.250.1.213.1.1.5.618"},
        ],
    }


def test_a_browser_gets_the_faults_as_a_page(client: TestClient) -> None:
    answer = client.post("/drim", data=CALL | {"Patient.gender": "X"}, headers=HTML)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")
    assert "E200" in answer.text
    assert "Patient.gender" in answer.text


_WHOLE_CALL_FAULTS = [
    pytest.param(b"{}", {"Content-Type": "application/json"}, id="JSON"),
    pytest.param(urlencode(CALL).encode(), {"Content-Type": "text/plain"}, id="a form as text"),
    pytest.param(urlencode(CALL).encode(), {}, id="no content type"),
    pytest.param(b"--x--", {"Content-Type": "multipart/form-data; boundary=x"}, id="multipart"),
    pytest.param(b"a=" + b"b" * 1_000_000, FORM, id="a body of a megabyte"),
    pytest.param(b"a=" + b"b" * (64 * 1024 - 1), FORM, id="one octet more than 64 KiB"),
    pytest.param(b"a=1&" * 200, FORM, id="two hundred parameters"),
]


@pytest.mark.parametrize(("body", "headers"), _WHOLE_CALL_FAULTS)
def test_what_is_no_form_of_ours_has_one_fault_of_the_whole_call(
    client: TestClient, body: bytes, headers: dict[str, str]
) -> None:
    answer = client.post("/drim", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "E200")
    (fault,) = answer.json()["errors"]
    assert fault["parameter"] is None


def test_a_form_of_exactly_64_kib_is_read(client: TestClient) -> None:
    body = urlencode(CALL).encode()
    body += b"&Filler=" + b"x" * (64 * 1024 - len(body) - 8)
    assert len(body) == 64 * 1024
    assert client.post("/drim", content=body, headers=FORM).status_code == 303


def test_a_compressed_body_is_not_inflated(client: TestClient) -> None:
    answer = client.post("/drim", content=b"x", headers=FORM | {"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_a_charset_in_the_content_type_is_no_fault(client: TestClient) -> None:
    headers = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=ISO-8859-1"}
    answer = client.post("/drim", content=urlencode(CALL).encode(), headers=headers)
    assert answer.status_code == 303


_ORIGINS = [
    pytest.param(None, 303, id="none: a native DPI, a server"),
    pytest.param(DPI_ORIGIN, 303, id="the configured one"),
    pytest.param("null", 403, id="null, which this site does not allow"),
    pytest.param(DPI_ORIGIN + ".evil.test", 403, id="one that begins like it"),
    pytest.param("https://evil.test", 403, id="another"),
    pytest.param("http://dpi.hopital.test", 403, id="another scheme"),
    pytest.param(DPI_ORIGIN + ":8443", 403, id="another port"),
    pytest.param(DPI_ORIGIN + "/", 403, id="with a slash"),
    pytest.param(DPI_ORIGIN.upper(), 403, id="in upper case, as no browser sends it"),
    pytest.param(f"{DPI_ORIGIN}, https://evil.test", 403, id="a list"),
    pytest.param("", 403, id="empty"),
]


@pytest.mark.requirement("TRA.04-cors")
@pytest.mark.parametrize(("origin", "status"), _ORIGINS)
def test_only_configured_origins_may_call(
    client: TestClient, site: ConsultationSite, origin: str | None, status: int
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answer = client.post("/drim", data=CALL, headers=headers)
    assert answer.status_code == status
    assert bool(site.contexts.contexts) is (status == 303)
    expected = origin if origin and status == 303 else None
    assert answer.headers.get("access-control-allow-origin") == expected
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.requirement("TRA.04-cors")
def test_a_web_caller_can_read_its_faults(client: TestClient) -> None:
    answer = client.post("/drim", data={}, headers={"Origin": DPI_ORIGIN})
    assert answer.status_code == 400
    assert answer.headers["access-control-allow-origin"] == DPI_ORIGIN


@pytest.mark.requirement("TRA.04-cors")
@pytest.mark.parametrize(("origin", "status"), [(DPI_ORIGIN, 204), ("https://evil.test", 403)])
def test_a_preflight_is_answered_to_configured_origins_only(
    client: TestClient, origin: str, status: int
) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answer = client.options("/drim", headers=headers)
    assert answer.status_code == status
    assert ("access-control-allow-methods" in answer.headers) is (status == 204)


@pytest.mark.requirement("KPI")
def test_each_call_is_counted_with_its_outcome(client: TestClient, site: ConsultationSite) -> None:
    client.post("/drim", data=CALL)
    client.post("/drim", data=CALL | {"Patient.gender": "X"})
    client.post("/drim", content=b"{}")
    client.post("/drim", data=CALL, headers={"Origin": "https://evil.test"})
    events = [e for e in site.audit.events if e.action is AuditAction.CONTEXTUAL_CALL]
    assert [e.outcome for e in events] == [AuditOutcome.SUCCESS] + 3 * [AuditOutcome.MINOR_FAILURE]


@pytest.mark.requirement("CS.08")
def test_a_call_that_cannot_be_traced_opens_nothing(
    client: TestClient, site: ConsultationSite
) -> None:
    site.audit.is_away = True
    assert client.post("/drim", data=CALL).status_code == 503
    assert not site.contexts.contexts


def test_no_identity_leaves_in_an_address_a_log_line_or_an_error(
    client: TestClient, site: ConsultationSite
) -> None:
    canaries = [CALL[n] for n in ("Patient.identifier.value", "Patient.name.family", "PatientID")]
    with capture_logs() as logs:
        good = client.post("/drim", data=CALL | {"Inconnu": "CANARY-VALUE"})
        bad = client.post("/drim", data=CALL | {"Patient.gender": "CANARY-VALUE"})
        stray = client.post("/drim", content=b"CANARY-VALUE&2790351215189", headers=FORM)
    said = json.dumps(logs) + good.headers["location"] + bad.text + stray.text
    for canary in [*canaries, "CANARY-VALUE", "2790351215189"]:
        assert canary not in said
    assert "Inconnu" in json.dumps(logs)
