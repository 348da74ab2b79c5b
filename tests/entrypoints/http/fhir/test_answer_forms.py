"""How an answer is written: its links, its parts, its indentation, what it is told to be."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from lxml import etree
from tests.entrypoints.http.fhir.test_http import JSON, KOS, STUDY, XML, code_of
from tests.entrypoints.http.fhir.test_reports import REPORT
from tests.fakes.clinical_documents import cda, pdf_body, report_entry
from tests.fakes.fhir_site import FHIR, FhirSite, exam
from tests.fakes.fhir_validation import check

pytestmark = pytest.mark.requirement("FA.1")


@pytest.fixture
def site(tmp_path: Path) -> FhirSite:
    site = FhirSite(tmp_path)
    for number in (1, 2, 3):
        site.dmp.hold(exam(number, date(2026, 7, number)), ["774007"])
    return site


def matches(bundle: dict[str, list[dict[str, dict[str, object]]]]) -> list[dict[str, object]]:
    return [e["resource"] for e in bundle["entry"] if e["search"]["mode"] == "match"]


def link(bundle: dict[str, list[dict[str, str]]], relation: str) -> str:
    (found,) = (one["url"] for one in bundle["link"] if one["relation"] == relation)
    return found


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("", ""),
        ("_count=2&modality=CT", "modality=CT&_count=2"),
        ("_summary=true&_count=2&started=2026&modality=CT&_sort=started",
         "started=2026&modality=CT&_sort=started&_count=2&_summary=true"),
        ("modality=CT&started=ge2026&started=le2027", "started=ge2026&started=le2027&modality=CT"),
        ("modality:not=MR", "modality:not=MR"),
        ("_count=9999", "_count=200"),
        ("_sort=colour", "_sort=-started"),
        ("_sort=colour,started", "_sort=started"),
        ("_include=colour&_include=ImagingStudy:endpoint", "_include=ImagingStudy:endpoint"),
        ("_revinclude=Provenance:colour", ""),
        ("colour=red", ""),
        ("_pretty=true", ""),
    ],
)  # fmt: skip
def test_the_self_link_is_what_was_done_in_one_order(site: FhirSite, asked: str, told: str) -> None:
    bundle = site.consumer().get(f"/fhir/ImagingStudy?{asked}").json()
    address = urlsplit(link(bundle, "self"))
    assert address._replace(query="").geturl() == f"{FHIR}/ImagingStudy"
    assert parse_qsl(address.query) == parse_qsl(told)
    again = site.consumer().get(f"/fhir/ImagingStudy?{address.query}").json()
    assert matches(again) == matches(bundle)
    assert link(again, "self") == address.geturl()


@pytest.mark.parametrize("name", ["_sort", "_include", "_revinclude"])
def test_a_value_that_is_not_known_is_told_as_a_value(site: FhirSite, name: str) -> None:
    bundle = site.consumer().get(f"/fhir/ImagingStudy?{name}=colour").json()
    issue = bundle["entry"][-1]["resource"]["issue"][0]
    assert issue["details"]["text"] == (
        f"Une valeur de {name} n'est pas prise en charge et a été ignorée."
    )
    assert issue["expression"] == [name]


@pytest.mark.parametrize("asked", ["xml", "application/fhir+xml", "json"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_leads_to_the_format_that_was_asked_for(
    site: FhirSite, asked: str, method: str
) -> None:
    client = site.consumer()
    search = {"_count": "1", "_format": asked}
    if method == "GET":
        answer = client.get("/fhir/ImagingStudy", params=search)
    else:
        answer = client.post("/fhir/ImagingStudy/_search", data=search)
    media_type = JSON if asked == "json" else XML
    seen = 0
    while True:
        seen += 1
        assert answer.headers["content-type"].startswith(media_type)
        if media_type == JSON:
            urls = {one["relation"]: one["url"] for one in answer.json()["link"]}
        else:
            links = etree.fromstring(answer.content).findall("{*}link")
            pairs = [[part.get("value", "") for part in one] for one in links]
            urls = dict(pairs)
        assert client.get(urls["self"]).headers["content-type"].startswith(media_type)
        if "next" not in urls:
            break
        answer = client.get(urls["next"])
    assert seen == 3


@pytest.mark.parametrize("accept", [JSON, XML])
@pytest.mark.parametrize("path", [f"ImagingStudy/{STUDY}", "ImagingStudy", "metadata", "Foo/1"])
def test_pretty_answers_are_the_same_to_a_program(site: FhirSite, accept: str, path: str) -> None:
    client = site.consumer()
    plain, pretty = (
        client.get(
            f"/fhir/{path}{query}", headers={"Accept": accept, "Accept-Encoding": "identity"}
        )
        for query in ("", "?_pretty=true")
    )
    assert int(pretty.headers["content-length"]) == len(pretty.content)
    assert len(pretty.text.splitlines()) > 5 > len(plain.text.splitlines())
    assert pretty.headers.get("etag") == plain.headers.get("etag")
    if accept == JSON:
        ours = [json.loads(one.content) for one in (plain, pretty)]
        for one in ours:
            one.get("meta", {}).pop("lastUpdated", None)
        assert ours[0] == ours[1]
    else:
        squeezed = etree.XMLParser(remove_blank_text=True)
        ours = [etree.tostring(etree.fromstring(p.content, squeezed)) for p in (plain, pretty)]
        assert ours[0] == ours[1]


def test_a_pretty_answer_is_gzipped_too(site: FhirSite) -> None:
    answer = site.consumer().get(
        f"/fhir/ImagingStudy/{STUDY}?_pretty=true", headers={"Accept-Encoding": "gzip"}
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.startswith("{\n  ")


@pytest.mark.parametrize(
    ("query", "has", "has_not"),
    [
        ("_summary=true", {"series", "started"}, {"extension"}),
        ("_summary=text", {"status", "subject"}, {"series", "started"}),
        ("_summary=false", {"series", "extension"}, set()),
        ("_summary=data", {"series", "extension"}, set()),
        ("_elements=started,modality", {"started", "modality", "status"}, {"series"}),
    ],
)
@pytest.mark.parametrize("accept", [JSON, XML])
def test_a_read_gives_the_part_that_is_asked_for(
    site: FhirSite, query: str, has: set[str], has_not: set[str], accept: str
) -> None:
    """R4 3.1.0.1.12: _summary and _elements are for every interaction."""
    client = site.consumer()
    answer = client.get(f"/fhir/ImagingStudy/{STUDY}?{query}", headers={"Accept": accept})
    if accept == XML:
        names = {etree.QName(one).localname for one in etree.fromstring(answer.content)}
    else:
        study = answer.json()
        check(study)
        names = set(study)
        is_whole = not has_not
        assert ("tag" in study["meta"]) is not is_whole
        assert any("instance" in one for one in study.get("series", ())) is is_whole
    assert has <= names
    assert not has_not & names


@pytest.mark.parametrize("query", ["_summary=count", "_summary=x", "_summary=true&_elements=id"])
def test_a_part_that_a_read_does_not_have_is_told(site: FhirSite, query: str) -> None:
    answer = site.consumer().get(f"/fhir/ImagingStudy/{STUDY}?{query}")
    assert (answer.status_code, code_of(answer.json())) == (400, "invalid-value")


def test_a_patient_is_read_whole_whatever_part_is_asked_for(site: FhirSite) -> None:
    whole = site.consumer().get(f"/fhir/{site.patient}").json()
    for query in ("_elements=identifier", "_summary=text"):
        assert site.consumer().get(f"/fhir/{site.patient}?{query}").json() == whole


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (f"{JSON};fhirVersion=4.0", 200),
        (f"{JSON};fhirVersion=5.0", 406),
        (f"{JSON};fhirVersion=3.0, {XML}", 200),
    ],
)
def test_no_other_version_of_fhir_is_given_for_the_one_asked_for(
    site: FhirSite, accept: str, status: int
) -> None:
    assert site.consumer().get("/fhir/metadata", headers={"Accept": accept}).status_code == status


@pytest.mark.parametrize(
    ("mime_type", "name"), [("text/xml", "report.xml"), ("application/xml", "report.xml")]
)
def test_octets_are_told_to_be_what_the_dmp_says_and_no_more(
    site: FhirSite, mime_type: str, name: str
) -> None:
    """A charset of ours would beat the one that the document declares (RFC 7303 3.2)."""
    content = cda(pdf_body()).replace(b"UTF-8", b"ISO-8859-1").decode().encode("iso-8859-1")
    entry = report_entry("1.2.250.1.999.8.1")
    site.dmp.hold_document(
        replace(entry, entry_uuid=f"urn:uuid:{REPORT}", mime_type=mime_type), content
    )
    answer = site.consumer().get(f"/fhir/Binary/{REPORT}")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == mime_type
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    kos = site.consumer().get(f"/fhir/Binary/{KOS}")
    assert kos.headers["content-type"] == "application/dicom"
    assert kos.headers["content-disposition"] == 'attachment; filename="kos.dcm"'


@pytest.mark.parametrize(
    ("query", "is_assumed"),
    [("", True), ("_id=2.25.1001", True), ("status=current", False), ("status=superseded", False),
     ("status:not=superseded", False)],
)  # fmt: skip
def test_who_names_no_status_is_told_that_documents_in_force_are_looked_for(
    site: FhirSite, query: str, is_assumed: bool
) -> None:
    """Decision D14: PDSm makes status mandatory, MHD does not."""
    bundle = site.consumer().get(f"/fhir/DocumentReference?{query}").json()
    outcomes = [e["resource"] for e in bundle.get("entry", ()) if e["search"]["mode"] == "outcome"]
    assert bool(outcomes) is is_assumed
    assert ("status=current" in link(bundle, "self")) is (is_assumed or query == "status=current")
    for outcome in outcomes:
        check(outcome)
        (issue,) = outcome["issue"]
        assert (issue["severity"], issue["code"]) == ("information", "informational")
        assert code_of(outcome) == "parameter-assumed"
        assert (outcome["language"], issue["expression"]) == ("fr", ["status"])


def test_a_patient_whom_nothing_names_is_not_looked_for_and_that_is_told(site: FhirSite) -> None:
    for query in ("", "family=MARTIN"):
        bundle = site.consumer().get(f"/fhir/Patient?{query}").json()
        assert bundle["total"] == 0
        assert code_of(bundle["entry"][0]["resource"]) == "patient-not-named"
