"""Uncompressed grey images are drawn as pydicom's reading of them is, pixel for pixel."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from drimbox.adapters.pixel_worker_process import drawing
from drimbox.adapters.pixel_worker_process.pixels import NoPixels, NoSuchFrame
from drimbox.adapters.pixel_worker_process.plain_images import find_plain_image
from drimbox.ports.pixel_worker import ImageFormat, Rendering, SourceRegion, WindowShape

ROWS, COLUMNS, FRAMES = 24, 32, 3


def write(path: Path, syntax: str = ExplicitVRLittleEndian, **attributes: Any) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "1.2.3"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns, image.NumberOfFrames = ROWS, COLUMNS, FRAMES
    image.BitsAllocated, image.BitsStored, image.PixelRepresentation = 16, 12, 0
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    image.HighBit = image.BitsStored - 1
    octets = FRAMES * ROWS * COLUMNS * image.BitsAllocated // 8
    # Every bit is used: what stands above Bits Stored counts for nothing.
    image.PixelData = np.random.default_rng(5).integers(0, 256, octets, np.uint8).tobytes()
    image["PixelData"].VR = "OW"
    image.save_as(path, enforce_file_format=True)
    return path


def drawn_plainly(path: Path, rendering: Rendering) -> NDArray[np.uint8]:
    plain = find_plain_image(path)
    assert plain is not None
    words = drawing._cut(plain.words(rendering.frame), rendering)
    return plain.to_grey(words, rendering)


def drawn_by_pydicom(path: Path, rendering: Rendering) -> NDArray[np.uint8]:
    image = dcmread(path)
    pixels = drawing._cut(drawing.decode(image, rendering.frame), rendering)
    return drawing._to_bytes(image, pixels, rendering)


@pytest.mark.requirement("VI-CS.21")
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({}, id="12 bits"),
        pytest.param({"BitsStored": 16}, id="16 bits"),
        pytest.param({"BitsStored": 16, "PixelRepresentation": 1}, id="16 bits with a sign"),
        pytest.param({"PixelRepresentation": 1}, id="12 bits with a sign"),
        pytest.param({"BitsAllocated": 8, "BitsStored": 8}, id="8 bits"),
        pytest.param({"BitsAllocated": 8, "BitsStored": 7}, id="7 bits of 8"),
        pytest.param({"PhotometricInterpretation": "MONOCHROME1"}, id="white is low"),
        pytest.param({"PresentationLUTShape": "INVERSE"}, id="inverse"),
        pytest.param({"RescaleSlope": "0.5", "RescaleIntercept": "-1024"}, id="rescaled"),
        pytest.param({"RescaleSlope": "2"}, id="half a rescale"),
        pytest.param({"WindowCenter": ["40", "-600"], "WindowWidth": ["400", "1500"]}, id="two"),
        pytest.param({"WindowCenter": "40", "WindowWidth": "0"}, id="a window of no width"),
        pytest.param(
            {"WindowCenter": "40", "WindowWidth": "80", "VOILUTFunction": "SIGMOID"}, id="sigmoid"
        ),
    ],
)
@pytest.mark.parametrize(
    "rendering",
    [
        pytest.param(Rendering(), id="as stored"),
        pytest.param(Rendering(frame=3, window=(300.5, 500.25)), id="a window"),
        pytest.param(Rendering(window=(9, 1)), id="a threshold"),
        pytest.param(Rendering(window=(9, 40), shape=WindowShape.SIGMOID), id="a curve"),
        pytest.param(Rendering(size=(4, 4)), id="small"),
        pytest.param(
            Rendering(region=SourceRegion(3, 2, 9, 7, is_flipped_horizontally=True)), id="a region"
        ),
    ],
)
def test_it_is_drawn_as_pydicom_reads_it(
    tmp_path: Path, syntax: str, attributes: dict[str, Any], rendering: Rendering
) -> None:
    path = write(tmp_path / "a.dcm", syntax, **attributes)
    mine, theirs = drawn_plainly(path, rendering), drawn_by_pydicom(path, rendering)
    assert mine.shape == theirs.shape
    assert (mine == theirs).all()


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param({"PhotometricInterpretation": "PALETTE COLOR"}, id="a palette"),
        pytest.param({"SamplesPerPixel": 3}, id="colours"),
        pytest.param({"BitsAllocated": 32, "BitsStored": 32}, id="32 bits"),
        pytest.param({"NumberOfFrames": 99}, id="more frames than pixels"),
        pytest.param({"ModalityLUTSequence": Sequence([Dataset()])}, id="a modality LUT"),
        pytest.param({"VOILUTSequence": Sequence([Dataset()])}, id="a VOI LUT and no window"),
        pytest.param({"SharedFunctionalGroupsSequence": Sequence([Dataset()])}, id="groups"),
        pytest.param({"PerFrameFunctionalGroupsSequence": Sequence([Dataset()])}, id="of frames"),
        pytest.param({"DerivationDescription": "x" * 70_000}, id="a long header"),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_pydicom(
    tmp_path: Path, attributes: dict[str, Any]
) -> None:
    if "DerivationDescription" in attributes:
        with pytest.warns(UserWarning, match="exceeds the maximum length"):
            path = write(tmp_path / "a.dcm", ImplicitVRLittleEndian, **attributes)
    else:
        path = write(tmp_path / "a.dcm", **attributes)
    assert find_plain_image(path) is None


@pytest.mark.parametrize("octets", [b"", b"\0" * 128 + b"DICM", b"no DICOM at all" * 20])
def test_what_is_no_image_is_left_to_pydicom(tmp_path: Path, octets: bytes) -> None:
    (tmp_path / "a.dcm").write_bytes(octets)
    assert find_plain_image(tmp_path / "a.dcm") is None


def test_big_endian_is_left_to_pydicom(tmp_path: Path) -> None:
    assert find_plain_image(write(tmp_path / "a.dcm", ExplicitVRBigEndian)) is None


def test_an_object_without_pixels_has_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm")
    image = dcmread(path)
    del image.PixelData
    image.save_as(path)
    with pytest.raises(NoPixels):
        drawing.draw(path, Rendering())


@pytest.mark.parametrize("frame", [0, FRAMES + 1])
def test_there_are_no_more_frames(tmp_path: Path, frame: int) -> None:
    with pytest.raises(NoSuchFrame):
        drawing.draw(write(tmp_path / "a.dcm"), Rendering(frame=frame))


def test_a_file_written_anew_is_read_anew(tmp_path: Path) -> None:
    rendering = Rendering(format=ImageFormat.PNG)
    white = {"WindowCenter": "-99", "WindowWidth": "1"}
    black = {"WindowCenter": "9999", "WindowWidth": "1"}
    pictures = [
        drawing.draw(write(tmp_path / "a.dcm", **window), rendering) for window in (white, black)
    ]
    assert [np.asarray(Image.open(io.BytesIO(p))).max() for p in pictures] == [255, 0]
