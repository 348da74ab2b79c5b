"""Our DICOM JSON equals pydicom's, on its own collection of odd files and on ours."""

import io
import json
import time
import warnings
from pathlib import Path

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from tests.fakes.dicom_objects import encoded, made_up_object

from drimbox.model.retrieval import DicomJson
from drimbox.standards.dicom.data_set import read_data_set
from drimbox.standards.dicom.dicom_json import encode_dicom_json
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.part10 import data_set_octets, encode_file_meta, parse_file_meta
from drimbox.standards.dicom.transfer_syntaxes import EXPLICIT_VR_LITTLE_ENDIAN, encoding_of

FOLDER = Path(str(get_testdata_file("CT_small.dcm", read=False))).parent

# Where we say something else than pydicom, and why.
OURS_IS_RIGHT = {
    "MR_small_bigendian.dcm": "InlineBinary is little endian (PS3.18 F.2.7)",
    "MR_small_expb.dcm": "the same",
    "SC_rgb_small_odd_big_endian.dcm": "the same",
    "rtdose_expb.dcm": "the same",
    "rtdose_expb_1frame.dcm": "the same",
    "693_J2KI.dcm": "each value loses its padding, not the last alone (PS3.5 6.2)",
    "SC_rgb_gdcm_KY.dcm": "the same",
    "SC_rgb_jpeg_lossy_gdcm.dcm": "the same",
    "badVR.dcm": "text where a number should be is given as text, pydicom raises",
    "MR_truncated.dcm": "cut short, and refused",
    "rtplan_truncated.dcm": "the same",
    "DICOMDIR-nooffset": "the same",
    "SC_rgb_jpeg.dcm": "elements in another VR encoding than its syntax says",
    "meta_missing_tsyntax.dcm": "no transfer syntax",
}


def ours(content: bytes) -> DicomJson:
    meta = parse_file_meta(content)
    octets = data_set_octets(content, meta)
    return encode_dicom_json(read_data_set(octets, encoding_of(meta.transfer_syntax_uid)))


def theirs(content: bytes) -> DicomJson:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        converted: DicomJson = pydicom.dcmread(io.BytesIO(content)).to_json_dict()
    return without_empty_values(converted)


def without_empty_values(row: DicomJson) -> DicomJson:
    """Tell an empty sequence by no Value at all, as PS3.18 F.2.5 wants it, unlike pydicom.

    Nor has it group lengths (F.2.2).
    """
    kept: dict[str, dict[str, object]] = {}
    for tag, attribute in row.items():
        if tag.endswith("0000"):
            continue
        told = {name: value for name, value in attribute.items() if value != []}
        if told["vr"] == "SQ" and isinstance(items := told.get("Value"), list):
            told["Value"] = [without_empty_values(item) for item in items]
        kept[tag] = told
    return kept


def as_text(converted: DicomJson) -> str:
    return json.dumps(converted, sort_keys=True)


def candidates() -> list[Path]:
    found = (p for p in sorted(FOLDER.rglob("*")) if p.is_file() and p.stat().st_size < 400_000)
    return [p for p in found if p.read_bytes()[128:132] == b"DICM" and p.name not in OURS_IS_RIGHT]


def test_equals_pydicom_on_its_own_collection() -> None:
    files = candidates()
    assert len(files) > 100
    different = []
    for file in files:
        content = file.read_bytes()
        if as_text(ours(content)) != as_text(theirs(content)):
            different.append(file.name)
    assert different == []


def test_numbers_that_are_none_are_given_as_text() -> None:
    content = (FOLDER / "badVR.dcm").read_bytes()
    texts = [str(element["Value"]) for element in ours(content).values() if "Value" in element]
    assert any("1A" in text for text in texts)


def metadata_of(ds: Dataset, *, piece: int) -> DicomJson:
    octets = encoded(ds)
    reader = MetadataReader(ds.file_meta.TransferSyntaxUID)
    for start in range(0, len(octets), piece):
        reader.feed(octets[start : start + piece])
    return reader.metadata(lambda path: f"/bulk/{path}")


@pytest.mark.parametrize("piece", [1, 100, 1_000_000])
@pytest.mark.parametrize(
    "syntax",
    [
        pydicom.uid.ExplicitVRLittleEndian,
        pydicom.uid.ImplicitVRLittleEndian,
        pydicom.uid.ExplicitVRBigEndian,
        pydicom.uid.JPEGBaseline8Bit,
    ],
)
def test_metadata_has_everything_but_the_pixels(syntax: str, piece: int) -> None:
    ds = made_up_object(1, syntax=syntax)
    metadata = metadata_of(ds, piece=piece)
    assert metadata["7FE00010"].get("BulkDataURI") == "/bulk/7FE00010"
    assert "InlineBinary" not in metadata["7FE00010"]
    del ds.PixelData
    expected = ds.to_json_dict()
    assert {tag: value for tag, value in metadata.items() if tag != "7FE00010"} == expected


def test_a_document_is_told_of_and_not_held() -> None:
    ds = made_up_object(1, sop_class="1.2.840.10008.5.1.4.1.1.88.22")
    ds.EncapsulatedDocument = b"%PDF-1.4" + bytes(300_000)
    nested = Dataset()
    nested.add_new(0x00420011, "OB", bytes(3000))
    ds.SourceImageSequence = [nested]
    metadata = metadata_of(ds, piece=10_000)
    assert metadata["00420011"] == {"vr": "OB", "BulkDataURI": "/bulk/00420011"}
    assert metadata["00082112"]["Value"] == [
        {"00420011": {"vr": "OB", "BulkDataURI": "/bulk/00082112/0/00420011"}}
    ]


def test_three_hundred_headers_take_less_than_300_ms() -> None:
    """60 ms is the goal; five times that, of this thread alone, is a defect on any machine."""
    octets = encoded(made_up_object(1, side=512))
    chunk = octets[:131_066]
    start = time.thread_time()
    for _ in range(300):
        reader = MetadataReader(EXPLICIT_VR_LITTLE_ENDIAN)
        reader.feed(chunk)
        reader.metadata(str)
    assert time.thread_time() - start < 0.3


def test_a_file_of_ours_begins_with_a_preamble_of_zeros() -> None:
    """So that it never passes for a program or a page (CVE-2019-11687)."""
    ds = made_up_object(1)
    meta = encode_file_meta(ds.SOPClassUID, ds.SOPInstanceUID, EXPLICIT_VR_LITTLE_ENDIAN)
    assert meta[:128] == bytes(128)
    read = pydicom.dcmread(io.BytesIO(meta + encoded(ds)))
    assert read.file_meta.TransferSyntaxUID == EXPLICIT_VR_LITTLE_ENDIAN
    assert read.file_meta.ImplementationClassUID.startswith("2.25.")
    assert read == ds
