"""What the colours of a decoded frame are (PS3.3 C.7.6.3.1.2, PS3.5 8.2), and as RGB of 8 bits.

JPEG                            RGB: its decoder turns them
JPEG 2000, HTJ2K                RGB, but YBR_FULL where the codestream has no transform to undo
native, RLE, JPEG-LS, lossless  as the header says; 4:2:2 comes at full resolution
"""

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import convert_color_space

from drimbox.adapters.pixel_worker_process.pixels import (
    HTJ2K,
    JPEG,
    JPEG_2000,
    Pixels,
    frame_count,
)

_YBR = frozenset({"YBR_FULL", "YBR_FULL_422"})
_COD, _COD_TRANSFORM = b"\xff\x52", 8
"""Marker of a codestream's coding style, and how far behind it the component transform is said."""


def decoded_photometric(image: Dataset) -> str:
    """Return the photometric interpretation of what decode gives of an image of several samples."""
    told, syntax = str(image.PhotometricInterpretation), image.file_meta.TransferSyntaxUID
    if syntax in JPEG:
        return "RGB"
    if syntax in JPEG_2000 | HTJ2K and (told not in _YBR or _is_transformed(image)):
        return "RGB"
    return "YBR_FULL" if told in _YBR else told


def to_rgb(image: Dataset, pixels: Pixels) -> NDArray[np.uint8]:
    """Return decoded colours as RGB of 8 bits."""
    octets = eight_bits(pixels, int(image.get("BitsStored") or pixels.dtype.itemsize * 8))
    if decoded_photometric(image) != "YBR_FULL":
        return octets
    return np.asarray(convert_color_space(octets, "YBR_FULL", "RGB"), dtype=np.uint8)


def eight_bits(pixels: Pixels, bits: int) -> NDArray[np.uint8]:
    """Return values of so many bits as values of 8."""
    if bits == 8:
        return np.asarray(pixels, dtype=np.uint8)
    scaled = np.asarray(pixels, dtype=np.float64) * (255 / (2**bits - 1))
    return np.asarray(np.clip(np.rint(scaled), 0, 255), dtype=np.uint8)


def _is_transformed(image: Dataset) -> bool:
    """Tell whether the first codestream says that its components were transformed (15444-1 A.6.1).

    It then is RGB to its decoder, whatever the header calls it.
    """
    codestream = get_frame(image.PixelData, 0, number_of_frames=frame_count(image))
    said = codestream.find(_COD, 0, 4096) + _COD_TRANSFORM
    return said >= _COD_TRANSFORM and codestream[said : said + 1] == b"\x01"
