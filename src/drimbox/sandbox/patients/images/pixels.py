"""Pixel data in each transfer syntax of the demo (PS3.5 8 and A.4)."""

from collections.abc import Callable
from dataclasses import dataclass

import imagecodecs
import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

Frame = npt.NDArray[np.uint16] | npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Codec:
    """An encoder; writes_all_bits: its stream says 16 bits whatever the values need."""

    encode: Callable[[Frame], bytes]
    writes_all_bits: bool = False


def _jpeg_lossless(frame: Frame) -> bytes:
    # Selection value 1 is what the syntax promises; imagecodecs' ljpeg writes another.
    return bytes(imagecodecs.jpeg8_encode(frame, lossless=True, predictor=1, bitspersample=12))


def _jpeg_2000(frame: Frame) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(
            frame, level=0, codecformat="j2k", reversible=True, bitspersample=12, mct=False
        )
    )


_CODECS: dict[str, _Codec] = {
    JPEGLosslessSV1: _Codec(_jpeg_lossless),
    JPEGLSLossless: _Codec(lambda f: bytes(imagecodecs.jpegls_encode(f)), writes_all_bits=True),
    JPEG2000Lossless: _Codec(_jpeg_2000),
    JPEGBaseline8Bit: _Codec(
        lambda f: bytes(imagecodecs.jpeg8_encode(f, level=88, subsampling="422"))
    ),
}


def put_pixels(item: Dataset, frames: list[Frame], *, bits_stored: int) -> None:
    """Add the image pixel module, encoded as the file meta information says.

    Frames share shape and type: rows x columns, or rows x columns x 3 (colour by octets).
    """
    first = frames[0]
    syntax = item.file_meta.TransferSyntaxUID
    codec = _CODECS.get(syntax)
    _put_shape(item, first, bits_stored, codec)
    if syntax == RLELossless:
        item.compress(
            RLELossless,
            np.stack(frames) if len(frames) > 1 else first,
            encoding_plugin="pydicom",
            generate_instance_uid=False,
        )
        return
    if codec is None:
        item.PixelData = b"".join(frame.tobytes() for frame in frames)
        item["PixelData"].VR = "OB" if first.itemsize == 1 else "OW"
        return
    item.PixelData = encapsulate([codec.encode(frame) for frame in frames], has_bot=True)
    item["PixelData"].VR = "OB"
    item["PixelData"].is_undefined_length = True


def _put_shape(item: Dataset, frame: Frame, bits_stored: int, codec: _Codec | None) -> None:
    allocated = frame.itemsize * 8
    item.Rows, item.Columns = frame.shape[:2]
    item.BitsAllocated = allocated
    item.BitsStored = allocated if codec and codec.writes_all_bits else bits_stored
    item.HighBit = item.BitsStored - 1
    item.PixelRepresentation = 0
    if frame.ndim == 2:
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        return
    item.SamplesPerPixel, item.PlanarConfiguration = 3, 0
    is_jpeg = item.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    item.PhotometricInterpretation = "YBR_FULL_422" if is_jpeg else "RGB"
