"""From stored values to a picture: modality LUT, VOI window, photometric interpretation.

    decode -> region -> every n-th pixel where it is drawn small -> window -> scale -> JPEG or PNG

PS3.3 C.11.1 (modality), C.11.2 (VOI), C.7.6.3.1.2 (photometric interpretation); PS3.18 8.3.5.
"""

import io
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.multival import MultiValue
from pydicom.pixels.processing import (
    apply_color_lut,
    apply_modality_lut,
    convert_color_space,
)

from drimbox.adapters.pixel_worker_process.pixels import (
    Pixels,
    check_dimensions,
    check_has_pixels,
    decode,
    frame_count,
    load,
)
from drimbox.ports.pixel_worker import ImageFormat, Rendering, SourceRegion, WindowShape

_Grey = NDArray[np.uint8]
_NATIVE_YBR = frozenset({"YBR_FULL", "YBR_FULL_422"})
_UNCONVERTED = frozenset(f"1.2.840.10008.1.2.{n}" for n in ("4.57", "4.70", "4.80", "4.81", "5"))
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_MAX_SIDE = 8192
_LARGEST_TABLE = 2**20
# Run lengths (Z_RLE) of differences from the left (PNG_FILTER_SUB): smaller than level 1 alone
# makes a slice of CT, in a third of its time.
_FAST_PNG = {"level": 1, "strategy": 3, "filter": 0x10}


class NoSuchRegion(Exception):
    """The region lies outside of the image."""


def draw(path: Path, rendering: Rendering) -> bytes:
    """Return the frame as a picture no larger than its size, its proportions kept."""
    image = load(path)
    if _is_picture_already(image, rendering):
        return get_frame(image.PixelData, rendering.frame - 1, number_of_frames=frame_count(image))
    pixels = decode(image, rendering.frame)
    if rendering.region is not None:
        pixels = _cut(pixels, rendering.region)
    pixels = _thinned(pixels, rendering.size)
    picture = Image.fromarray(np.ascontiguousarray(_to_bytes(image, pixels, rendering)))
    if rendering.size is not None:
        picture = _scaled(picture, rendering.size, may_enlarge=rendering.may_enlarge)
    if rendering.format is ImageFormat.PNG:
        return bytes(imagecodecs.png_encode(np.asarray(picture), **_FAST_PNG))
    octets = io.BytesIO()
    picture.save(octets, "JPEG", quality=rendering.quality)
    return octets.getvalue()


def _is_picture_already(image: Dataset, rendering: Rendering) -> bool:
    """Tell whether the stored JPEG may leave as it is: colours, nothing asked but a JPEG."""
    if image.file_meta.TransferSyntaxUID != _JPEG_BASELINE or rendering != Rendering(
        frame=rendering.frame
    ):
        return False
    check_has_pixels(image)
    if image.SamplesPerPixel != 3 or not 1 <= rendering.frame <= frame_count(image):
        return False
    codestream = get_frame(
        image.PixelData, rendering.frame - 1, number_of_frames=frame_count(image)
    )
    check_dimensions(image, _JPEG_BASELINE, codestream)
    # Without a marker browsers take three components for YCbCr.
    is_ybr = str(image.PhotometricInterpretation).startswith("YBR")
    return is_ybr or b"JFIF" in codestream[:256] or b"Adobe" in codestream[:256]


def _cut(pixels: Pixels, region: SourceRegion) -> Pixels:
    rows, columns = pixels.shape[:2]
    bottom = rows if region.height is None else region.top + region.height
    right = columns if region.width is None else region.left + region.width
    if not (0 <= region.top < bottom <= rows and 0 <= region.left < right <= columns):
        raise NoSuchRegion
    cut = pixels[region.top : bottom, region.left : right]
    if region.is_flipped_horizontally:
        cut = cut[:, ::-1]
    return cut[::-1] if region.is_flipped_vertically else cut


def _thinned(pixels: Pixels, size: tuple[int, int] | None) -> Pixels:
    """Leave out pixels before they are windowed, keeping twice as many as will be drawn."""
    if size is None:
        return pixels
    rows, columns = pixels.shape[:2]
    step = int(max(columns / size[0], rows / size[1]) // 2)
    return pixels[::step, ::step] if step > 1 else pixels


def _scaled(picture: Image.Image, size: tuple[int, int], *, may_enlarge: bool) -> Image.Image:
    ratio = min(size[0] / picture.width, size[1] / picture.height)
    if ratio == 1 or (ratio > 1 and not may_enlarge):
        return picture
    width, height = (min(max(round(n * ratio), 1), _MAX_SIDE) for n in picture.size)
    return picture.resize((width, height), Image.Resampling.BILINEAR)


def _to_bytes(image: Dataset, pixels: Pixels, rendering: Rendering) -> _Grey:
    photometric = image.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        return _eight_bits(apply_color_lut(pixels, image))
    if pixels.ndim == 3:
        syntax = image.file_meta.TransferSyntaxUID
        is_as_stored = not syntax.is_compressed or syntax in _UNCONVERTED
        if is_as_stored and photometric in _NATIVE_YBR:
            return _eight_bits(convert_color_space(pixels, photometric, "RGB"))
        return _eight_bits(pixels)
    grey = _window(image, pixels, rendering)
    is_inverse = photometric == "MONOCHROME1" or image.get("PresentationLUTShape") == "INVERSE"
    return 255 - grey if is_inverse else grey


def _window(image: Dataset, pixels: Pixels, rendering: Rendering) -> _Grey:
    """Map each stored value once, through a table, then every pixel by the table.

    Values spread too wide for a table (dose grids of 32 bits) are mapped pixel by pixel.
    """
    low, high = int(pixels.min()), int(pixels.max())
    has_table = high - low <= _LARGEST_TABLE
    values = np.arange(low, high + 1, dtype=np.int64) if has_table else pixels.astype(np.int64)
    groups = _functional_groups(image, rendering.frame)
    holder = _holder(image, groups, "PixelValueTransformationSequence", "RescaleSlope")
    rescaled = np.asarray(apply_modality_lut(values, holder), dtype=np.float64)
    voi = _holder(image, groups, "FrameVOILUTSequence", "WindowCenter")
    center, width = rendering.window or _default_window(voi, rescaled)
    shape = rendering.shape or (WindowShape.LINEAR if rendering.window else _stored_shape(voi))
    table = np.rint(np.clip(_voi(rescaled, center, width, shape), 0, 255)).astype(np.uint8)
    return np.take(table, _from_zero(pixels, low), mode="clip") if has_table else table


def _from_zero(pixels: Pixels, low: int) -> NDArray[np.unsignedinteger[Any]]:
    """Return the pixels less their lowest value, which fits their own width without its sign."""
    unsigned = np.dtype(f"u{pixels.dtype.itemsize}")
    lowest = np.array(low, dtype=pixels.dtype).astype(unsigned)
    return np.asarray(np.subtract(pixels.view(unsigned), lowest), dtype=unsigned)


def _functional_groups(image: Dataset, frame: int) -> list[Dataset]:
    """Return the groups of one frame, its own before the shared ones (PS3.3 C.7.6.16)."""
    per_frame = list(image.get("PerFrameFunctionalGroupsSequence") or ())[frame - 1 : frame]
    return per_frame + list(image.get("SharedFunctionalGroupsSequence") or ())


def _holder(image: Dataset, groups: list[Dataset], sequence: str, keyword: str) -> Dataset:
    """Return the data set that says keyword: the object itself, or an item of its groups."""
    if keyword in image or "ModalityLUTSequence" in image:
        return image
    for group in groups:
        for item in group.get(sequence) or ():
            if isinstance(item, Dataset) and keyword in item:
                return item
    return image


def _default_window(image: Dataset, rescaled: NDArray[np.float64]) -> tuple[float, float]:
    center, width = _first(image.get("WindowCenter")), _first(image.get("WindowWidth"))
    if center is not None and width is not None and width >= 1:
        return center, width
    low, high = float(rescaled.min()), float(rescaled.max())
    return (low + high + 1) / 2, max(high - low + 1, 1.0)


def _stored_shape(image: Dataset) -> WindowShape:
    word = str(image.get("VOILUTFunction") or "LINEAR")
    return WindowShape[word] if word in WindowShape.__members__ else WindowShape.LINEAR


def _first(value: object) -> float | None:
    """Return the first of one or several decimal strings, None where there is none."""
    values = list(value) if isinstance(value, MultiValue) else [value]
    return float(str(values[0])) if values and values[0] not in {None, ""} else None


def _voi(
    values: NDArray[np.float64], center: float, width: float, shape: WindowShape
) -> NDArray[np.float64]:
    """Apply PS3.3 C.11.2.1.2 and C.11.2.1.3 to 0..255."""
    if shape is WindowShape.SIGMOID:
        exponent = np.clip(-4 * (values - center) / width, -700, 700)
        return np.asarray(255 / (1 + np.exp(exponent)), dtype=np.float64)
    if shape is WindowShape.LINEAR and width <= 1:
        return np.where(values > center - 0.5, 255.0, 0.0)
    if shape is WindowShape.LINEAR_EXACT:
        return ((values - center) / max(width, 1e-6) + 0.5) * 255
    return ((values - (center - 0.5)) / (width - 1) + 0.5) * 255


def _eight_bits(pixels: Pixels) -> _Grey:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    return (pixels.astype(np.uint16) >> 8).astype(np.uint8)
