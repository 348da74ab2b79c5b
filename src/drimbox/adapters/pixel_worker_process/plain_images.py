"""Uncompressed grey images, drawn straight from their file: the slices of most studies.

Their header is read as octets, and of their pixels one frame: a slice of CT costs a tenth of what
a whole data set does. Whatever is out of the ordinary is none, and pydicom reads it.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from pathlib import Path

import numpy as np

from drimbox.adapters.pixel_worker_process.grey import (
    Grey,
    GreyScale,
    LinearRescale,
    StoredForm,
    Words,
    grey_table,
    stored_shape,
    stored_window,
    to_grey,
)
from drimbox.adapters.pixel_worker_process.pixels import NoSuchFrame
from drimbox.errors import MalformedMessage
from drimbox.model.frames import FrameIndex
from drimbox.ports.pixel_worker import Rendering
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet, DataSetReader, ElementHeader
from drimbox.standards.dicom.frame_index import find_frames
from drimbox.standards.dicom.part10 import parse_file_meta
from drimbox.standards.dicom.transfer_syntaxes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    encoding_of,
)

_HEADER_BYTES = 64 * 1024
_SAMPLES_PER_PIXEL, _PHOTOMETRIC_INTERPRETATION = 0x00280002, 0x00280004
_BITS_STORED, _HIGH_BIT, _PIXEL_REPRESENTATION = 0x00280101, 0x00280102, 0x00280103
_WINDOW_CENTER, _WINDOW_WIDTH, _VOI_LUT_FUNCTION = 0x00281050, 0x00281051, 0x00281056
_RESCALE_INTERCEPT, _RESCALE_SLOPE = 0x00281052, 0x00281053
_MODALITY_LUT_SEQUENCE, _VOI_LUT_SEQUENCE = 0x00283000, 0x00283010
_PRESENTATION_LUT_SHAPE = 0x20500020
_SHARED_FUNCTIONAL_GROUPS, _PER_FRAME_FUNCTIONAL_GROUPS = 0x52009229, 0x52009230
_SYNTAXES = frozenset({EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN})
_OUT_OF_THE_ORDINARY = frozenset(
    {_MODALITY_LUT_SEQUENCE, _SHARED_FUNCTIONAL_GROUPS, _PER_FRAME_FUNCTIONAL_GROUPS}
)


@dataclass(frozen=True, slots=True)
class PlainImage:
    """Where the frames are, and what their values mean."""

    path: Path
    frames: FrameIndex
    rows: int
    columns: int
    form: StoredForm
    scale: GreyScale

    def words(self, frame: int) -> Words:
        """Read one frame (counted from 1): rows x columns, as stored.

        Raises:
            NoSuchFrame: there are fewer.
            ValueError: the file ends before it.
        """
        if not 1 <= frame <= self.frames.count:
            raise NoSuchFrame
        ((offset, _),) = self.frames.ranges(frame)
        count = self.rows * self.columns
        words = np.fromfile(self.path, self.form.word, count, offset=offset)
        return words.reshape(self.rows, self.columns)

    def to_grey(self, words: Words, rendering: Rendering) -> Grey:
        """Return the grey of words, through the window asked for or that of the header."""
        scale = self.scale.as_asked(rendering)
        if scale.window is None:
            return to_grey(self.form.values(words), scale)
        # The table has a grey for every word there is: nothing wraps, and that mode is fastest.
        return np.take(grey_table(self.form, scale), words, mode="wrap")


def find_plain_image(path: Path) -> PlainImage | None:
    """Return the image, None for one that is to be read otherwise.

    Those of the last few series stay known: a viewer that changes the window has them drawn again.
    """
    stat = path.stat()
    return _find(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns))


@lru_cache(maxsize=1024)
def _find(path: Path, _version: tuple[int, int, int]) -> PlainImage | None:
    with path.open("rb", buffering=0) as file:
        octets = memoryview(file.read(_HEADER_BYTES))
    try:
        meta = parse_file_meta(octets)
        if meta.transfer_syntax_uid not in _SYNTAXES:
            return None
        content = octets[meta.data_set_offset :]
        reader = DataSetReader(content, encoding_of(meta.transfer_syntax_uid))
        data_set, offset = reader.read_before(frozenset({tags.PIXEL_DATA}), len(content))
        pixels = reader.read_header(offset, len(content))
        return _plain_image(path, data_set, pixels, meta.data_set_offset)
    except (MalformedMessage, ValueError):
        return None


def _plain_image(
    path: Path, data_set: DataSet, pixels: ElementHeader, data_set_offset: int
) -> PlainImage | None:
    """Return the image, None where it is none of these.

    Raises:
        ValueError: a number that is none.
    """
    in_file = pixels._replace(value_offset=pixels.value_offset + data_set_offset)
    frames = find_frames(data_set, in_file, lambda _offset, _length: b"")
    attributes = Attributes(data_set)
    form = _form(attributes)
    photometric = attributes.text(_PHOTOMETRIC_INTERPRETATION)
    if (
        frames is None
        or form is None
        or photometric not in {"MONOCHROME1", "MONOCHROME2"}
        or attributes.unsigned(_SAMPLES_PER_PIXEL) != 1
        or not _OUT_OF_THE_ORDINARY.isdisjoint(data_set)
    ):
        return None
    rows, columns = attributes.unsigned(tags.ROWS) or 0, attributes.unsigned(tags.COLUMNS) or 0
    is_inverse = (
        photometric == "MONOCHROME1" or attributes.text(_PRESENTATION_LUT_SHAPE) == "INVERSE"
    )
    scale = _scale(attributes, is_inverse=is_inverse)
    if scale.window is None and _VOI_LUT_SEQUENCE in data_set:
        return None
    return PlainImage(path, frames, rows, columns, form, scale)


def _form(attributes: Attributes) -> StoredForm | None:
    allocated, stored = attributes.unsigned(tags.BITS_ALLOCATED), attributes.unsigned(_BITS_STORED)
    if allocated not in {8, 16} or stored is None or not 0 < stored <= allocated:
        return None
    if attributes.unsigned(_HIGH_BIT) != stored - 1:
        return None
    return StoredForm(allocated, stored, is_signed=attributes.unsigned(_PIXEL_REPRESENTATION) == 1)


def _scale(attributes: Attributes, *, is_inverse: bool) -> GreyScale:
    slope, intercept = _first(attributes, _RESCALE_SLOPE), _first(attributes, _RESCALE_INTERCEPT)
    center, width = _first(attributes, _WINDOW_CENTER), _first(attributes, _WINDOW_WIDTH)
    rescale = LinearRescale()
    if slope is not None and intercept is not None:
        rescale = LinearRescale(slope, intercept)
    return GreyScale(
        rescale,
        stored_window(center, width),
        stored_shape(attributes.text(_VOI_LUT_FUNCTION)),
        is_inverse,
    )


def _first(attributes: Attributes, tag: int) -> float | None:
    """Return the first of one or several decimal strings, None where there is none.

    Raises:
        ValueError: no number.
    """
    texts = attributes.texts(tag)
    number = float(texts[0]) if texts else None
    if number is not None and not isfinite(number):
        raise ValueError(f"{tag:08X} is no number")
    return number
