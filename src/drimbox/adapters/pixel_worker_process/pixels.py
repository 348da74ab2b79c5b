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
from pydicom.pixels.decoders.base import Decoder, get_decoder

from drimbox.standards.dicom.frame_index import stored_samples

Pixels = NDArray[np.generic]
JPEG = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"})
JPEG_2000 = frozenset({"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"})
HTJ2K = frozenset(f"1.2.840.10008.1.2.4.20{n}" for n in (1, 2, 3))
_SOF = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
_MAX_PIXELS = 256 * 1024 * 1024


class NoSuchFrame(Exception):
    """The object has fewer frames."""


class NoPixels(Exception):
    """The object is no image, or one that nothing here decodes: a video, a private syntax."""


def load(path: Path) -> Dataset:
    """Read the object; the last few stay, so that a cine loop reads its file once."""
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _load(path: Path, _written_at: int) -> Dataset:
    return dcmread(path)


def decode_frame(path: Path, frame: int) -> tuple[Dataset, Pixels]:
    """Return the object and its frame (counted from 1), see decode."""
    image = load(path)
    return image, decode(image, frame)


def decode(image: Dataset, frame: int) -> Pixels:
    """Return a frame: rows x columns, or rows x columns x samples.

    What its colours are: see colours.py.
    """
    _check_frame(image, frame)
    syntax = image.file_meta.TransferSyntaxUID
    codec = _CODECS.get(syntax)
    if codec is None:
        array, _ = _decoder(syntax).as_array(image, index=frame - 1, raw=True)
        return np.asarray(array, dtype=array.dtype.newbyteorder("="))
    codestream = get_frame(image.PixelData, frame - 1, number_of_frames=frame_count(image))
    check_dimensions(image, syntax, codestream)
    return _fit(image, codec(image, codestream))


def _decoder(syntax: str) -> Decoder:
    try:
        return get_decoder(syntax)
    except NotImplementedError:
        raise NoPixels from None


def stored_frame(path: Path, frame: int) -> bytes:
    """Return the octets of a frame as they are in the file.

    Frames of one bit a pixel that do not begin on an octet are shifted so that they do.
    """
    image = load(path)
    _check_frame(image, frame)
    if image.file_meta.TransferSyntaxUID.is_encapsulated:
        return get_frame(image.PixelData, frame - 1, number_of_frames=frame_count(image))
    told = str(image.get("PhotometricInterpretation") or "")
    samples = stored_samples(image.SamplesPerPixel, told)
    bits = image.Rows * image.Columns * samples * image.BitsAllocated
    if bits % 8:
        return _shifted(image.PixelData, (frame - 1) * bits, bits)
    octets: bytes = image.PixelData[(frame - 1) * bits // 8 : frame * bits // 8]
    return octets


def _shifted(octets: bytes, first_bit: int, bits: int) -> bytes:
    array = np.frombuffer(octets, np.uint8)
    unpacked = np.unpackbits(array[first_bit // 8 : (first_bit + bits) // 8 + 1], bitorder="little")
    return np.packbits(unpacked[first_bit % 8 : first_bit % 8 + bits], bitorder="little").tobytes()


def _check_frame(image: Dataset, frame: int) -> None:
    check_has_pixels(image)
    if not 1 <= frame <= frame_count(image):
        raise NoSuchFrame


def check_has_pixels(image: Dataset) -> None:
    if "PixelData" not in image or "Rows" not in image:
        raise NoPixels


def frame_count(image: Dataset) -> int:
    """Return Number of Frames, 1 where there is none."""
    return int(image.get("NumberOfFrames") or 1)


def check_dimensions(image: Dataset, syntax: str, codestream: bytes) -> None:
    """Refuse a codestream that claims another image than the header, before it is decoded."""
    if image.Rows * image.Columns * image.SamplesPerPixel > _MAX_PIXELS:
        raise ValueError("the image is too large")
    claimed = _siz(codestream) if syntax in JPEG_2000 | HTJ2K else _start_of_frame(codestream)
    if claimed != (image.Rows, image.Columns):
        raise ValueError("the codestream is not of this image")


def _siz(codestream: bytes) -> tuple[int, int] | None:
    """Return rows and columns that the SIZ segment of JPEG 2000 claims."""
    siz = codestream.find(b"\xff\x51", 0, 4096)
    width, height, x, y = (
        int.from_bytes(codestream[siz + 6 + 4 * n : siz + 10 + 4 * n], "big") for n in range(4)
    )
    return (height - y, width - x) if siz >= 0 else None


def _start_of_frame(codestream: bytes) -> tuple[int, int] | None:
    """Return lines and samples a line that the first SOF segment of JPEG or JPEG-LS claims."""
    offset = 2
    while codestream[offset : offset + 1] == b"\xff" and offset + 9 <= len(codestream):
        marker = codestream[offset + 1]
        if marker == 0xFF:  # a fill octet
            offset += 1
            continue
        if marker in _SOF:
            lines, samples = (
                codestream[offset + 5 : offset + 7],
                codestream[offset + 7 : offset + 9],
            )
            return int.from_bytes(lines, "big"), int.from_bytes(samples, "big")
        offset += 2 + int.from_bytes(codestream[offset + 2 : offset + 4], "big")
    return None


def _decode_jpeg(image: Dataset, codestream: bytes) -> Pixels:
    """Decode to grey or RGB; markers tell the colours, else the header does."""
    photometric = str(image.PhotometricInterpretation)
    head = codestream[:256]
    says_itself = b"JFIF" in head or b"Adobe" in head
    if image.SamplesPerPixel != 3 or says_itself:
        return np.asarray(imagecodecs.jpeg8_decode(codestream))
    colours = "YCBCR" if photometric.startswith("YBR") else "RGB"
    return np.asarray(imagecodecs.jpeg8_decode(codestream, colorspace=colours, outcolorspace="RGB"))


def _decode_htj2k(image: Dataset, codestream: bytes) -> Pixels:
    planar = False if image.SamplesPerPixel > 1 else None
    return np.asarray(imagecodecs.htj2k_decode(codestream, planar=planar))


def _plain(decoder: Callable[[bytes], Pixels]) -> Callable[[Dataset, bytes], Pixels]:
    return lambda _image, codestream: decoder(codestream)


_CODECS: dict[str, Callable[[Dataset, bytes], Pixels]] = {
    **dict.fromkeys(JPEG, _decode_jpeg),
    "1.2.840.10008.1.2.4.57": _plain(imagecodecs.ljpeg_decode),
    "1.2.840.10008.1.2.4.70": _plain(imagecodecs.ljpeg_decode),
    "1.2.840.10008.1.2.4.80": _plain(imagecodecs.jpegls_decode),
    "1.2.840.10008.1.2.4.81": _plain(imagecodecs.jpegls_decode),
    **dict.fromkeys(JPEG_2000, _plain(imagecodecs.jpeg2k_decode)),
    **dict.fromkeys(HTJ2K, _decode_htj2k),
}


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
