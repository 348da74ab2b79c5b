"""Any CDA as a person reads it: header, then sections (level 3) or the PDF inside (level 1).

CDA R2; CI-SIS "Structuration minimale de documents de santé". Imaging reports, imaging orders,
biology reports and summaries differ in their entries, which are for machines and not read here.
"""

import base64
import binascii
from collections.abc import Iterator
from datetime import datetime, tzinfo

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage, UnsupportedMessage
from drimbox.model.clinical_document import ClinicalDocument, Section
from drimbox.model.patient import Ins, InsAuthority
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.cda.header_elements import (
    CDA,
    attribute,
    find,
    find_all,
    read_instant,
    text_of,
)
from drimbox.standards.cda.narrative import MAX_DEPTH, read_narrative
from drimbox.standards.safe_xml import parse_xml

MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
_PDF_START = b"%PDF-"


def parse_clinical_document(content: bytes, *, local_zone: tzinfo) -> ClinicalDocument:
    """Read a CDA; instants without an offset are in local_zone.

    Raises:
        TooLarge: more than MAX_DOCUMENT_BYTES.
        UnsupportedMessage: XML, but no CDA; or a body that is neither sections nor a PDF.
        MalformedMessage: not XML, or a body that cannot be read.
    """
    root = parse_xml(content, max_bytes=MAX_DOCUMENT_BYTES)
    if root.tag != f"{{{CDA}}}ClinicalDocument":
        raise UnsupportedMessage("a CDA ClinicalDocument", where="document")
    author = find(root, "cda:author/cda:assignedAuthor")
    structured = find(root, "cda:component/cda:structuredBody")
    other = find(root, "cda:component/cda:nonXMLBody/cda:text")
    return ClinicalDocument(
        title=text_of(find(root, "cda:title")) or attribute(find(root, "cda:code"), "displayName"),
        created_at=_read_created_at(root, local_zone),
        author=_person_name(find(author, "cda:assignedPerson/cda:name")),
        structure=text_of(find(author, "cda:representedOrganization/cda:name")),
        patient_ins=_read_ins(root),
        studies=tuple(_read_studies(root)),
        sections=tuple(_read_sections(structured, 1)) if structured is not None else (),
        pdf=_read_pdf(other) if other is not None else None,
    )


def _read_created_at(root: etree._Element, local_zone: tzinfo) -> datetime | None:
    try:
        return read_instant(find(root, "cda:effectiveTime"), local_zone)
    except InvalidValue:
        return None


def _person_name(name: etree._Element | None) -> str:
    if name is None:
        return ""
    parts = (text_of(find(name, f"cda:{part}")) for part in ("given", "family"))
    return " ".join(part for part in parts if part)


def _read_ins(root: etree._Element) -> Ins | None:
    """Return the patient's INS; None without one, or with one that is none."""
    authorities = {authority.value: authority for authority in InsAuthority}
    for identifier in find_all(root, "cda:recordTarget/cda:patientRole/cda:id"):
        authority = authorities.get(attribute(identifier, "root"))
        if authority is None:
            continue
        try:
            return Ins(attribute(identifier, "extension"), authority)
        except InvalidValue:
            return None
    return None


def _read_studies(root: etree._Element) -> Iterator[StudyInstanceUid]:
    for event in find_all(root, "cda:documentationOf/cda:serviceEvent"):
        try:
            yield StudyInstanceUid(attribute(find(event, "cda:id"), "root"))
        except InvalidValue:
            continue


def _read_sections(parent: etree._Element, depth: int) -> Iterator[Section]:
    """Yield the sections in the order a reader meets them; those without any text only lead on."""
    if depth > MAX_DEPTH:
        raise MalformedMessage(f"more than {MAX_DEPTH} levels", where="CDA section")
    for section in find_all(parent, "cda:component/cda:section"):
        text = find(section, "cda:text")
        narrative = () if text is None else read_narrative(text)
        title = text_of(find(section, "cda:title"))
        inner = tuple(_read_sections(section, depth + 1))
        if narrative or (title and inner):
            yield Section(title, depth, narrative)
        yield from inner


def _read_pdf(text: etree._Element) -> bytes:
    """Decode the PDF of a level 1 document.

    Raises:
        UnsupportedMessage: another kind of content.
        MalformedMessage: no base64, or no PDF.
    """
    media_type = attribute(text, "mediaType").lower()
    if media_type != "application/pdf" or attribute(text, "representation") != "B64":
        raise UnsupportedMessage("a PDF in base64", where="CDA nonXMLBody")
    try:
        content = base64.b64decode("".join((text.text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("not base64", where="CDA nonXMLBody") from None
    if not content.startswith(_PDF_START):
        raise MalformedMessage("not a PDF", where="CDA nonXMLBody")
    return content
