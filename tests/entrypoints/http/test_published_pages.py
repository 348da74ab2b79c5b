"""Each answer that openapi/pages.yaml publishes of a consultation is one that can be given.

The other way round, an answer that is not published fails whichever test is given it
(tests/fakes/published_answers.py).
"""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient
from tests.entrypoints.http.viewer.test_page import ENCAPSULATED_PDF, INSTANCE, SERIES
from tests.fakes.clinical_documents import cda, pdf_body, report_entry
from tests.fakes.consultation_site import DOCTOR, FORM_TOKEN, HERE, ConsultationSite
from tests.fakes.manifests import STUDY, made_up_manifest
from tests.fakes.published_answers import operations
from tests.flows.consumer.test_read_documents import OTHER_PATIENT

from drimbox.errors import (
    DrimboxError,
    MalformedMessage,
    Mismatch,
    NotAcceptable,
    RejectedByPartner,
    TimedOut,
    TooLarge,
    Unavailable,
)
from drimbox.standards.dicom.data_set_encoding import encode_data_set

PAGE = "/consultation/{context}"
DOCUMENT = f"{PAGE}/documents/{{document}}"
SHOWN = "/viewer/{context}/{study}/series/{series}/instances/{instance}/document"
PUBLISHED = sorted(
    (
        one
        for one in operations()
        if one.path.startswith(("/consultation", "/viewer/links", SHOWN))
        or one.path == "/viewer/{context}/{study}"
    ),
    key=lambda one: (one.path, one.method),
)
ROWS = [
    pytest.param(one.method, one.path, int(status), id=f"{one.method} {one.path} {status}")
    for one in PUBLISHED
    for status in sorted(one.statuses)
]
REPORT = report_entry("1.2.3")
TOO_DEEP = b"<a>" * 300 + b"</a>" * 300
PDF = encode_data_set(
    {
        0x00420010: ("ST", b"Fiche "),
        0x00420011: ("OB", b"%PDF-1.4\nUn\fDeux "),
        0x00420012: ("LO", b"application/pdf "),
    }
)


class Asking:
    """One operation, asked by a professional who has opened a patient."""

    def __init__(self, folder: Path, method: str, path: str) -> None:
        self.site, self.method, self.path = ConsultationSite(folder), method, path
        self.site.dmp.hold(made_up_manifest(series=(SERIES,), study_date=date(2026, 7, 1)))
        self.site.dmp.hold_document(REPORT, cda(pdf_body()))
        self.site.images.sop_classes[INSTANCE] = ENCAPSULATED_PDF
        for instance in SERIES.instances:
            self.site.images.data_sets[instance.sop_instance_uid] = PDF
        self.client = self.site.client(DOCTOR)
        self.context = self.site.open_patient(self.client)

    @property
    def is_document(self) -> bool:
        return self.path.startswith(DOCUMENT)

    def address(self, **changes: str) -> str:
        context = self.site.contexts.contexts[self.context]
        values = {
            "context": self.context,
            "document": REPORT.unique_id,
            "study": STUDY,
            "series": SERIES.series_instance_uid,
            "instance": INSTANCE,
            "page": "1",
            "link": self.site.viewer_links.make(context, STUDY),
        } | changes
        address = self.path
        for name, value in values.items():
            address = address.replace(f"{{{name}}}", value)
        return f"{address}?study={values['study']}" if address.endswith(".zip") else address

    def ask(
        self, client: TestClient | None = None, query: str = "", **changes: str
    ) -> httpx2.Response:
        client = client or self.client
        address = self.address(**changes)
        address += f"{'&' if '?' in address else '?'}{query}" if query else ""
        if self.method == "get":
            return client.get(address)
        return client.post(address, data=self.form() | changes)

    def form(self) -> dict[str, str]:
        page = self.client.get(f"/consultation/{self.context}").text
        return {
            "form_token": FORM_TOKEN.findall(page)[-1],
            "study": STUDY,
            "destination": "PACS",
            "situation": HERE.structure.identifier,
        }

    def ask_well(self) -> httpx2.Response:
        return self.ask()

    def ask_ill(self) -> httpx2.Response:
        """Ask with what no grammar allows, or for what cannot be read."""
        if self.path.endswith(("/confirmation", "/situation")):
            content_type = {"Content-Type": "multipart/form-data"}
            return self.client.post(self.address(), content=b"--x", headers=content_type)
        if self.path.startswith("/viewer/{context}"):
            return self.ask(study="1.02") if "document" not in self.path else self.of_source(400)
        if self.path.endswith("/{page}"):
            return self.ask(page="none")
        if self.is_document:
            self.site.dmp.contents[REPORT.unique_id] = b"no XML"
            return self.ask()
        return self.ask(query="modality=XX&filtered=1", study="no UID")

    def without_session(self) -> httpx2.Response:
        return self.ask(self.site.client())

    def of_opposed(self) -> httpx2.Response:
        """Ask of a patient who is opposed, or with a form of another session."""
        if self.method == "post":
            return self.ask(form_token="forged")
        opposed = {"InformationEtOppositionConsultation": "InforméEtOpposé"}
        self.context = self.site.open_patient(self.client, **opposed)
        return self.ask()

    def of_nobody(self) -> httpx2.Response:
        if self.path == "/viewer/{context}/{study}":
            return self.ask(study="1.2.3.4")
        return self.ask(link="x" * 43, context="x" * 43)

    def of_another_patient(self) -> httpx2.Response:
        self.site.images.failure = Mismatch("another patient")
        self.site.dmp.contents[REPORT.unique_id] = cda(pdf_body(), ins=OTHER_PATIENT)
        return self.ask()

    def too_large(self) -> httpx2.Response:
        self.site.images.failure = TooLarge("a series of more than its limit")
        self.site.dmp.contents[REPORT.unique_id] = TOO_DEEP
        return self.ask()

    def of_a_kind_not_taken(self) -> httpx2.Response:
        """Send a compressed form, or ask for a report that is not shown."""
        if self.method == "post":
            compressed = {"Content-Encoding": "gzip"}
            return self.client.post(self.address(), data=self.form(), headers=compressed)
        self.site.images.sop_classes.clear()
        self.site.dmp.contents[REPORT.unique_id] = cda(pdf_body(media_type="text/html"))
        return self.ask()

    def of_source(self, status: int) -> httpx2.Response:
        """Ask while who has it fails: the Source, the DMP, or Pro Santé Connect."""
        failure = FAILURES[status]
        self.site.images.failure = failure
        self.site.dmp.failures["find_documents"] = failure
        if self.path in {"/consultation", PAGE, "/viewer/links/{link}"}:
            self.site.provider.is_away = True
            return self.without_session()
        return self.ask()


FAILURES: Mapping[int, DrimboxError] = {
    400: MalformedMessage("not multipart/related"),
    406: NotAcceptable("in no form that was asked for"),
    502: RejectedByPartner("DMP", "XDSRegistryError"),
    503: Unavailable("DMP"),
    504: TimedOut("DMP", 30),
}
CAUSES: Mapping[int, Callable[[Asking], httpx2.Response]] = {
    200: Asking.ask_well,
    202: Asking.ask_well,
    400: Asking.ask_ill,
    401: Asking.without_session,
    403: Asking.of_opposed,
    404: Asking.of_nobody,
    406: lambda asking: asking.of_source(406),
    409: Asking.of_another_patient,
    413: Asking.too_large,
    415: Asking.of_a_kind_not_taken,
    502: lambda asking: asking.of_source(502),
    503: lambda asking: asking.of_source(503),
    504: lambda asking: asking.of_source(504),
}


@pytest.mark.parametrize(("method", "path", "status"), ROWS)
def test_each_published_answer_can_be_given(
    tmp_path: Path, method: str, path: str, status: int
) -> None:
    asking = Asking(tmp_path, method, path)
    if status == 303:
        answer = asking.ask() if method == "post" else asking.without_session()
        assert answer.headers["location"]
    else:
        answer = CAUSES[status](asking)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert "psc-token" not in answer.text
        assert STUDY not in answer.text


@pytest.mark.parametrize(
    "path", ["/confirmation", "/situation", "/exports"], ids=lambda path: path[1:]
)
def test_a_form_that_is_none_is_the_callers_fault(tmp_path: Path, path: str) -> None:
    asking = Asking(tmp_path, "post", PAGE + path)
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = asking.client.post(
            asking.address(), content=b"--y\r\n", headers={"Content-Type": content_type}
        )
        assert answer.status_code == 400
        assert "multipart" not in answer.text


@pytest.mark.parametrize("folder", ["static/base.css", "openapi/fhir.yaml"])
def test_a_file_that_the_browser_has_is_not_sent_again(tmp_path: Path, folder: str) -> None:
    client = ConsultationSite(tmp_path).client()
    etag = client.get(f"/{folder}").headers["etag"]
    assert client.get(f"/{folder}", headers={"If-None-Match": etag}).status_code == 304
    assert client.get(f"/{folder}.none").status_code == 404
