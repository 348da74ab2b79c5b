"""Colours are drawn, and kept by what is transcoded, whatever they are stored as."""

import io
from copy import deepcopy
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.processing import convert_color_space
from pydicom.uid import UID, ExplicitVRLittleEndian
from tests.fakes.dicom_kinds import KINDS, coloured

from drimbox.adapters.pixel_worker_process.colours import decoded_photometric, eight_bits
from drimbox.adapters.pixel_worker_process.drawing import draw
from drimbox.adapters.pixel_worker_process.encoding import transcode_file
from drimbox.ports.pixel_worker import ImageFormat, Rendering

Octets = NDArray[np.uint8]
SYNTAX = "1.2.840.10008.1.2."
RGB: Octets = coloured(0)
YBR: Octets = convert_color_space(RGB, "RGB", "YBR_FULL")


def jpeg_2000(array: Octets, *, mct: bool = False) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(array, codecformat="j2k", reversible=True, mct=mct))


def encoded(array: Octets, suffix: str) -> bytes:
    if suffix == "4.90":
        return jpeg_2000(array)
    if suffix == "4.201":
        return bytes(imagecodecs.htj2k_encode(array, reversible=True, rgb=False))
    assert suffix == "4.80"
    return bytes(imagecodecs.jpegls_encode(array))


def sampled_4_2_2(array: Octets) -> bytes:
    """Return Y1 Y2 Cb Cr of each two pixels (PS3.3 C.7.6.3.1.2)."""
    pairs = np.stack([array[:, ::2, 0], array[:, 1::2, 0], *np.moveaxis(array[:, ::2, 1:], 2, 0)])
    return np.moveaxis(pairs, 0, 2).tobytes()


def write(path: Path, octets: bytes, photometric: str, syntax: str, **attributes: object) -> Path:
    image = deepcopy(KINDS["RGB"])
    image.file_meta.TransferSyntaxUID = UID(syntax)
    image.PhotometricInterpretation = photometric
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    image.PixelData = encapsulate([octets]) if UID(syntax).is_encapsulated else octets
    image["PixelData"].VR = "OB"
    image.save_as(path, enforce_file_format=True)
    return path


def drawn(path: Path) -> NDArray[np.int64]:
    picture = draw(path, Rendering(format=ImageFormat.PNG))
    return np.asarray(Image.open(io.BytesIO(picture)), dtype=np.int64)


@pytest.mark.parametrize("suffix", ["4.90", "4.201", "4.80"])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_the_colours_drawn_are_those_of_the_header(
    tmp_path: Path, suffix: str, photometric: str
) -> None:
    stored = RGB if photometric == "RGB" else YBR
    path = write(tmp_path / "a.dcm", encoded(stored, suffix), photometric, SYNTAX + suffix)
    assert np.abs(drawn(path) - RGB).max() <= 2


@pytest.mark.parametrize("photometric", ["RGB", "YBR_RCT", "YBR_FULL", "YBR_FULL_422"])
def test_a_codestream_that_transforms_its_components_says_so_itself(
    tmp_path: Path, photometric: str
) -> None:
    path = write(tmp_path / "a.dcm", jpeg_2000(RGB, mct=True), photometric, SYNTAX + "4.90")
    assert (drawn(path) == RGB).all()


def test_half_the_colours_are_drawn_on_every_pixel(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm", sampled_4_2_2(YBR), "YBR_FULL_422", SYNTAX + "1", PlanarConfiguration=0
    )
    assert np.abs(drawn(path) - RGB).max() <= 8


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (12, 4095), (16, 65535), (5, 31)])
def test_values_of_any_depth_become_8_bits(bits: int, most: int) -> None:
    values = np.array([0, most // 2, most], np.uint16)
    expected = [0, 255 * (most // 2) / most, 255]
    assert np.abs(eight_bits(values, bits) - np.array(expected)).max() <= 0.5


def test_twelve_bits_of_sixteen_are_drawn_as_bright_as_they_are(tmp_path: Path) -> None:
    octets = (RGB.astype("<u2") * 16).tobytes()
    told = {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11}
    path = write(tmp_path / "a.dcm", octets, "RGB", SYNTAX + "1", **told)
    assert np.abs(drawn(path) - RGB).max() <= 1


@pytest.mark.parametrize("target", ["1", "4.70", "4.80", "4.90", "4.91", "4.201"])
@pytest.mark.parametrize("suffix", ["1", "4.90", "4.80"])
def test_what_is_lossless_keeps_colours_and_says_which_they_are(
    tmp_path: Path, suffix: str, target: str
) -> None:
    octets = YBR.tobytes() if suffix == "1" else encoded(YBR, suffix)
    path = write(tmp_path / "a.dcm", octets, "YBR_FULL", SYNTAX + suffix)
    transcode_file(path, tmp_path / "b.dcm", SYNTAX + target, lambda: None)
    copy = dcmread(tmp_path / "b.dcm")
    assert copy.PhotometricInterpretation == decoded_photometric(copy) == "YBR_FULL"
    transcode_file(tmp_path / "b.dcm", tmp_path / "c.dcm", ExplicitVRLittleEndian, lambda: None)
    assert dcmread(tmp_path / "c.dcm").PixelData == YBR.tobytes()


def test_what_was_sampled_4_2_2_is_told_to_be_so_no_longer(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", sampled_4_2_2(YBR), "YBR_FULL_422", SYNTAX + "1")
    transcode_file(path, tmp_path / "b.dcm", SYNTAX + "4.80", lambda: None)
    copy = dcmread(tmp_path / "b.dcm")
    assert copy.PhotometricInterpretation == "YBR_FULL"
    assert np.abs(drawn(tmp_path / "b.dcm") - RGB).max() <= 8


@pytest.mark.parametrize("suffix", ["1", "4.80", "4.90"])
def test_a_lossy_copy_has_the_same_colours(tmp_path: Path, suffix: str) -> None:
    octets = YBR.tobytes() if suffix == "1" else encoded(YBR, suffix)
    path = write(tmp_path / "a.dcm", octets, "YBR_FULL", SYNTAX + suffix)
    transcode_file(path, tmp_path / "b.dcm", SYNTAX + "4.50", lambda: None)
    copy = dcmread(tmp_path / "b.dcm")
    assert copy.PhotometricInterpretation == "YBR_FULL_422"
    picture = Image.open(io.BytesIO(get_frame(copy.PixelData, 0, number_of_frames=1)))
    assert np.abs(np.asarray(picture, dtype=np.int64) - RGB).mean() < 4
