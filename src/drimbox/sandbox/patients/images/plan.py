"""What a series of the demo is made of: how many objects, and how each is drawn."""

from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from drimbox.sandbox.patients.images.header import SeriesFacts, StudyFacts


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """One series: draw gives the whole data set of the object `index`, from 0 to count - 1."""

    series: SeriesFacts
    count: int
    draw: Callable[[StudyFacts, SeriesFacts, int], Dataset]


@dataclass(frozen=True, slots=True)
class AxialPlane:
    """Where an axial slice lies: its pixels, and its height below the top of trunk.py."""

    size: int
    pixel: float
    z: float
    thickness: float


def put_axial_plane(item: Dataset, plane: AxialPlane, frame_of_reference_uid: str) -> None:
    """Add frame of reference and image plane (PS3.3 C.7.4.1, C.7.6.2): head first, on the back.

    x grows to the patient's left and y to the back, as trunk.py has them; DICOM's z grows to the
    head.
    """
    corner = (0.5 - plane.size / 2) * plane.pixel
    item.FrameOfReferenceUID = frame_of_reference_uid
    item.PositionReferenceIndicator = ""
    item.PatientPosition = "HFS"
    item.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    item.ImagePositionPatient = [_ds(corner), _ds(corner), _ds(-plane.z)]
    item.PixelSpacing = [_ds(plane.pixel), _ds(plane.pixel)]
    item.SliceThickness = _ds(plane.thickness)
    item.SliceLocation = _ds(-plane.z)


def _ds(value: float) -> str:
    """Return a decimal string of at most 16 characters."""
    return f"{value:.6g}"
