"""Documents of the DMP as pages: what is shown, what may act there (nothing), what goes wrong."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from tests.entrypoints.http.test_consultation import XSS
from tests.fakes.clinical_documents import cda, pdf_body, report_entry, sections
from tests.fakes.consultation_site import DOCTOR, ConsultationSite
from tests.fakes.fake_document_pages import PNG
from tests.flows.consumer.test_read_documents import OTHER_PATIENT

from drimbox.errors import DrimboxError, TimedOut
from drimbox.model.clinical_document import DocumentKind
from drimbox.ports.dmp import DmpForbids, DocumentAbsent, DocumentAltered, DocumentUnreadable


@pytest.fixture
def site(tmp_path: Path) -> ConsultationSite:
    return ConsultationSite(tmp_path)


@pytest.fixture
def browser(site: ConsultationSite) -> TestClient:
    return site.client(DOCTOR)


def _address(site: ConsultationSite, browser: TestClient, unique_id: str = "1.2.3") -> str:
    return f"/consultation/{site.open_patient(browser)}/documents/{unique_id}"


@pytest.mark.requirement("CO.58")
def test_the_list_names_each_document_and_links_to_it(
    site: ConsultationSite, browser: TestClient
) -> None:
    site.dmp.hold_document(report_entry(title="CR - IRM"), b"")
    context = site.open_patient(browser)
    answer = browser.get(f"/consultation/{context}/documents")
    assert answer.status_code == 200
    assert "Compte rendu d'imagerie" in answer.text.replace("&#39;", "'")
    assert f'href="/consultation/{context}/documents/1.2.3"' in answer.text


def test_a_list_that_cannot_be_had_is_a_problem(
    site: ConsultationSite, browser: TestClient
) -> None:
    site.dmp.failures["find_documents"] = TimedOut("DMP", 5)
    answer = browser.get(f"/consultation/{site.open_patient(browser)}/documents")
    assert (answer.status_code, answer.headers["content-type"]) == (504, "application/problem+json")


def test_a_structured_report_is_shown_with_its_tables(
    site: ConsultationSite, browser: TestClient
) -> None:
    table = (
        "<table><thead><tr><th>Dose</th></tr></thead><tr><td colspan='2'>4 mGy</td></tr></table>"
    )
    site.dmp.hold_document(report_entry(), cda(sections(table)))
    text = browser.get(_address(site, browser)).text
    assert '<th colspan="1" rowspan="1">Dose</th>' in re.sub(r">\s+", ">", text)
    assert '<td colspan="2" rowspan="1">4 mGy</td>' in re.sub(r">\s+", ">", text)
    assert "PAQUERETTE ZOE" in text


def test_no_script_can_run_on_the_page_of_a_document(
    site: ConsultationSite, browser: TestClient
) -> None:
    site.dmp.hold_document(report_entry(), cda(sections("Rien.")))
    headers = browser.get(_address(site, browser)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox allow-same-origin allow-downloads" in policy
    assert "frame-ancestors 'self'" in policy
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("payload", XSS)
def test_hostile_text_of_a_document_is_text(
    site: ConsultationSite, browser: TestClient, payload: str
) -> None:
    """X7: in the title, the author, a section's title, its text, and the DMP's own metadata."""
    escaped = payload.replace("<", "&lt;").replace('"', "&quot;")
    body = sections(f"<paragraph>{escaped}</paragraph>", title=escaped)
    site.dmp.hold_document(report_entry(title=payload), cda(body, title=escaped, author=escaped))
    address = _address(site, browser)
    for text in (browser.get(address).text, browser.get(address.rpartition("/")[0]).text):
        assert "<script>alert" not in text
        assert "<svg/onload" not in text
        assert "<img src=x" not in text
        assert "' onmouseover='" not in text


def test_a_pdf_is_shown_as_pictures_with_its_text_and_leaves_as_attachment(
    site: ConsultationSite, browser: TestClient
) -> None:
    site.dmp.hold_document(report_entry(), cda(pdf_body()))
    address = _address(site, browser)
    text = browser.get(address).text
    assert f'src="{address}/pages/2" alt="Deux"' in text
    picture = browser.get(f"{address}/pages/2")
    assert (picture.content, picture.headers["content-type"]) == (PNG + b"2", "image/png")
    kept = browser.get(f"{address}/file")
    assert kept.content.startswith(b"%PDF-")
    assert kept.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in kept.headers["content-security-policy"]
    assert kept.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("page", "status"), [("3", 404), ("0", 400), ("x", 400), ("²", 400), ("9" * 30, 400)]
)
def test_a_page_that_is_none_is_refused(
    site: ConsultationSite, browser: TestClient, page: str, status: int
) -> None:
    site.dmp.hold_document(report_entry(), cda(pdf_body()))
    assert browser.get(f"{_address(site, browser)}/pages/{page}").status_code == status


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (cda(sections("Rien."), ins=OTHER_PATIENT), 409, "un autre patient"),
        (cda(pdf_body(b"%PDF-1.4\nbroken")), 502, "pas lisibles"),
        (b"not XML", 502, "pas lisibles"),
        (cda(pdf_body(media_type="text/html")), 415, "Ce type de document"),
    ],
)
def test_a_document_that_is_not_shown_says_why_in_its_place(
    site: ConsultationSite, browser: TestClient, content: bytes, status: int, words: str
) -> None:
    site.dmp.hold_document(report_entry(), content)
    answer = browser.get(_address(site, browser))
    assert answer.status_code == status
    assert words in answer.text
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (DocumentAbsent("lost"), 404, "ne le détient plus ou ne vous le montre pas"),
        (DocumentAltered("other hash"), 502, "autre chose que le document annoncé"),
        (DocumentUnreadable("no CDA"), 502, "pas lisible"),
        (DmpForbids("DMP", "LocalPolicyRestrictionError"), 403, "ne vous permet pas"),
        (TimedOut("DMP", 30), 504, "ne répond pas. Réessayez"),
    ],
)
def test_a_document_that_the_dmp_does_not_give_says_why_in_its_place(
    site: ConsultationSite, browser: TestClient, failure: DrimboxError, status: int, words: str
) -> None:
    entry = site.dmp.hold_document(report_entry(), b"")
    site.dmp.spoilt[entry.unique_id] = failure
    answer = browser.get(_address(site, browser))
    assert (answer.status_code, words in answer.text) == (status, True)


def test_a_document_of_another_dmp_or_a_wrong_name_is_unknown(
    site: ConsultationSite, browser: TestClient
) -> None:
    site.dmp.hold_document(replace(report_entry(), patient_id="other"), cda(pdf_body()))
    address = _address(site, browser)
    for one in ("1.2.3", "1.2.99", "%3Cscript%3E", "..%2F..%2Fadmin"):
        assert browser.get(address.replace("1.2.3", one)).status_code == 404


@pytest.mark.requirement("CO.95")
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (DocumentKind.MEDICAL_SUMMARY, "Synthèse médicale"),
        (DocumentKind.VACCINATION_NOTE, "Note de vaccination"),
    ],
)
def test_summaries_and_vaccination_notes_are_listed_and_read(
    site: ConsultationSite, browser: TestClient, kind: DocumentKind, name: str
) -> None:
    entry = report_entry(kind=kind, title="VSM")
    site.dmp.hold_document(entry, cda(sections("<paragraph>Allergie : aucune connue</paragraph>")))
    context = site.open_patient(browser)
    documents = browser.get(f"/consultation/{context}/documents").text
    assert name in documents
    assert f'href="/consultation/{context}/documents/{entry.unique_id}"' in documents
    page = browser.get(f"/consultation/{context}/documents/{entry.unique_id}").text
    assert "Allergie : aucune connue" in page
