"""A report to be read: everything it says, nothing of it acts."""

import pytest
from lxml import html

from drimbox.standards.dicom.structured_report import ContentItem, StructuredReport
from drimbox.standards.dicomweb.report_texts import encode_html, encode_plain_text


def report(*items: ContentItem) -> StructuredReport:
    return StructuredReport(
        ContentItem("CONTAINER", "Compte rendu", items=items),
        patient_name="PÂQUERETTE ZOÉ",
        birth_date="19790312",
        study_date="20260713",
        completion="COMPLETE",
        verification="UNVERIFIED",
    )


MEASURE = ContentItem("NUM", "Diamètre", "12.5 millimètre", "CONTAINS")
FINDING = ContentItem("TEXT", "Conclusion", "Nodule.\r\nÀ revoir.", "CONTAINS", (MEASURE,))


def test_plain_text_is_indented_as_the_tree() -> None:
    assert encode_plain_text(report(FINDING)).decode() == (
        "Compte rendu\n"
        "Patient : PÂQUERETTE ZOÉ\n"
        "Naissance : 12/03/1979\n"
        "Examen du : 13/07/2026\n"
        "État : complet, non validé\n"
        "\n"
        "Conclusion : Nodule.\n"
        "  À revoir.\n"
        "  Diamètre : 12.5 millimètre\n"
    )


def test_a_page_nests_lists_as_the_tree() -> None:
    page = html.fromstring(encode_html(report(FINDING)))
    assert page.get("lang") == "fr"
    (inner,) = page.xpath("//li/ul/li")
    assert inner.text_content() == "Diamètre : 12.5 millimètre"


@pytest.mark.parametrize(
    "said",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "</title></head><body onload=x>",
        "&lt;b&gt; &amp; \"'",
        "a\x00b\x1fc\ud800",
        "]]><!--",
    ],
)
def test_what_a_report_says_is_letters_only(said: str) -> None:
    octets = encode_html(report(ContentItem("TEXT", said, said)))
    page = html.fromstring(octets)
    assert not page.xpath("//script | //img | //b | //@onerror | //@onload | //comment()")
    visible = said.translate({0: "\ufffd", 0x1F: "\ufffd", 0xD800: "\ufffd"})
    assert visible in page.text_content()


def test_references_and_days_are_named() -> None:
    image = ContentItem("IMAGE", "", "1.2.3")
    day = ContentItem("DATE", "Date", "20260713")
    text = encode_plain_text(report(image, day)).decode()
    assert "- Image 1.2.3\n" in text
    assert "Date : 13/07/2026\n" in text
