"""A structured report to be read by a person: HTML or plain text, in French (PS3.18 8.7.4).

Only elements without scripts, styles or links, whatever the report says.
"""

from collections.abc import Iterator

from lxml import etree
from lxml.builder import E

from drimbox.standards.dicom.structured_report import ContentItem, StructuredReport
from drimbox.standards.dicomweb.native_xml import xml_text

_COMPLETION = {"COMPLETE": "complet", "PARTIAL": "partiel"}
_VERIFICATION = {"VERIFIED": "validé", "UNVERIFIED": "non validé"}
_REFERENCES = {"IMAGE": "Image", "COMPOSITE": "Objet", "WAVEFORM": "Tracé"}
_INDENT = "  "


def encode_html(report: StructuredReport) -> bytes:
    """Return a whole document, UTF-8."""
    title = _title(report)
    facts = E.dl()
    for name, value in _facts(report):
        facts.append(E.dt(xml_text(name)))
        facts.append(E.dd(xml_text(value)))
    page = E.html(
        E.head(E.meta(charset="utf-8"), E.title(title)),
        E.body(E.h1(title), facts, *_list(report.root)),
        lang="fr",
    )
    octets: bytes = etree.tostring(page, method="html", encoding="utf-8", doctype="<!DOCTYPE html>")
    return octets


def encode_plain_text(report: StructuredReport) -> bytes:
    """Return lines, each item indented below the one it belongs to, UTF-8."""
    lines = [_title(report), *(f"{name} : {value}" for name, value in _facts(report)), ""]
    lines += _lines(report.root, 0)
    return ("\n".join(lines) + "\n").encode("utf-8")


def _title(report: StructuredReport) -> str:
    return xml_text(report.root.concept or "Compte rendu structuré")


def _facts(report: StructuredReport) -> Iterator[tuple[str, str]]:
    states = (
        _COMPLETION.get(report.completion, ""),
        _VERIFICATION.get(report.verification, ""),
    )
    for name, value in (
        ("Patient", report.patient_name),
        ("Identifiant", report.patient_id),
        ("Naissance", _day(report.birth_date)),
        ("Examen du", _day(report.study_date)),
        ("Compte rendu du", _day(report.content_date)),
        ("État", ", ".join(filter(None, states))),
    ):
        if value:
            yield name, value


def _list(item: ContentItem) -> Iterator[etree._Element]:
    if not item.items:
        return
    entries = E.ul()
    for child in item.items:
        entry = E.li()
        if child.concept:
            entry.append(E.strong(xml_text(_name(child))))
        paragraphs = xml_text(_said(child)).splitlines() or [""]
        for number, paragraph in enumerate(filter(None, paragraphs)):
            if number:
                entry.append(E.br())
            entry.append(E.span(f" {paragraph}"))
        entry.extend(_list(child))
        entries.append(entry)
    yield entries


def _lines(item: ContentItem, depth: int) -> Iterator[str]:
    for child in item.items:
        said = _said(child).replace("\n", "\n" + _INDENT * (depth + 1))
        yield f"{_INDENT * depth}{_name(child)} {said}".rstrip()
        yield from _lines(child, depth + 1)


def _name(item: ContentItem) -> str:
    return f"{item.concept} :" if item.concept else "-"


def _said(item: ContentItem) -> str:
    if item.value_type in _REFERENCES:
        return f"{_REFERENCES[item.value_type]} {item.value}"
    if item.value_type == "DATE":
        return _day(item.value)
    return item.value.replace("\r\n", "\n").replace("\r", "\n")


def _day(text: str) -> str:
    if len(text) != 8 or not text.isdigit():
        return text
    return f"{text[6:]}/{text[4:6]}/{text[:4]}"
