"""MR Image Storage objects (PS3.3 A.4)."""

from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless, MRImageStorage

from drimbox.sandbox.patients.images.brain_mr import (
    PIXEL,
    SIZE,
    SLICES,
    SPACING,
    Weighting,
    brain_slice,
)
from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.pixels import put_pixels
from drimbox.sandbox.patients.images.plan import AxialPlane, SeriesPlan, put_axial_plane
from drimbox.sandbox.patients.made_up_uid import made_up_uid


@dataclass(frozen=True, slots=True)
class MrSequence:
    """How a weighting is obtained; times in milliseconds, a window that shows it well."""

    weighting: Weighting
    sequence: str
    variant: str
    repetition_time: float
    echo_time: float
    inversion_time: float | None
    window: tuple[int, int]


T1 = MrSequence(Weighting.T1, "SE", "NONE", 520, 9, None, (650, 1250))
T2 = MrSequence(Weighting.T2, "SE", "SK", 4200, 98, None, (800, 1600))
FLAIR = MrSequence(Weighting.FLAIR, "IR", "SK", 9000, 120, 2500, (720, 1450))


def brain_series(sequence: MrSequence, series: SeriesFacts) -> SeriesPlan:
    """Plan the slices of one sequence, from the skull base to the vertex."""
    return SeriesPlan(series, SLICES, partial(_mr_image, sequence))


def _mr_image(sequence: MrSequence, facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    item = new_object(facts, MRImageStorage, JPEGLSLossless)
    put_series(item, facts, series, index)
    frame_of_reference = made_up_uid(str(facts.study.study_instance_uid), "frame of reference")
    plane = AxialPlane(SIZE, PIXEL, -SPACING * index, SPACING - 1)
    put_axial_plane(item, plane, frame_of_reference)
    item.SpacingBetweenSlices = SPACING
    item.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    item.BodyPartExamined = "BRAIN"
    item.ScanningSequence, item.SequenceVariant = sequence.sequence, sequence.variant
    item.ScanOptions = ""
    item.MRAcquisitionType = "2D"
    item.RepetitionTime, item.EchoTime = sequence.repetition_time, sequence.echo_time
    item.EchoTrainLength = 1 if sequence.variant == "NONE" else 15
    if sequence.inversion_time is not None:
        item.InversionTime = sequence.inversion_time
    item.MagneticFieldStrength = 1.5
    item.WindowCenter, item.WindowWidth = sequence.window
    put_pixels(item, [brain_slice(sequence.weighting, index)], bits_stored=12)
    return item
