"""DICOM JSON is read as pydicom writes it, and whatever else comes is refused."""

from typing import Any

import pytest
from pydicom.dataset import Dataset
from tests.fakes.dicom_objects import made_up_object

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.dicom_json import encode_dicom_json
from drimbox.standards.dicom.dicom_json_reader import parse_dicom_json


def made_up() -> Dataset:
    ds = made_up_object(3)
    del ds.PixelData
    ds.FrameIncrementPointer = [0x00181063, 0x00181065]
    ds.RedPaletteColorLookupTableDescriptor = [256, 0, 16]
    for ambiguous in ("RedPaletteColorLookupTableDescriptor", "SmallestImagePixelValue"):
        ds[ambiguous].VR = "US"
    ds.DoubleFloatPixelPaddingValue = 1.5
    ds.SimpleFrameList = [1, 4_000_000_000]
    ds.SliceThickness, ds.ImageComments = "2.5", ""
    ds.ICCProfile = b"\x01\x02"
    return ds


def test_what_pydicom_writes_comes_back_the_same() -> None:
    written: dict[str, Any] = made_up().to_json_dict()
    again = encode_dicom_json(parse_dicom_json(written))
    written["00080005"]["Value"] = ["ISO_IR 192"]
    assert again == written


def test_text_is_read_in_its_own_characters() -> None:
    attributes = Attributes(parse_dicom_json(made_up().to_json_dict()))
    assert attributes.text(0x00100010) == "PÂQUERETTE^ZOÉ"
    assert attributes.first_item(0x00080051).text(0x00400032) == "1.2.250.1.999.1"


def test_what_is_only_referred_to_is_left_out() -> None:
    assert 0x00420011 not in parse_dicom_json({"00420011": {"vr": "OB", "BulkDataURI": "x"}})


@pytest.mark.parametrize(
    "attributes",
    [
        {"patient": {"vr": "LO"}},
        {"00100020": {}},
        {"00100020": {"vr": 5}},
        {"00100020": {"vr": "LO", "Value": "text"}},
        {"00280010": {"vr": "US", "Value": ["many"]}},
        {"00280010": {"vr": "US", "Value": [70000]}},
        {"00420011": {"vr": "OB", "InlineBinary": "%%%"}},
        {"00081115": {"vr": "SQ", "Value": ["text"]}},
        {"00081115": ["a list"]},
    ],
)
def test_what_is_no_dicom_json_is_refused(attributes: Any) -> None:
    with pytest.raises(MalformedMessage):
        parse_dicom_json(attributes)
