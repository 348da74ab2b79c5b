"""Pixels of 8 bits as PNG or JPEG, the quick way (docs/decisions/0024)."""

import struct

import imagecodecs
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOURS = 0, 2
_FROM_THE_LEFT = 1
_LEVEL = 1


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Write rows x columns, or rows x columns x 3, as PNG (ISO/IEC 15948).

    Every line holds differences from the left (filter type 1, Sub), deflated by ISA-L.
    """
    rows, columns = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    values = pixels.reshape(rows, columns * samples)
    lines = np.empty((rows, 1 + columns * samples), np.uint8)
    lines[:, 0] = _FROM_THE_LEFT
    lines[:, 1 : 1 + samples] = values[:, :samples]
    np.subtract(values[:, samples:], values[:, :-samples], out=lines[:, 1 + samples :])
    header = struct.pack(">IIBBBBB", columns, rows, 8, _GREY if samples == 1 else _COLOURS, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            *_chunk(b"IHDR", header),
            *_chunk(b"IDAT", isal_zlib.compress(lines, _LEVEL)),
            *_chunk(b"IEND", b""),
        )
    )


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """Write rows x columns, or rows x columns x 3 of RGB, as JPEG baseline."""
    return bytes(imagecodecs.jpeg8_encode(pixels, level=quality, subsampling="420"))


def _chunk(name: bytes, octets: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    check = isal_zlib.crc32(octets, isal_zlib.crc32(name))
    return len(octets).to_bytes(4, "big"), name, octets, check.to_bytes(4, "big")
