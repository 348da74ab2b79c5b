"""The planes of an image object (PS3.3 C.7.6.2; of many frames C.7.6.16.2.3 and .4)."""

import math
from collections.abc import Iterator

from drimbox.model.slice_place import SlicePlace, Vector
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet

_FRAME_OF_REFERENCE_UID = 0x00200052
_IMAGE_POSITION, _IMAGE_ORIENTATION = 0x00200032, 0x00200037
_PLANE_POSITION, _PLANE_ORIENTATION = 0x00209113, 0x00209116
_SHARED_GROUPS, _PER_FRAME_GROUPS = 0x52009229, 0x52009230
# Direction cosines are written with few digits: a normal this far from length 1 is none.
_TOLERANCE = 0.05


def parse_slice_places(data_set: DataSet) -> tuple[SlicePlace, ...]:
    """Return the places of the frames that have one, leniently; none for a projection."""
    whole = Attributes(data_set)
    frame_of_reference = whole.text(_FRAME_OF_REFERENCE_UID)
    return tuple(
        SlicePlace(frame, frame_of_reference, position, normal)
        for frame, position, normal in _planes(whole)
    )


def _planes(whole: Attributes) -> Iterator[tuple[int, Vector, Vector]]:
    shared = whole.first_item(_SHARED_GROUPS)
    frames = whole.items(_PER_FRAME_GROUPS) or (whole,)
    for number, groups in enumerate(frames, 1):
        position = _first_of(groups, shared, _PLANE_POSITION, _IMAGE_POSITION, whole)
        cosines = _first_of(groups, shared, _PLANE_ORIENTATION, _IMAGE_ORIENTATION, whole)
        normal = _normal(cosines)
        if len(position) == 3 and normal is not None:
            yield number, (position[0], position[1], position[2]), normal


def _first_of(
    frame: Attributes, shared: Attributes, macro: int, tag: int, whole: Attributes
) -> tuple[float, ...]:
    """Return the numbers of a macro of the frame, else of all frames, else of the object."""
    for place in (frame.first_item(macro), shared.first_item(macro), whole):
        if numbers := _numbers(place, tag):
            return numbers
    return ()


def _numbers(attributes: Attributes, tag: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(text) for text in attributes.texts(tag))
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def _normal(cosines: tuple[float, ...]) -> Vector | None:
    if len(cosines) != 6:
        return None
    a, b, c, d, e, f = cosines
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    length = math.hypot(*normal)
    if abs(length - 1) > _TOLERANCE:
        return None
    return normal[0] / length, normal[1] / length, normal[2] / length
