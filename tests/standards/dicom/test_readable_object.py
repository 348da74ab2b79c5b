"""Reports and PDF of an exam as people read them; written by pydicom, read by us."""

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from drimbox.errors import UnsupportedMessage
from drimbox.model.clinical_document import Narrative
from drimbox.model.uids import SopClassUid
from drimbox.standards.dicom.data_set import DataSet, DataSetReader, Encoding
from drimbox.standards.dicom.readable_object import parse_readable_object

BASIC_TEXT_SR = SopClassUid("1.2.840.10008.5.1.4.1.1.88.11")
ENCAPSULATED_PDF = SopClassUid("1.2.840.10008.5.1.4.1.1.104.1")
CT = SopClassUid("1.2.840.10008.5.1.4.1.1.2")


def _read(written: Dataset) -> DataSet:
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, False
    write_dataset(file, written)
    octets = file.getvalue()
    return DataSetReader(octets, Encoding.EXPLICIT_LITTLE).read(0, len(octets))


def _code(meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99TEST", meaning
    return item


def _item(value_type: str, concept: str, *children: Dataset, text: str = "") -> Dataset:
    item = Dataset()
    item.ValueType, item.ConceptNameCodeSequence = value_type, [_code(concept)]
    if text:
        item.TextValue = text
    if children:
        item.ContentSequence = list(children)
    return item


def _texts(nodes: tuple[Narrative, ...]) -> list[str]:
    return [
        text for node in nodes for text in ([node.text] if node.text else _texts(node.children))
    ]


def test_a_report_becomes_sections_with_their_lines_in_order() -> None:
    finding = _item("TEXT", "Constat", text="Nodule <b>")
    inner = _item("CONTAINER", "Poumon", finding)
    root = _item(
        "CONTAINER",
        "Compte rendu",
        _item("TEXT", "Commentaire", text="Bien toléré"),
        _item("CONTAINER", "Résultats", inner),
    )
    root.SpecificCharacterSet = "ISO_IR 192"
    document = parse_readable_object(BASIC_TEXT_SR, _read(root))
    assert document.title == "Compte rendu"
    assert [section.title for section in document.sections] == ["", "Résultats"]
    first, second = (_texts(section.narrative) for section in document.sections)
    assert first == ["Commentaire", " : Bien toléré"]
    assert second == ["Poumon", "Constat", " : Nodule <b>"]


def test_an_encapsulated_pdf_is_given_as_it_is() -> None:
    written = Dataset()
    written.DocumentTitle = "Dose"
    written.MIMETypeOfEncapsulatedDocument = "application/pdf"
    written.EncapsulatedDocument = b"%PDF-1.4\n"
    document = parse_readable_object(ENCAPSULATED_PDF, _read(written))
    assert (document.title, document.pdf) == ("Dose", b"%PDF-1.4\n\0")


@pytest.mark.parametrize("media_type", ["text/html", "", "application/PDF; x"])
def test_another_document_is_not_shown(media_type: str) -> None:
    written = Dataset()
    written.MIMETypeOfEncapsulatedDocument = media_type
    written.EncapsulatedDocument = b"<script>"
    with pytest.raises(UnsupportedMessage):
        parse_readable_object(ENCAPSULATED_PDF, _read(written))


def test_an_image_is_no_document() -> None:
    with pytest.raises(UnsupportedMessage):
        parse_readable_object(CT, {})
