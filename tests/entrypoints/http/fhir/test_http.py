"""FHIR over HTTP (spec 4.5): formats, versions, methods, CORS, compression, limits, request ids."""

from datetime import date
from pathlib import Path

import pytest
from tests.fakes.fhir_site import ORIGIN, FhirSite, exam
from tests.fakes.fhir_validation import check

from drimbox.model.access import Caller, CallerKind
from drimbox.model.audit import AuditAction
from drimbox.standards.dicomweb.content_coding import compress

pytestmark = pytest.mark.requirement("FA.1")

STUDY = "1.2.250.1.999.7.1"
KOS = "2.25.1001"
JSON, XML = "application/fhir+json", "application/fhir+xml"


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    manifest = exam(1, date(2026, 7, 1))
    site.dmp.hold(manifest, ["774007"])
    site.publish(manifest)
    return site


def code_of(outcome: dict[str, list[dict[str, dict[str, list[dict[str, str]]]]]]) -> str:
    return outcome["issue"][0]["details"]["coding"][0]["code"]


@pytest.mark.parametrize(
    ("accept", "query", "media_type"),
    [
        ("", "", JSON),
        ("*/*", "", JSON),
        (JSON, "", JSON),
        (XML, "", XML),
        ("application/xml", "", XML),
        ("application/json", "", JSON),
        (f"{XML};q=0.5, */*;q=0.1", "", XML),
        (f"{XML};q=0.5, {JSON};q=0.6", "", JSON),
        (f"{JSON};q=0, {XML}", "", XML),
        ("text/html, application/xhtml+xml, */*;q=0.8", "", JSON),
        (JSON, "_format=xml", XML),
        (XML, "_format=json", JSON),
        (JSON, "_format=application/fhir%2Bxml", XML),
        (JSON, "_format=application/fhir+xml", XML),
        ("image/png", "_format=json", JSON),
    ],
)
@pytest.mark.parametrize("path", [f"ImagingStudy/{STUDY}", "ImagingStudy", "metadata"])
def test_the_format_is_what_the_client_asks_for(
    site: FhirSite, path: str, accept: str, query: str, media_type: str
) -> None:
    answer = site.consumer().get(f"/fhir/{path}?{query}", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(media_type)
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("accept", "query"),
    [("image/png", ""), (f"{JSON};q=0", ""), ("text/html", ""), ("*/*", "_format=ttl")],
)
def test_a_format_that_we_do_not_write_is_told_in_json(
    site: FhirSite, accept: str, query: str
) -> None:
    answer = site.consumer().get(f"/fhir/ImagingStudy?{query}", headers={"Accept": accept})
    assert answer.status_code == 406
    assert answer.headers["content-type"].startswith(JSON)
    assert code_of(answer.json()) == "not-acceptable"


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("application/dicom", 200, "application/dicom"),
        ("*/*", 200, "application/dicom"),
        ("application/*", 200, "application/dicom"),
        (JSON, 200, JSON),
        (XML, 200, XML),
        ("image/png", 406, JSON),
        ("application/dicom;q=0", 406, JSON),
    ],
)
def test_a_binary_is_its_octets_or_a_resource(
    site: FhirSite, accept: str, status: int, media_type: str
) -> None:
    answer = site.consumer().get(f"/fhir/Binary/{KOS}", headers={"Accept": accept})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith(media_type)


@pytest.mark.parametrize("content_type", ["application/json", JSON, "multipart/form-data", ""])
def test_a_search_by_post_is_a_form(site: FhirSite, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = site.consumer().post("/fhir/ImagingStudy/_search", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert code_of(answer.json()) == "unsupported-content"


def test_a_form_and_the_address_are_one_search(site: FhirSite) -> None:
    path = "/fhir/ImagingStudy/_search?modality=CT"
    client = site.consumer()
    assert client.post(path, data={"started": "2026"}).json()["total"] == 1
    assert client.post(path, data={"started": "2025"}).json()["total"] == 0
    assert client.post(path, data={"modality": "MR"}).json()["total"] == 0


@pytest.mark.parametrize("form", [b"identifier=\xff", b"identifier=%ff", "identifier=é".encode()])
def test_a_form_that_is_no_text_is_malformed(site: FhirSite, form: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = site.consumer().post("/fhir/ImagingStudy/_search", content=form, headers=headers)
    assert answer.status_code == 400
    check(answer.json())


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", f"ImagingStudy/{STUDY}", {"GET", "HEAD"}),
        ("DELETE", f"DocumentReference/{KOS}", {"GET", "HEAD"}),
        ("PATCH", f"DocumentReference/{KOS}", {"GET", "HEAD"}),
        ("POST", "ImagingStudy", {"GET", "HEAD"}),
        ("POST", f"Binary/{KOS}", {"GET", "HEAD"}),
        ("GET", "ImagingStudy/_search/more", None),
        ("PUT", "ImagingStudy/_search", {"POST"}),
    ],
)
def test_what_cannot_be_done_names_what_can(
    site: FhirSite, method: str, path: str, allowed: set[str] | None
) -> None:
    answer = site.consumer().request(method, f"/fhir/{path}")
    check(answer.json())
    if allowed is None:
        assert answer.status_code == 404
        return
    assert answer.status_code == 405
    assert code_of(answer.json()) == "method-not-allowed"
    assert allowed <= set(answer.headers["allow"].replace(" ", "").split(","))


@pytest.mark.parametrize(
    "path", ["metadata", "ImagingStudy", f"ImagingStudy/{STUDY}", f"Binary/{KOS}"]
)
def test_head_is_get_without_a_body(site: FhirSite, path: str) -> None:
    got, head = site.consumer().get(f"/fhir/{path}"), site.consumer().head(f"/fhir/{path}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [("ImagingStudy", False), (f"Binary/{KOS}", False), ("Endpoint", False), ("metadata", True)],
)
def test_nothing_about_a_patient_is_kept_by_caches(site: FhirSite, path: str, kept: bool) -> None:
    control = site.consumer().get(f"/fhir/{path}").headers["cache-control"]
    assert control == ("public, max-age=300" if kept else "private, no-store")


@pytest.mark.parametrize(
    ("tag", "status"),
    [("{etag}", 304), ('"x", {etag}', 304), ("*", 304), ("{strong}", 304), ('W/"x"', 200)],
)
def test_if_none_match(site: FhirSite, tag: str, status: int) -> None:
    client, path = site.consumer(), f"/fhir/ImagingStudy/{STUDY}"
    etag = client.get(path).headers["etag"]
    asked = tag.format(etag=etag, strong=etag.removeprefix("W/"))
    answer = client.get(path, headers={"If-None-Match": asked})
    assert answer.status_code == status
    assert answer.headers["etag"] == etag


@pytest.mark.parametrize("accepted", ["gzip", "br, gzip;q=0.5", "*"])
@pytest.mark.parametrize("media_type", [JSON, XML])
def test_large_answers_are_gzipped_for_who_takes_it(
    site: FhirSite, accepted: str, media_type: str
) -> None:
    headers = {"Accept-Encoding": accepted, "Accept": media_type}
    answer = site.consumer().get(f"/fhir/ImagingStudy/{STUDY}", headers=headers)
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]
    plain = site.consumer().get(
        f"/fhir/ImagingStudy/{STUDY}", headers={"Accept-Encoding": "identity", "Accept": media_type}
    )
    assert "content-encoding" not in plain.headers
    # The client has undone the compression; the length is that of what was sent.
    assert answer.content == plain.content
    assert int(answer.headers["content-length"]) == len(compress(plain.content))


def test_octets_of_a_document_and_small_answers_go_as_they_are(site: FhirSite) -> None:
    for path in (f"Binary/{KOS}", "ImagingStudy/1.2.3"):
        answer = site.consumer().get(f"/fhir/{path}", headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [
        ("0af7651916cd43dd", True),
        ("a.b_c-9", True),
        ("", False),
        ("a b", False),
        ("<x>", False),
        ("9" * 65, False),
    ],
)
@pytest.mark.parametrize("path", [f"ImagingStudy/{STUDY}", "ImagingStudy", "ImagingStudy/1.2.3"])
def test_the_request_id_is_echoed_and_recorded(
    site: FhirSite, path: str, sent: str, is_kept: bool
) -> None:  # fmt: skip
    answer = site.consumer().get(f"/fhir/{path}", headers={"X-Request-Id": sent})
    identifier = answer.headers["x-request-id"]
    assert (identifier == sent) is is_kept
    assert site.audit.events[-1].request_id == identifier


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [(ORIGIN, True), ("https://evil.example", False), (ORIGIN + ".evil.example", False)],
)
def test_pages_of_configured_origins_may_call(
    site: FhirSite, origin: str, is_allowed: bool
) -> None:  # fmt: skip
    client = site.consumer()
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    preflight = client.options("/fhir/ImagingStudy", headers=asked)
    answer = client.get("/fhir/ImagingStudy", headers={"Origin": origin})
    assert (preflight.status_code, answer.status_code) == (204, 200)
    for one in (preflight, answer):
        assert "Origin" in one.headers["vary"]
        allowed = one.headers.get("access-control-allow-origin")
        assert allowed == (origin if is_allowed else None)
        assert "access-control-allow-credentials" not in one.headers
    if is_allowed:
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        assert "ETag" in answer.headers["access-control-expose-headers"]


def test_errors_are_readable_by_allowed_pages_too(site: FhirSite) -> None:
    answer = site.consumer(bearer="").get("/fhir/ImagingStudy", headers={"Origin": ORIGIN})
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == ORIGIN


def test_who_asks_too_often_is_told_when_to_come_back(site: FhirSite) -> None:
    site.requests_a_minute = 3
    client, other = site.source(), Caller(CallerKind.SYSTEM, "client-2", frozenset({"system/*.rs"}))
    answers = [client.get("/fhir/Endpoint") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "20"
    assert code_of(answers[-1].json()) == "too-many-requests"
    site.callers["other"] = other
    assert client.get("/fhir/Endpoint", headers={"Authorization": "Bearer other"}).is_success
    site.clock.advance(20)
    assert client.get("/fhir/Endpoint").is_success


@pytest.mark.parametrize(("is_strict", "status"), [(False, 403), (True, 401)])
def test_a_missing_scope_is_told_as_iua_or_as_rfc_6750(
    site: FhirSite, is_strict: bool, status: int
) -> None:  # fmt: skip
    site.is_strict = is_strict
    site.callers["client"] = Caller(CallerKind.SYSTEM, "client-1", frozenset({"ITI-67"}))
    answer = site.source().get("/fhir/ImagingStudy")
    assert answer.status_code == status
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    assert site.audit.actions[-1] is AuditAction.ACCESS_REFUSED


def test_a_right_that_no_scope_gives_is_no_matter_of_scope(site: FhirSite) -> None:
    """A client of the site at a Consommatrice: another token of the same kind would not help."""
    site.is_strict = True
    answer = site.consumer("client").get("/fhir/ImagingStudy")
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers
