"""Key Image Notes are read as pydicom's writer wrote them; notes of another kind mark nothing."""

import io

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from drimbox.model.key_images import KeyImage
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid
from drimbox.standards.dicom.data_set import DataSet, Encoding, read_data_set
from drimbox.standards.dicom.key_images import parse_key_images

SERIES, OTHER_SERIES = SeriesInstanceUid("1.2.3.1"), SeriesInstanceUid("1.2.3.2")
IMAGE, MANY_FRAMES = SopInstanceUid("1.2.3.1.7"), SopInstanceUid("1.2.3.2.1")


def note(title: str = "113000", *, without_evidence: str = "") -> Dataset:
    document = Dataset()
    document.SpecificCharacterSet = "ISO_IR 192"
    document.ConceptNameCodeSequence = Sequence([code(title, "Of Interest")])
    text = Dataset()
    text.ValueType, text.TextValue = "TEXT", "Lésion à revoir"
    text.ConceptNameCodeSequence = Sequence([code("113012", "Key Object Description")])
    document.ContentSequence = Sequence(
        [text, line(MANY_FRAMES, [3, 12]), line(IMAGE), line("not a UID"), line("1.2.9")]
    )
    study = Dataset()
    study.ReferencedSeriesSequence = Sequence(
        [evidence(SERIES, [IMAGE, "not a UID"]), evidence(OTHER_SERIES, [MANY_FRAMES])]
    )
    document.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    if without_evidence:
        del document.CurrentRequestedProcedureEvidenceSequence
    return document


def code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def line(instance: str, frames: list[int] | None = None) -> Dataset:
    reference = Dataset()
    reference.add_new("ReferencedSOPInstanceUID", "UI", instance)
    if frames:
        reference.ReferencedFrameNumber = frames
    item = Dataset()
    item.ValueType, item.ReferencedSOPSequence = "IMAGE", Sequence([reference])
    return item


def evidence(series: str, instances: list[str]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = series
    item.ReferencedSOPSequence = Sequence()
    for instance in instances:
        reference = Dataset()
        reference.add_new("ReferencedSOPInstanceUID", "UI", instance)
        item.ReferencedSOPSequence.append(reference)
    return item


def read(document: Dataset) -> DataSet:
    file = io.BytesIO()
    pydicom.dcmwrite(file, document, implicit_vr=False, little_endian=True)
    return read_data_set(file.getvalue(), Encoding.EXPLICIT_LITTLE)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_what_was_marked_is_read_in_the_order_of_the_note() -> None:
    found = parse_key_images(read(note()))
    assert found is not None
    assert (found.title_code, found.title) == ("113000", "Of Interest")
    assert found.description == "Lésion à revoir"
    assert found.images == (
        KeyImage(OTHER_SERIES, MANY_FRAMES, (3, 12)),
        KeyImage(SERIES, IMAGE),
    )


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_an_image_of_no_series_is_left_out() -> None:
    found = parse_key_images(read(note(without_evidence="yes")))
    assert found is not None
    assert found.images == ()


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize(
    "title",
    [
        pytest.param("113001", id="rejected for quality (IOCM)"),
        pytest.param("113037", id="rejected for patient safety (IOCM)"),
        pytest.param("113038", id="wrong worklist entry (IOCM)"),
        pytest.param("113039", id="retention over (IOCM)"),
        pytest.param("113030", id="a manifest"),
    ],
)
def test_a_rejection_note_or_a_manifest_marks_no_key_images(title: str) -> None:
    assert parse_key_images(read(note(title))) is None


def test_a_document_that_says_nothing_marks_nothing() -> None:
    found = parse_key_images({})
    assert found is not None
    assert found.images == ()
