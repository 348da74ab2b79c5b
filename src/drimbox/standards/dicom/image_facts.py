"""Attributes of an image object -> what a viewer says around it (PS3.3 C.7.6, IHE RAD BIR)."""

import math

from drimbox.model.image_facts import Edges, ImageFacts
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet

_ROWS, _COLUMNS, _NUMBER_OF_FRAMES = 0x00280010, 0x00280011, 0x00280008
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_WINDOW_CENTER, _WINDOW_WIDTH = 0x00281050, 0x00281051
_PIXEL_SPACING, _IMAGER_PIXEL_SPACING = 0x00280030, 0x00181164
_IMAGE_ORIENTATION, _PATIENT_ORIENTATION = 0x00200037, 0x00200020
_MODALITY, _INSTANCE_NUMBER = 0x00080060, 0x00200013
_SLICE_LOCATION, _SLICE_THICKNESS = 0x00201041, 0x00180050
_IMAGE_LATERALITY, _LATERALITY, _VIEW_POSITION = 0x00200062, 0x00200060, 0x00185101
_KVP, _TUBE_CURRENT = 0x00180060, 0x00181151
_ECHO_TIME, _REPETITION_TIME = 0x00180081, 0x00180080
_FRAME_TIME = 0x00181063
_SHARED_GROUPS, _PER_FRAME_GROUPS = 0x52009229, 0x52009230
# A direction counts as an axis of the patient when this much of it lies along that axis.
_NEGLIGIBLE = 0.2


def parse_image_facts(data_set: DataSet) -> ImageFacts | None:
    """Return the facts, leniently; None for an object without rows: it is no image.

    Of a multi-frame object with functional groups, they are those of its first frame.
    """
    data_set = {**_functional_groups(data_set), **data_set}
    attributes = Attributes(data_set)
    rows, columns = _unsigned(data_set, _ROWS), _unsigned(data_set, _COLUMNS)
    if not rows or not columns:
        return None
    center, width = _number(attributes, _WINDOW_CENTER), _number(attributes, _WINDOW_WIDTH)
    return ImageFacts(
        rows=rows,
        columns=columns,
        number_of_frames=max(1, attributes.integer(_NUMBER_OF_FRAMES) or 1),
        is_monochrome=attributes.text(_PHOTOMETRIC_INTERPRETATION).startswith("MONOCHROME"),
        window=(center, width) if center is not None and width else None,
        pixel_spacing_mm=_spacing(attributes),
        edges=_edges(attributes),
        modality=attributes.text(_MODALITY),
        instance_number=attributes.integer(_INSTANCE_NUMBER),
        slice_location_mm=_number(attributes, _SLICE_LOCATION),
        slice_thickness_mm=_number(attributes, _SLICE_THICKNESS),
        laterality=attributes.text(_IMAGE_LATERALITY) or attributes.text(_LATERALITY),
        view_position=attributes.text(_VIEW_POSITION),
        kvp=_number(attributes, _KVP),
        tube_current_ma=_number(attributes, _TUBE_CURRENT),
        echo_time_ms=_number(attributes, _ECHO_TIME),
        repetition_time_ms=_number(attributes, _REPETITION_TIME),
        frame_time_ms=_number(attributes, _FRAME_TIME),
    )


def _functional_groups(data_set: DataSet) -> DataSet:
    """Return the attributes of every macro of the first frame, and of all (PS3.3 C.7.6.16)."""
    found: DataSet = {}
    for tag in (_SHARED_GROUPS, _PER_FRAME_GROUPS):
        for macro in _first_item(data_set, tag).values():
            if macro[0] == "SQ" and isinstance(macro[1], list) and macro[1]:
                found |= macro[1][0]
    return found


def _first_item(data_set: DataSet, tag: int) -> DataSet:
    items = data_set.get(tag, ("", b""))[1]
    return items[0] if isinstance(items, list) and items else {}


def _unsigned(data_set: DataSet, tag: int) -> int:
    """Return a US; values are little endian whatever the transfer syntax."""
    element = data_set.get(tag)
    value = element[1] if element is not None else b""
    return int.from_bytes(value[:2], "little") if isinstance(value, bytes) else 0


def _numbers(attributes: Attributes, tag: int) -> tuple[float, ...]:
    """Return the values of a DS; none where one is no number, or no finite one."""
    try:
        numbers = tuple(float(text) for text in attributes.texts(tag))
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def _number(attributes: Attributes, tag: int) -> float | None:
    numbers = _numbers(attributes, tag)
    return numbers[0] if numbers else None


def _spacing(attributes: Attributes) -> tuple[float, float] | None:
    for tag in (_PIXEL_SPACING, _IMAGER_PIXEL_SPACING):
        numbers = _numbers(attributes, tag)
        if len(numbers) == 2 and min(numbers) > 0:
            return numbers[0], numbers[1]
    return None


def _edges(attributes: Attributes) -> Edges:
    """Read the edges from the direction cosines, else from Patient Orientation (C.7.6.1.1.1)."""
    cosines = _numbers(attributes, _IMAGE_ORIENTATION)
    if len(cosines) == 6:
        right, bottom = _letters(cosines[:3]), _letters(cosines[3:])
        return Edges(_opposite(right), right, _opposite(bottom), bottom)
    letters = attributes.texts(_PATIENT_ORIENTATION)
    if len(letters) == 2:
        right, bottom = letters
        return Edges(_opposite(right), right, _opposite(bottom), bottom)
    return Edges()


def _letters(direction: tuple[float, ...]) -> str:
    """Name a direction by the patient's sides, the strongest first (C.7.6.2.1.1: +x is Left)."""
    named = zip(direction, ("LR", "PA", "HF"), strict=True)
    parts = [(abs(part), letters[0 if part > 0 else 1]) for part, letters in named]
    parts.sort(reverse=True)
    return "".join(letter for size, letter in parts[:2] if size > _NEGLIGIBLE)


def _opposite(letters: str) -> str:
    return letters.translate(str.maketrans("LRPAHF", "RLAPFH"))
