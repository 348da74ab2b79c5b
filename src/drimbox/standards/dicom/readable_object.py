"""Objects that are read, not looked at: a structured report as sections, an encapsulated PDF.

PS3.3 A.35 and A.45.1. They become the same model as a CDA, and so the same safe page.
"""

from collections.abc import Iterator

from drimbox.errors import UnsupportedMessage
from drimbox.model.clinical_document import ClinicalDocument, Mark, Narrative, Section
from drimbox.model.uids import SopClassUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.sop_classes import is_document, is_report
from drimbox.standards.dicom.structured_report import ContentItem, parse_structured_report

_PDF = "application/pdf"
_DOCUMENT_TITLE = 0x00420010
_INSTITUTION_NAME = 0x00080080


def parse_readable_object(sop_class_uid: SopClassUid, data_set: DataSet) -> ClinicalDocument:
    """Return what a person reads of it.

    Raises:
        UnsupportedMessage: neither a report nor a PDF.
    """
    if is_report(sop_class_uid):
        return _report(data_set)
    if is_document(sop_class_uid):
        return _document(data_set)
    raise UnsupportedMessage("a report or a PDF", where="SOP Class UID")


def _report(data_set: DataSet) -> ClinicalDocument:
    root = parse_structured_report(data_set).root
    parts = [item for item in root.items if item.items]
    facts = tuple(_facts(item for item in root.items if not item.items))
    sections = [Section("", 1, facts)] if facts else []
    sections += [Section(_heading(part), 1, tuple(_below(part))) for part in parts]
    return ClinicalDocument(
        title=root.concept or "Rapport structuré",
        created_at=None,
        author="",
        structure=Attributes(data_set).text(_INSTITUTION_NAME),
        patient_ins=None,
        sections=tuple(sections),
    )


def _heading(item: ContentItem) -> str:
    return " : ".join(part for part in (item.concept, item.value) if part)


def _below(item: ContentItem) -> Iterator[Narrative]:
    yield from _facts(one for one in item.items if not one.items)
    for part in item.items:
        if part.items:
            heading = Narrative(Mark.BOLD, children=(Narrative(text=_heading(part)),))
            yield Narrative(Mark.PARAGRAPH, children=(heading,))
            lines = tuple(_below(part))
            yield Narrative(Mark.UNORDERED_LIST, children=(Narrative(Mark.ITEM, children=lines),))


def _facts(items: Iterator[ContentItem]) -> Iterator[Narrative]:
    """Yield one line a leaf: its concept in bold, its value."""
    for item in items:
        concept = Narrative(Mark.BOLD, children=(Narrative(text=item.concept),))
        value = Narrative(text=f" : {item.value}" if item.concept else item.value)
        children = (concept, value) if item.concept else (value,)
        yield Narrative(Mark.PARAGRAPH, children=children)


def _document(data_set: DataSet) -> ClinicalDocument:
    attributes = Attributes(data_set)
    value = data_set.get(tags.ENCAPSULATED_DOCUMENT, ("", b""))[1]
    media_type = attributes.text(tags.MIME_TYPE_OF_ENCAPSULATED_DOCUMENT).lower()
    if media_type != _PDF or not isinstance(value, bytes):
        raise UnsupportedMessage("a PDF", where="MIME Type of Encapsulated Document")
    return ClinicalDocument(
        title=attributes.text(_DOCUMENT_TITLE) or "Document",
        created_at=None,
        author="",
        structure=attributes.text(_INSTITUTION_NAME),
        patient_ins=None,
        pdf=value,
    )
