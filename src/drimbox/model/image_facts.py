"""What a viewer says around an image: geometry, grey scale, how it was acquired."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edges:
    """Which side of the patient each edge shows: R, L, A, P, H, F, or two of them (PS3.3 C.7.6.1).

    An edge is empty where the image has no orientation.
    """

    left: str = ""
    right: str = ""
    top: str = ""
    bottom: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Facts of one instance; None where it does not say.

    window is (center, width) in output units of the modality LUT; pixel_spacing_mm is (between
    rows, between columns); times of MR in milliseconds, frame_time_ms between frames of a cine.
    """

    rows: int
    columns: int
    number_of_frames: int = 1
    is_monochrome: bool = True
    window: tuple[float, float] | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    edges: Edges = Edges()
    modality: str = ""
    instance_number: int | None = None
    slice_location_mm: float | None = None
    slice_thickness_mm: float | None = None
    laterality: str = ""
    view_position: str = ""
    kvp: float | None = None
    tube_current_ma: float | None = None
    echo_time_ms: float | None = None
    repetition_time_ms: float | None = None
    frame_time_ms: float | None = None
