"""The RIS stand-in: its PDF is one, its CDA holds it, its messages are strict HL7."""

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hl7apy.parser import parse_message as parse_by_hl7apy
from lxml import etree
from tests.fakes.reports import REPORT, SENDING, STUDY, message_of

from drimbox.model.report import ReportEvent
from drimbox.sandbox.patients.scenario import ScenarioStudy
from drimbox.sandbox.patients.studies import STUDIES
from drimbox.sandbox.ris.pdf import PdfLine, encode_pdf, wrap
from drimbox.sandbox.ris.report_document import encode_report_document, encode_report_pdf
from drimbox.sandbox.ris.report_message import MessageKind, Sending
from drimbox.sandbox.ris.scenario_reports import message_of as scenario_message
from drimbox.sandbox.ris.scenario_reports import report_of
from drimbox.standards.cda.imaging_report import parse_imaging_report
from drimbox.standards.hl7v2.report_message import parse_report_message

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
REPORTED = [study for study in STUDIES if study.report is not None]


def objects_of(pdf: bytes) -> dict[int, bytes]:
    """Read the objects where the cross-reference table says they are."""
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF", pdf)[0])
    assert pdf[start:].startswith(b"xref\n")
    offsets = [int(offset) for offset in re.findall(rb"(\d{10}) 00000 n", pdf[start:])]
    found = {}
    for number, offset in enumerate(offsets, 1):
        assert pdf[offset:].startswith(b"%d 0 obj\n" % number)
        found[number] = pdf[offset : pdf.index(b"\nendobj", offset)]
    return found


@pytest.mark.parametrize("count", [0, 1, 48, 49, 200])
def test_a_pdf_has_its_objects_where_it_says_and_a_page_for_its_lines(count: int) -> None:
    objects = objects_of(encode_pdf([PdfLine(f"ligne {n}") for n in range(count)]))
    pages = [o for o in objects.values() if b"/Type /Page " in o]
    assert b"/Count %d " % len(pages) in objects[2]
    assert len(pages) == max(1, -(-count // 48))
    for stream in (o for o in objects.values() if b"stream\n" in o):
        length = int(re.findall(rb"/Length (\d+)", stream)[0])
        body = stream.split(b"stream\n", 1)[1]
        assert body[length:] == b"\nendstream"


def test_a_pdf_keeps_french_and_its_own_delimiters() -> None:
    pdf = encode_pdf([PdfLine("Cœur (droit) \\ été")])
    assert b"(C\x9cur \\(droit\\) \\\\ \xe9t\xe9) Tj" in pdf


def test_long_paragraphs_are_wrapped() -> None:
    lines = list(wrap("mot " * 100))
    assert len(lines) > 3
    assert all(len(line.text) <= 90 for line in lines)


@pytest.mark.requirement("VI-link")
def test_a_report_links_to_the_images_of_each_study() -> None:
    second = replace(STUDY, study_instance_uid=STUDY.study_instance_uid + ".2")
    pdf = encode_report_pdf(replace(REPORT, studies=(STUDY, second)))
    links = [urlsplit(link.decode()) for link in re.findall(rb"/URI \((.*?)\) >>", pdf)]
    assert [parse_qs(link.query)["studyUID"] for link in links] == [
        [STUDY.study_instance_uid],
        [second.study_instance_uid],
    ]
    assert {(link.scheme, link.netloc, link.path) for link in links} == {
        ("https", REPORT.viewer_host, "/IHEInvokeImageDisplay")
    }
    query = parse_qs(links[0].query)
    assert (query["requestType"], query["accessionNumber"], query["idCDA"]) == (
        ["STUDY"],
        ["ACN103"],
        [REPORT.document_id],
    )


def test_the_cda_holds_the_pdf() -> None:
    root = etree.fromstring(encode_report_document(REPORT))
    text = root.find(".//{urn:hl7-org:v3}nonXMLBody/{urn:hl7-org:v3}text")
    assert text is not None
    assert text.get("mediaType") == "application/pdf"
    assert base64.b64decode(text.text or "") == encode_report_pdf(REPORT)


@pytest.mark.parametrize("kind", list(MessageKind), ids=lambda kind: kind.name)
@pytest.mark.parametrize("event", list(ReportEvent), ids=lambda event: event.name)
def test_another_library_reads_its_messages(kind: MessageKind, event: ReportEvent) -> None:
    content = message_of(sending=replace(SENDING, kind=kind, event=event), document=b"<a/>")
    # PRT comes from HL7 2.9 before its time: that library knows none.
    text = content.decode().replace("\rPRT|", "\rZPR|")
    parsed = parse_by_hl7apy(text, find_groups=False)
    assert parsed.msh.msh_9.msh_9_1.value == kind.value[0]
    assert parsed.msh.msh_9.msh_9_3.value == kind.value[1]
    assert parsed.pid.pid_32.value == "VALI"
    assert parsed.pid.pid_3[0].value.startswith(REPORT.patient.ins.value)
    assert parsed.obx[0].obx_11.value in {"F", "C", "D"}


@pytest.mark.parametrize("study", REPORTED, ids=lambda study: study.key)
def test_each_study_of_the_demo_has_a_report_that_names_it(study: ScenarioStudy) -> None:
    assert study.report is not None
    report = report_of(study, study.report, viewer_host="vi1.test.mesimagesmedicales.fr")
    content = scenario_message(report, Sending("1", NOW))
    envelope = parse_report_message(content)
    read = parse_imaging_report(envelope.document, local_zone=UTC)
    assert read.patient == study.patient.traits
    assert envelope.ins == study.patient.traits.ins
    assert envelope.local_patient_ids == (study.local_patient_id,)
    assert [act.study_instance_uid for act in read.acts] == [study.study_instance_uid]
    assert read.orders == (study.order,)
    assert content == scenario_message(report, Sending("1", NOW))
