"""Frames of a DICOM object as arrays: native by offset, encapsulated by the codec of its syntax.

Runs only in the jailed child; anything may be raised for hostile octets.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import ExplicitVRLittleEndian

Pixels = NDArray[np.generic]
_JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
_HTJ2K = frozenset(f"1.2.840.10008.1.2.4.20{n}" for n in (1, 2, 3))
_CODECS: dict[str, Callable[[bytes], Pixels]] = {
    "1.2.840.10008.1.2.4.50": imagecodecs.jpeg8_decode,
    "1.2.840.10008.1.2.4.51": imagecodecs.jpeg8_decode,
    "1.2.840.10008.1.2.4.57": imagecodecs.ljpeg_decode,
    "1.2.840.10008.1.2.4.70": imagecodecs.ljpeg_decode,
    "1.2.840.10008.1.2.4.80": imagecodecs.jpegls_decode,
    "1.2.840.10008.1.2.4.81": imagecodecs.jpegls_decode,
    **dict.fromkeys(_JPEG_2000, imagecodecs.jpeg2k_decode),
    **dict.fromkeys(_HTJ2K, imagecodecs.htj2k_decode),
}
_MAX_PIXELS = 256 * 1024 * 1024


class NoSuchFrame(Exception):
    """The object has fewer frames."""


class NoPixels(Exception):
    """The object is no image."""


@lru_cache(maxsize=4)
def load(path: Path) -> Dataset:
    """Read the object; the last few stay, so that a cine loop reads its file once."""
    return dcmread(path)


def decode_frame(path: Path, frame: int) -> Pixels:
    """Return frame (counted from 1): rows x columns, or rows x columns x 3."""
    image = _image(path, frame)
    syntax = image.file_meta.TransferSyntaxUID
    codec = _CODECS.get(syntax)
    if codec is None:
        array, _ = get_decoder(syntax).as_array(image, index=frame - 1, raw=True)
        return np.asarray(array)
    codestream = get_frame(image.PixelData, frame - 1, number_of_frames=frame_count(image))
    _check_dimensions(image, syntax, codestream)
    return _fit(image, codec(codestream))


def stored_frame(path: Path, frame: int) -> bytes:
    """Return the octets of a frame as they are in the file."""
    image = _image(path, frame)
    if image.file_meta.TransferSyntaxUID.is_encapsulated:
        return get_frame(image.PixelData, frame - 1, number_of_frames=frame_count(image))
    bits = image.Rows * image.Columns * image.SamplesPerPixel * image.BitsAllocated
    if bits % 8:
        raise ValueError("frames that do not end on an octet")
    octets: bytes = image.PixelData[(frame - 1) * bits // 8 : frame * bits // 8]
    return octets


def _image(path: Path, frame: int) -> Dataset:
    image = load(path)
    if "PixelData" not in image or "Rows" not in image:
        raise NoPixels
    if not 1 <= frame <= frame_count(image):
        raise NoSuchFrame
    return image


def frame_count(image: Dataset) -> int:
    """Return Number of Frames, 1 where there is none."""
    return int(image.get("NumberOfFrames") or 1)


def decode_file(path: Path, target: Path) -> None:
    """Write the object in Explicit VR Little Endian, colours as RGB."""
    image = dcmread(path)
    frames = [decode_frame(path, n + 1) for n in range(frame_count(image))]
    octets = b"".join(f.tobytes() for f in frames)
    image.PixelData = octets + b"\0" * (len(octets) % 2)
    image["PixelData"].VR = "OB" if image.BitsAllocated <= 8 else "OW"
    image["PixelData"].is_undefined_length = False
    if image.SamplesPerPixel == 3 and image.file_meta.TransferSyntaxUID in _CODECS:
        image.PhotometricInterpretation, image.PlanarConfiguration = "RGB", 0
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in image:
            delattr(image, keyword)
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.save_as(target, enforce_file_format=True)


def _check_dimensions(image: Dataset, syntax: str, codestream: bytes) -> None:
    """Refuse a JPEG 2000 codestream whose SIZ claims another image than the header."""
    if image.Rows * image.Columns * image.SamplesPerPixel > _MAX_PIXELS:
        raise ValueError("the image is too large")
    if syntax not in _JPEG_2000 | _HTJ2K:
        return
    siz = codestream.find(b"\xff\x51", 0, 4096)
    width, height, x, y = (
        int.from_bytes(codestream[siz + 6 + 4 * n : siz + 10 + 4 * n], "big") for n in range(4)
    )
    if siz < 0 or (height - y, width - x) != (image.Rows, image.Columns):
        raise ValueError("SIZ is not of this image")


def _fit(image: Dataset, pixels: Pixels) -> Pixels:
    """Give the decoded values the header's dimensions, width and sign."""
    dtype = np.dtype(f"u{image.BitsAllocated // 8}")
    if pixels.shape[:2] != (image.Rows, image.Columns):
        raise ValueError("the codestream is not of this image")
    if not image.PixelRepresentation:
        return pixels.astype(dtype, copy=False)
    # Two's complement in BitsStored bits, whatever sign the codec gave it.
    shift = image.BitsAllocated - image.BitsStored
    signed = pixels.astype(dtype, copy=False).view(f"i{image.BitsAllocated // 8}")
    extended: Pixels = np.right_shift(np.left_shift(signed, shift), shift)
    return extended
