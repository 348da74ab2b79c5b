"""What is written as PNG is read back the same by Pillow; as JPEG, nearly."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from drimbox.adapters.pixel_worker_process.pictures import encode_jpeg, encode_png

SHAPES = [(1, 1), (1, 7), (7, 1), (40, 64), (513, 255), (1, 1, 3), (3, 2, 3), (40, 64, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["noise", "black"])
def test_a_png_is_read_back_the_same(shape: tuple[int, ...], kind: str) -> None:
    pixels = np.zeros(shape, np.uint8)
    if kind == "noise":
        pixels = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    octets = encode_png(pixels)
    picture = Image.open(io.BytesIO(octets))
    assert picture.format == "PNG"
    assert picture.mode == ("L" if pixels.ndim == 2 else "RGB")
    assert (np.asarray(picture) == pixels).all()


def test_every_chunk_of_a_png_has_its_check_sum() -> None:
    octets = encode_png(np.zeros((9, 9), np.uint8))
    offset, names = 8, []
    while offset < len(octets):
        length = int.from_bytes(octets[offset : offset + 4], "big")
        named = octets[offset + 4 : offset + 8 + length]
        check = int.from_bytes(octets[offset + 8 + length : offset + 12 + length], "big")
        assert check == zlib.crc32(named)
        names.append(named[:4])
        offset += 12 + length
    assert names == [b"IHDR", b"IDAT", b"IEND"]


def test_a_png_of_a_smooth_picture_is_small() -> None:
    slope = np.add.outer(np.arange(512), np.arange(512)).astype(np.uint8)
    assert len(encode_png(slope)) < slope.size / 20


@pytest.mark.parametrize("shape", [s for s in SHAPES if min(s[:2]) > 8], ids=str)
def test_a_jpeg_is_near_what_was_written(shape: tuple[int, ...]) -> None:
    rows, columns = shape[:2]
    slope = np.add.outer(np.arange(rows) * 200 / rows, np.arange(columns) * 50 / columns)
    pixels = np.broadcast_to(slope.reshape(rows, columns, *[1] * (len(shape) - 2)), shape)
    picture = Image.open(io.BytesIO(encode_jpeg(np.ascontiguousarray(pixels, np.uint8), 85)))
    assert picture.format == "JPEG"
    assert picture.mode == ("L" if len(shape) == 2 else "RGB")
    assert np.abs(np.asarray(picture).astype(int) - pixels).max() < 12


def test_colours_of_a_jpeg_are_kept() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32] = (200, 30, 40)
    pixels[:, 32:] = (20, 60, 180)
    with_marker = encode_jpeg(pixels, 90)
    assert b"JFIF" in with_marker[:32]
    read = np.asarray(Image.open(io.BytesIO(with_marker))).astype(int)
    assert np.abs(read[:, :24] - (200, 30, 40)).max() < 12
    assert np.abs(read[:, 40:] - (20, 60, 180)).max() < 12


@pytest.mark.parametrize("quality", [1, 100])
def test_every_quality_is_a_picture(quality: int) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (33, 33), np.uint8)
    octets = encode_jpeg(noise, quality)
    with ImageFile.Parser() as parser:
        parser.feed(octets)
    assert parser.close().size == (33, 33)
