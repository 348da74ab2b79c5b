"""A CDA as people read it: what reaches the page, and what of it never does (threat X7)."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.clinical_documents import cda, pdf_body, sections
from tests.fakes.manifests import made_up_ins

from drimbox.errors import MalformedMessage, TooLarge, UnsupportedMessage
from drimbox.model.clinical_document import ClinicalDocument, Mark, Narrative
from drimbox.standards.cda.clinical_document import MAX_DOCUMENT_BYTES, parse_clinical_document


def _parse(body: str, **header: str) -> ClinicalDocument:
    return parse_clinical_document(cda(body, **header), local_zone=UTC)  # type: ignore[arg-type]


def _narrative(text: str) -> tuple[Narrative, ...]:
    (section,) = _parse(sections(text)).sections
    return section.narrative


def test_the_header_says_what_a_reader_looks_for() -> None:
    document = _parse(sections("Rien à signaler."))
    assert document.title == "CR d'imagerie"
    assert document.author == "Ines DEMO"
    assert document.structure == "CLINIQUE"
    assert document.created_at == datetime(2026, 7, 1, 7, 30, tzinfo=UTC)
    assert document.patient_ins == made_up_ins()
    assert document.studies == ("1.2.250.1.999.7.1",)
    assert made_up_ins().value not in repr(document)


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("<paragraph>a</paragraph>", [Mark.PARAGRAPH]),
        ('<list listType="ordered"><item>a</item></list>', [Mark.ORDERED_LIST, Mark.ITEM]),
        ("<list><item>a</item></list>", [Mark.UNORDERED_LIST, Mark.ITEM]),
        ('<content styleCode="xRed Bold">a</content>', [Mark.BOLD]),
        ('<content styleCode="Italics">a</content>', [Mark.ITALICS]),
        ('<content ID="x">a</content>', [Mark.SPAN]),
        ("<table><tbody><tr><td>a</td></tr></tbody></table>",
         [Mark.TABLE, Mark.BODY, Mark.ROW, Mark.CELL]),
        ("<sup>a</sup>", [Mark.SUPERSCRIPT]),
    ],
)  # fmt: skip
def test_the_elements_of_a_narrative_keep_their_meaning(text: str, marks: list[Mark]) -> None:
    (node,) = _narrative(text)
    found = [node.mark]
    while node.children and node.children[0].mark is not None:
        node = node.children[0]
        found.append(node.mark)
    assert found == marks
    assert node.children == (Narrative(text="a"),)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '<linkHtml href="javascript:alert(1)">alert(1)</linkHtml>',
        '<x:img xmlns:x="http://www.w3.org/1999/xhtml" src="x" onerror="1">alert(1)</x:img>',
        "<iframe>alert(1)</iframe>",
    ],
)
def test_what_is_no_narrative_is_text_only(text: str) -> None:
    assert _narrative(text) == (Narrative(text="alert(1)"),)


def test_what_a_revision_deleted_and_pictures_are_not_shown() -> None:
    kept = _narrative('<content revised="delete">faux</content>vrai<renderMultiMedia/>')
    assert [node.text for node in kept] == ["vrai", "[Illustration non affichée]"]


@pytest.mark.parametrize(("given", "read"), [("3", 3), ("0", 1), ("-2", 1), ("x", 1), ("999", 100)])
def test_the_spans_of_a_cell_stay_within_bounds(given: str, read: int) -> None:
    (table,) = _narrative(f'<table><tr><td colspan="{given}">a</td></tr></table>')
    assert table.children[0].children[0].column_span == read


def test_sections_come_in_reading_order_with_their_depth() -> None:
    inner = "<component><section><title>Dedans</title><text>a</text></section></component>"
    body = (
        f"<structuredBody><component><section><title>Dehors</title>{inner}</section></component>"
        "<component><section><title>Vide</title><text/></section></component></structuredBody>"
    )
    found = [(section.title, section.depth) for section in _parse(body).sections]
    assert found == [("Dehors", 1), ("Dedans", 2)]


def test_a_level_1_document_gives_its_pdf() -> None:
    assert _parse(pdf_body(b"%PDF-1.4\nUn")).pdf == b"%PDF-1.4\nUn"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"<a/>", UnsupportedMessage),
        (cda(pdf_body(media_type="text/html")), UnsupportedMessage),
        (cda(pdf_body(b"<html>")), MalformedMessage),
        (cda(pdf_body().replace('">', '">*')), MalformedMessage),
        (cda(sections("<content>" * 80 + "a" + "</content>" * 80)), MalformedMessage),
        (b"not XML", MalformedMessage),
        (b" " * (MAX_DOCUMENT_BYTES + 1), TooLarge),
    ],
)
def test_what_cannot_be_read_says_so(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_clinical_document(content, local_zone=UTC)


@pytest.mark.requirement("CO.58")
@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("report-n1.xml", []),
        ("report-three-studies-n1.xml", []),
        ("report-n3.xml", ["Addendum", "Technique d’imagerie", "Résultats", "Conclusion"]),
        ("order-xray-mri-knee.xml", ["Acte(s) d'imagerie demandé(s)"]),
    ],
)
def test_the_official_documents_are_read(samples: Path, name: str, titles: list[str]) -> None:
    content = (samples / "cda" / name).read_bytes()
    document = parse_clinical_document(content, local_zone=ZoneInfo("Europe/Paris"))
    assert document.patient_ins is not None
    assert all((document.title, document.author, document.structure, document.studies))
    assert (document.pdf is not None) == (not titles)
    assert set(titles) <= {section.title for section in document.sections}
