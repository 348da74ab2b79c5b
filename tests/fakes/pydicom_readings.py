"""What pydicom reads of an object, said as PS3.18 F says it: a second opinion on our metadata."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.encaps import get_frame

# Told besides, or changed on the way out: INS added (SO.39), syntax available; and what stands
# behind the pixels (padding, signatures), for which metadata do not wait.
CHANGED = frozenset({"00101002", "00083002", "FFFCFFFC"})
PIXEL_DATA = "7FE00010"
BULK_OCTETS_IN_BASE_64 = 1368
WORD_SIZES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


def normal(row: Mapping[str, Any], *, is_big_endian: bool = False) -> dict[str, Any]:
    """Forget what PS3.18 F leaves open: group lengths, padding, where bulk data are.

    Binary values are little endian there (F.2.7), which pydicom does not make of big endian ones.
    """
    kept: dict[str, Any] = {}
    for tag, attribute in row.items():
        if tag.endswith("0000") or tag in CHANGED:
            continue
        told = {k: v for k, v in attribute.items() if k != "BulkDataURI"}
        if tag == PIXEL_DATA:
            told = {"vr": told["vr"]}
        if told["vr"] == "SQ":
            items = [normal(item, is_big_endian=is_big_endian) for item in told.get("Value", ())]
            told["Value"] = items
        elif "Value" in told:
            told["Value"] = [v.rstrip(" ") if isinstance(v, str) else v for v in told["Value"]]
        elif is_big_endian and "InlineBinary" in told:
            told["InlineBinary"] = swapped(told["InlineBinary"], WORD_SIZES.get(told["vr"], 1))
        kept[tag] = told
    return kept


def swapped(text: str, size: int) -> str:
    words = np.frombuffer(base64.b64decode(text), f"u{size}")
    return base64.b64encode(words.byteswap().tobytes()).decode()


def is_big(image: Dataset) -> bool:
    return not image.file_meta.TransferSyntaxUID.is_little_endian


def little_endian(image: Dataset, tag: int) -> bytes:
    value = bytes(image[tag].value)
    size = WORD_SIZES.get(image[tag].VR, 1)
    if tag == 0x7FE00010 and size > 1:
        size = max(image.BitsAllocated // 8, 2)
    return np.frombuffer(value, f"u{size}").byteswap().tobytes() if is_big(image) else value


def frames_of(image: Dataset) -> list[bytes]:
    """Return the frames as they are stored, in little endian."""
    count = int(image.get("NumberOfFrames") or 1)
    if image.file_meta.TransferSyntaxUID.is_encapsulated:
        return [get_frame(image.PixelData, n, number_of_frames=count) for n in range(count)]
    octets = little_endian(image, 0x7FE00010)
    length = image.Rows * image.Columns * image.SamplesPerPixel * image.BitsAllocated // 8
    if image.PhotometricInterpretation == "YBR_FULL_422":
        length = length * 2 // 3
    return [octets[n * length : (n + 1) * length] for n in range(count)]
