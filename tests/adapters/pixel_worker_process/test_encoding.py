"""Transcoding, judged by pydicom with decoders of its own where it has them."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian

from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.errors import NotAcceptable
from drimbox.model.uids import TransferSyntaxUid

pytestmark = pytest.mark.anyio
Array = NDArray[np.generic]
SYNTAX = "1.2.840.10008.1.2."


def htj2k(octets: bytes) -> Array:
    decoded: Array = imagecodecs.htj2k_decode(octets)
    return decoded.transpose(1, 2, 0) if decoded.ndim == 3 else decoded


LOSSLESS = {
    "4.70": imagecodecs.ljpeg_decode,
    "4.80": imagecodecs.jpegls_decode,
    "4.90": imagecodecs.jpeg2k_decode,
    "4.91": imagecodecs.jpeg2k_decode,
    "4.201": htj2k,
}

_y, _x = np.mgrid[0:40, 0:64]
GREY_8 = ((_x * 3 + _y * 2) % 256).astype(np.uint8)
GREY_12 = ((_x * 50 + _y * 7) % 4096).astype(np.uint16)
SIGNED = (GREY_12.astype(np.int16) - 2048).astype(np.int16)
RGB = np.stack([GREY_8, GREY_8[::-1], GREY_8 // 2], axis=-1)
IMAGES: dict[str, Array] = {"8 bits": GREY_8, "12 bits": GREY_12, "signed": SIGNED, "RGB": RGB}


@pytest.fixture(scope="module")
async def pool() -> AsyncIterator[PixelWorkerPool]:
    pool = PixelWorkerPool(workers=1, deadline_seconds=20)
    yield pool
    await pool.stop()


def write(path: Path, array: Array, frames: int = 1) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "1.2.3"
    image.PatientName, image.NumberOfFrames = "PÂQUERETTE^ZOÉ", frames
    image.SpecificCharacterSet = "ISO_IR 192"
    is_coloured = array.ndim == 3
    image.SamplesPerPixel = 3 if is_coloured else 1
    image.PhotometricInterpretation = "RGB" if is_coloured else "MONOCHROME2"
    if is_coloured:
        image.PlanarConfiguration = 0
    image.Rows, image.Columns = array.shape[:2]
    bits = array.dtype.itemsize * 8
    image.BitsAllocated, image.BitsStored = bits, 12 if bits == 16 else 8
    image.HighBit = image.BitsStored - 1
    image.PixelRepresentation = int(array.dtype.kind == "i")
    image.PixelData = array.tobytes() * frames
    image["PixelData"].VR = "OW" if bits == 16 else "OB"
    image.save_as(path, enforce_file_format=True)
    return path


def reread(array: Array, decoded: Array) -> Array:
    """Put back the sign that two's complement in a codestream has lost."""
    return decoded.view(array.dtype) if decoded.dtype != array.dtype else decoded


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("suffix", LOSSLESS)
async def test_lossless_keeps_every_value_and_the_object(
    pool: PixelWorkerPool, tmp_path: Path, suffix: str, kind: str
) -> None:
    array, syntax = IMAGES[kind], TransferSyntaxUid(SYNTAX + suffix)
    path, target = write(tmp_path / "a.dcm", array, frames=2), tmp_path / "b.dcm"
    await pool.transcode_file(path, target, syntax)
    image = dcmread(target)
    assert image.file_meta.TransferSyntaxUID == syntax
    assert image.SOPInstanceUID == image.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert str(image.PatientName) == "PÂQUERETTE^ZOÉ"
    assert "LossyImageCompression" not in image
    frames = list(generate_frames(image.PixelData, number_of_frames=2))
    assert len(frames) == 2
    for frame in frames:
        assert (reread(array, LOSSLESS[suffix](frame)) == array).all()
    await pool.transcode_file(target, tmp_path / "c.dcm", TransferSyntaxUid(ExplicitVRLittleEndian))
    back = dcmread(tmp_path / "c.dcm")
    assert back.PixelData == array.tobytes() * 2
    assert back.PhotometricInterpretation == image.PhotometricInterpretation


@pytest.mark.parametrize("suffix", ["4.80", "4.90", "4.201"])
async def test_a_frame_alone_is_the_frame_of_the_file(
    pool: PixelWorkerPool, tmp_path: Path, suffix: str
) -> None:
    path = write(tmp_path / "a.dcm", GREY_12)
    octets = await pool.transcode_frame(path, 1, TransferSyntaxUid(SYNTAX + suffix))
    assert (LOSSLESS[suffix](octets) == GREY_12).all()


@pytest.mark.requirement("CO.73")
@pytest.mark.parametrize(
    ("kind", "suffix", "photometric"),
    [
        ("8 bits", "4.50", "MONOCHROME2"),
        ("RGB", "4.50", "YBR_FULL_422"),
        ("12 bits", "4.51", "MONOCHROME2"),
    ],
)
async def test_a_lossy_copy_says_that_it_is_lossy(
    pool: PixelWorkerPool, tmp_path: Path, kind: str, suffix: str, photometric: str
) -> None:
    array, target = IMAGES[kind], tmp_path / "b.dcm"
    path = write(tmp_path / "a.dcm", array)
    await pool.transcode_file(path, target, TransferSyntaxUid(SYNTAX + suffix))
    image = dcmread(target)
    assert image.file_meta.TransferSyntaxUID == UID(SYNTAX + suffix)
    assert image.PhotometricInterpretation == photometric
    assert image.LossyImageCompression == "01"
    assert float(image.LossyImageCompressionRatio) > 1
    assert image.LossyImageCompressionMethod == "ISO_10918_1"
    assert "display" in image.DerivationDescription
    (frame,) = generate_frames(image.PixelData, number_of_frames=1)
    difference = np.abs(imagecodecs.jpeg8_decode(frame).astype(int) - array.astype(int))
    assert difference.mean() < (40 if kind == "12 bits" else 6)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        pytest.param("12 bits", "4.50", id="12 bits do not fit JPEG baseline"),
        pytest.param("signed", "4.51", id="JPEG has no sign"),
        pytest.param("RGB", "4.51", id="12-bit JPEG of colours"),
        pytest.param("8 bits", "4.102", id="a picture is no video"),
        pytest.param("8 bits", "5", id="RLE is never written"),
    ],
)
async def test_what_does_not_fit_a_syntax_is_refused(
    pool: PixelWorkerPool, tmp_path: Path, kind: str, suffix: str
) -> None:
    path = write(tmp_path / "a.dcm", IMAGES[kind])
    with pytest.raises(NotAcceptable):
        await pool.transcode_frame(path, 1, TransferSyntaxUid(SYNTAX + suffix))


async def test_pydicom_reads_what_was_encoded(pool: PixelWorkerPool, tmp_path: Path) -> None:
    """Its own JPEG decoder is Pillow's."""
    path, target = write(tmp_path / "a.dcm", GREY_8), tmp_path / "b.dcm"
    await pool.transcode_file(path, target, TransferSyntaxUid(SYNTAX + "4.50"))
    read = dcmread(io.BytesIO(target.read_bytes())).pixel_array
    assert np.abs(read.astype(int) - GREY_8.astype(int)).mean() < 6
