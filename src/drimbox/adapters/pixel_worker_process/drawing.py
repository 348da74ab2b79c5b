"""From stored values to a picture: region, size, grey or colours, JPEG or PNG.

    decode -> region -> every n-th pixel where it is drawn small -> window -> scale -> JPEG or PNG

PS3.3 C.7.6.3.1.2 (photometric interpretation); PS3.18 8.3.5. What the grey is: see grey.py.
"""

from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.multival import MultiValue
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut

from drimbox.adapters.pixel_worker_process.colours import eight_bits, to_rgb
from drimbox.adapters.pixel_worker_process.grey import (
    Grey,
    GreyScale,
    stored_shape,
    stored_window,
    to_grey,
)
from drimbox.adapters.pixel_worker_process.pictures import encode_jpeg, encode_png
from drimbox.adapters.pixel_worker_process.pixels import (
    Pixels,
    check_dimensions,
    check_has_pixels,
    decode,
    frame_count,
    load,
)
from drimbox.adapters.pixel_worker_process.plain_images import find_plain_image
from drimbox.adapters.pixel_worker_process.voi_luts import find_voi_lut
from drimbox.ports.pixel_worker import ImageFormat, Rendering, SourceRegion

_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
_MAX_SIDE = 8192
_Value = TypeVar("_Value", bound=np.generic)


class NoSuchRegion(Exception):
    """The region lies outside of the image."""


def draw(path: Path, rendering: Rendering) -> bytes:
    """Return the frame as a picture no larger than its size, its proportions kept."""
    plain = find_plain_image(path)
    if plain is not None:
        words = _cut(plain.words(rendering.frame), rendering)
        return _picture(plain.to_grey(words, rendering), rendering)
    image = load(path)
    if _is_picture_already(image, rendering):
        return get_frame(image.PixelData, rendering.frame - 1, number_of_frames=frame_count(image))
    pixels = _cut(decode(image, rendering.frame), rendering)
    return _picture(_to_bytes(image, pixels, rendering), rendering)


def _picture(drawn: Grey, rendering: Rendering) -> bytes:
    drawn = np.ascontiguousarray(drawn)
    if rendering.size is not None:
        drawn = _scaled(drawn, rendering.size, may_enlarge=rendering.may_enlarge)
    if rendering.format is ImageFormat.PNG:
        return encode_png(drawn)
    return encode_jpeg(drawn, rendering.quality)


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


def _cut(pixels: NDArray[_Value], rendering: Rendering) -> NDArray[_Value]:
    """Return the region, of a picture drawn small only as many pixels as that needs."""
    if rendering.region is not None:
        pixels = _region(pixels, rendering.region)
    return _thinned(pixels, rendering.size)


def _region(pixels: NDArray[_Value], region: SourceRegion) -> NDArray[_Value]:
    rows, columns = pixels.shape[:2]
    bottom = rows if region.height is None else region.top + region.height
    right = columns if region.width is None else region.left + region.width
    if not (0 <= region.top < bottom <= rows and 0 <= region.left < right <= columns):
        raise NoSuchRegion
    cut = pixels[region.top : bottom, region.left : right]
    if region.is_flipped_horizontally:
        cut = cut[:, ::-1]
    return cut[::-1] if region.is_flipped_vertically else cut


def _thinned(pixels: NDArray[_Value], size: tuple[int, int] | None) -> NDArray[_Value]:
    """Leave out pixels before they are windowed, keeping twice as many as will be drawn."""
    if size is None:
        return pixels
    rows, columns = pixels.shape[:2]
    step = int(max(columns / size[0], rows / size[1]) // 2)
    return pixels[::step, ::step] if step > 1 else pixels


def _scaled(drawn: Grey, size: tuple[int, int], *, may_enlarge: bool) -> Grey:
    rows, columns = drawn.shape[:2]
    ratio = min(size[0] / columns, size[1] / rows)
    if ratio == 1 or (ratio > 1 and not may_enlarge):
        return drawn
    width, height = (min(max(round(n * ratio), 1), _MAX_SIDE) for n in (columns, rows))
    resized = Image.fromarray(drawn).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def _to_bytes(image: Dataset, pixels: Pixels, rendering: Rendering) -> Grey:
    photometric = image.PhotometricInterpretation
    if photometric == "PALETTE COLOR":
        coloured = apply_color_lut(pixels, image)
        return eight_bits(coloured, coloured.dtype.itemsize * 8)
    if pixels.ndim == 3:
        return to_rgb(image, pixels)
    return to_grey(pixels, _grey_scale(image, rendering.frame).as_asked(rendering))


def _grey_scale(image: Dataset, frame: int) -> GreyScale:
    groups = _functional_groups(image, frame)
    holder = _holder(image, groups, "PixelValueTransformationSequence", "RescaleSlope")
    voi = _holder(image, groups, "FrameVOILUTSequence", "WindowCenter")
    window = stored_window(_first(voi.get("WindowCenter")), _first(voi.get("WindowWidth")))
    return GreyScale(
        partial(apply_modality_lut, ds=holder),
        window,
        stored_shape(str(voi.get("VOILUTFunction") or "")),
        is_inverse=image.PhotometricInterpretation == "MONOCHROME1"
        or image.get("PresentationLUTShape") == "INVERSE",
        table=find_voi_lut(image) if window is None else None,
    )


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


def _first(value: object) -> float | None:
    """Return the first of one or several decimal strings, None where there is none."""
    values = list(value) if isinstance(value, MultiValue) else [value]
    return float(str(values[0])) if values and values[0] not in {None, ""} else None
