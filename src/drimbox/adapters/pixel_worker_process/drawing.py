"""From stored values to a picture: modality LUT, VOI window, photometric interpretation.

PS3.3 C.11.1 (modality), C.11.2 (VOI), C.7.6.3.1.2 (photometric interpretation).
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels.processing import (
    apply_color_lut,
    apply_modality_lut,
    convert_color_space,
)

from drimbox.adapters.pixel_worker_process.pixels import Pixels
from drimbox.ports.pixel_worker import ImageFormat

_Grey = NDArray[np.uint8]
_NATIVE_YBR = frozenset({"YBR_FULL", "YBR_FULL_422"})


def draw(
    image: Dataset,
    pixels: Pixels,
    *,
    window: tuple[float, float] | None,
    size: tuple[int, int] | None,
    image_format: ImageFormat,
    quality: int,
) -> bytes:
    """Return the frame as a picture no larger than size, its proportions kept."""
    picture = Image.fromarray(_to_bytes(image, pixels, window))
    if size is not None:
        picture.thumbnail(size, Image.Resampling.BILINEAR)
    octets = io.BytesIO()
    if image_format is ImageFormat.PNG:
        picture.save(octets, "PNG", compress_level=1)
    else:
        picture.save(octets, "JPEG", quality=quality)
    return octets.getvalue()


def _to_bytes(image: Dataset, pixels: Pixels, window: tuple[float, float] | None) -> _Grey:
    photometric = image.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        return _eight_bits(apply_color_lut(pixels, image))
    if pixels.ndim == 3:
        is_native = not image.file_meta.TransferSyntaxUID.is_compressed
        if is_native and photometric in _NATIVE_YBR:
            return _eight_bits(convert_color_space(pixels, photometric, "RGB"))
        return _eight_bits(pixels)
    grey = _window(image, pixels, window)
    is_inverse = photometric == "MONOCHROME1" or image.get("PresentationLUTShape") == "INVERSE"
    return 255 - grey if is_inverse else grey


def _window(image: Dataset, pixels: Pixels, window: tuple[float, float] | None) -> _Grey:
    """Map each stored value once, through a table, then every pixel by the table."""
    low, high = int(pixels.min()), int(pixels.max())
    values = np.arange(low, high + 1, dtype=np.int64)
    rescaled = np.asarray(apply_modality_lut(values, _with_values(image)), dtype=np.float64)
    center, width = window or _default_window(image, rescaled)
    function = "LINEAR" if window else str(image.get("VOILUTFunction") or "LINEAR")
    table = np.rint(np.clip(_voi(rescaled, center, width, function), 0, 255)).astype(np.uint8)
    return np.take(table, pixels.astype(np.int64) - low)


def _with_values(image: Dataset) -> Dataset:
    """Return the elements that the modality LUT wants, functional groups of the object included."""
    if "RescaleSlope" in image or "ModalityLUTSequence" in image:
        return image
    shared = list(image.get("SharedFunctionalGroupsSequence") or ())
    per_frame = list(image.get("PerFrameFunctionalGroupsSequence") or ())[:1]
    for groups in shared + per_frame:
        for transformation in groups.get("PixelValueTransformationSequence") or ():
            if isinstance(transformation, Dataset):
                return transformation
    return image


def _default_window(image: Dataset, rescaled: NDArray[np.float64]) -> tuple[float, float]:
    center, width = _first(image.get("WindowCenter")), _first(image.get("WindowWidth"))
    if center is not None and width is not None and width >= 1:
        return center, width
    low, high = float(rescaled.min()), float(rescaled.max())
    return (low + high + 1) / 2, max(high - low + 1, 1.0)


def _first(value: object) -> float | None:
    """Return the first of one or several decimal strings, None where there is none."""
    values = list(value) if isinstance(value, MultiValue) else [value]
    return float(str(values[0])) if values and values[0] not in {None, ""} else None


def _voi(
    values: NDArray[np.float64], center: float, width: float, function: str
) -> NDArray[np.float64]:
    """Apply PS3.3 C.11.2.1.2 to 0..255."""
    if function == "SIGMOID":
        return 255 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR_EXACT" or width <= 1:
        return ((values - center) / max(width, 1e-6) + 0.5) * 255
    return ((values - (center - 0.5)) / (width - 1) + 0.5) * 255


def _eight_bits(pixels: Pixels) -> _Grey:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    return (pixels.astype(np.uint16) >> 8).astype(np.uint8)
