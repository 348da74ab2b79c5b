"""Pixels into another transfer syntax: uncompressed, lossless, or lossy where that is asked for.

A lossless copy is the same object and keeps everything but its pixel description. A lossy one keeps
its SOP Instance UID too, since it answers a request for that very object and is never stored under
it; it says that it is lossy (PS3.3 C.7.6.1.1.5) and by whom.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import UID, ExplicitVRLittleEndian

from drimbox.adapters.pixel_worker_process.colours import decoded_photometric, to_rgb
from drimbox.adapters.pixel_worker_process.pixels import (
    Pixels,
    check_has_pixels,
    decode,
    decode_frame,
    frame_count,
)

_QUALITY = 90
_MAX_NATIVE_BYTES = 2**32 - 2
_BASIC_OFFSET_TABLE_LIMIT = 2**32 - 2
_JPEG_BASELINE, _JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
_JPEG_LOSSLESS_SV1, _JPEG_LS = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
_JPEG_2000_LOSSLESS, _JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
_HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
_LOSSY = frozenset({_JPEG_BASELINE, _JPEG_EXTENDED})
_WITH_SIGN = frozenset({_JPEG_2000_LOSSLESS, _JPEG_2000, _HTJ2K_LOSSLESS})


class CannotEncode(Exception):
    """These pixels cannot be in that syntax."""


def transcode_frame(path: Path, frame: int, syntax: str) -> bytes:
    """Return one frame (counted from 1) in the syntax."""
    image, decoded = decode_frame(path, frame)
    if syntax == ExplicitVRLittleEndian:
        is_planar = decoded.ndim == 3 and image.get("PlanarConfiguration") == 1
        return (decoded.transpose(2, 0, 1) if is_planar else decoded).tobytes()
    return _encode(image, decoded, syntax)


def transcode_file(
    path: Path, target: Path, syntax: str, tell_progress: Callable[[], None]
) -> None:
    """Write the object in the syntax; tell_progress is called after each frame."""
    image = dcmread(path)
    check_has_pixels(image)
    is_native = syntax == ExplicitVRLittleEndian
    frames: list[bytes] = []
    size = 0
    photometric = decoded_photometric(image) if image.SamplesPerPixel > 1 else None
    for number in range(1, frame_count(image) + 1):
        decoded = decode(image, number)
        size += decoded.nbytes
        if is_native and size > _MAX_NATIVE_BYTES:
            raise CannotEncode  # PS3.18 8.7.8.1 note 1
        frames.append(decoded.tobytes() if is_native else _encode(image, decoded, syntax))
        tell_progress()
    _replace_pixels(image, frames, syntax)
    if photometric is not None:
        image.PlanarConfiguration = 0
        is_jpeg = syntax == _JPEG_BASELINE
        image.PhotometricInterpretation = "YBR_FULL_422" if is_jpeg else photometric
    if syntax in _LOSSY:
        _say_lossy(image, size / max(sum(map(len, frames)), 1))
    image.file_meta.TransferSyntaxUID = UID(syntax)
    image.save_as(target, enforce_file_format=True)


def _encode(image: Dataset, pixels: Pixels, syntax: str) -> bytes:
    encoder = _ENCODERS.get(syntax)
    if encoder is None or image.BitsAllocated not in {8, 16} or _is_palette(image):
        raise CannotEncode
    if pixels.dtype.kind == "i" and syntax not in _WITH_SIGN:
        # Two's complement: a decoder puts the sign back from Pixel Representation.
        pixels = pixels.view(f"u{pixels.dtype.itemsize}")
    return bytes(encoder(image, pixels))


def _jpeg_baseline(image: Dataset, pixels: Pixels) -> Any:  # noqa: ANN401  # untyped library
    if pixels.dtype != np.uint8 or image.PixelRepresentation:
        raise CannotEncode
    if pixels.ndim == 3:
        pixels = to_rgb(image, pixels)
    return imagecodecs.jpeg8_encode(pixels, level=_QUALITY, subsampling="422")


def _jpeg_extended(image: Dataset, pixels: Pixels) -> Any:  # noqa: ANN401  # untyped library
    if pixels.dtype != np.uint16 or image.BitsStored > 12 or image.PixelRepresentation:
        raise CannotEncode
    if pixels.ndim != 2 or int(pixels.max(initial=0)) > 0xFFF:
        raise CannotEncode
    return imagecodecs.jpeg8_encode(pixels, level=_QUALITY, bitspersample=12)


def _jpeg_lossless(image: Dataset, pixels: Pixels) -> Any:  # noqa: ANN401  # untyped library
    bits = _bits(image, pixels)
    # Whatever the colours are, libjpeg shall take them for what it writes: it changes none then.
    colours = None if pixels.ndim == 2 else "RGB"
    return imagecodecs.jpeg8_encode(
        pixels,
        lossless=True,
        predictor=1,
        bitspersample=bits,
        colorspace=colours,
        outcolorspace=colours,
    )


def _jpeg_2000(image: Dataset, pixels: Pixels) -> Any:  # noqa: ANN401  # untyped library
    bits = None if pixels.dtype.kind == "i" else _bits(image, pixels)
    return imagecodecs.jpeg2k_encode(
        pixels, codecformat="j2k", reversible=True, mct=False, bitspersample=bits
    )


def _htj2k(image: Dataset, pixels: Pixels) -> Any:  # noqa: ANN401  # untyped library
    del image
    is_coloured = pixels.ndim == 3
    return imagecodecs.htj2k_encode(pixels, reversible=True, rgb=False if is_coloured else None)


_ENCODERS: dict[str, Callable[[Dataset, Pixels], Any]] = {
    _JPEG_BASELINE: _jpeg_baseline,
    _JPEG_EXTENDED: _jpeg_extended,
    _JPEG_LOSSLESS_SV1: _jpeg_lossless,
    _JPEG_LS: lambda _image, pixels: imagecodecs.jpegls_encode(pixels),
    _JPEG_2000_LOSSLESS: _jpeg_2000,
    _JPEG_2000: _jpeg_2000,
    _HTJ2K_LOSSLESS: _htj2k,
}


def _bits(image: Dataset, pixels: Pixels) -> int:
    """Return the precision that holds every value: Bits Stored, more where the high bits are used.

    Old images keep an overlay there (PS3.5 8.1.1).
    """
    stored = int(image.BitsStored)
    needed = int(pixels.max(initial=0)).bit_length()
    return stored if needed <= stored else pixels.dtype.itemsize * 8


def _is_palette(image: Dataset) -> bool:
    return str(image.get("PhotometricInterpretation")) == "PALETTE COLOR"


def _replace_pixels(image: Dataset, frames: list[bytes], syntax: str) -> None:
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in image:
            delattr(image, keyword)
    if syntax == ExplicitVRLittleEndian:
        octets = b"".join(frames)
        image.PixelData = octets + b"\0" * (len(octets) % 2)
        image["PixelData"].VR = "OB" if image.BitsAllocated <= 8 else "OW"
        image["PixelData"].is_undefined_length = False
        return
    if sum(len(frame) + 9 for frame in frames) < _BASIC_OFFSET_TABLE_LIMIT:
        image.PixelData = encapsulate(frames)
    else:
        told = encapsulate_extended(frames)
        image.PixelData, image.ExtendedOffsetTable, image.ExtendedOffsetTableLengths = told
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True


def _say_lossy(image: Dataset, ratio: float) -> None:
    """Say what was lost, after what was lost before (PS3.3 C.7.6.1.1.5)."""
    image.LossyImageCompression = "01"
    image.LossyImageCompressionRatio = [
        *_values(image, "LossyImageCompressionRatio"),
        f"{ratio:.2f}",
    ]
    image.LossyImageCompressionMethod = [
        *_values(image, "LossyImageCompressionMethod"),
        "ISO_10918_1",
    ]
    note = "Lossy copy for display, made by the gateway"
    former = str(image.get("DerivationDescription") or "")
    image.DerivationDescription = f"{former}; {note}"[-1024:].lstrip("; ") if former else note


def _values(image: Dataset, keyword: str) -> list[str]:
    value = image.get(keyword)
    if value is None or value == "":
        return []
    return [str(v) for v in value] if not isinstance(value, str | float | int) else [str(value)]
