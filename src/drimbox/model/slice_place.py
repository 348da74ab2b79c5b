"""Where a slice lies in the patient, as far as comparing it with others needs."""

from dataclasses import dataclass

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class SlicePlace:
    """One frame of an object: position_mm is the centre of its first pixel, normal of length 1.

    Both are in the axes of the patient (+x left, +y back, +z head) and, like those of any other
    place, only to be compared within one frame_of_reference_uid ("" where it is not told).
    """

    frame: int
    frame_of_reference_uid: str
    position_mm: Vector
    normal: Vector
