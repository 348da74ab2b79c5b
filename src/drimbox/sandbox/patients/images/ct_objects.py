"""CT Image Storage objects (PS3.3 A.3)."""

from dataclasses import dataclass
from functools import partial

from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
)

from drimbox.sandbox.patients.images import trunk
from drimbox.sandbox.patients.images.computed_tomography import (
    RESCALE_INTERCEPT,
    CtProtocol,
    ct_slice,
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
class CtAcquisition:
    """Slices from `top` downwards, `step` millimetres apart, in one transfer syntax."""

    protocol: CtProtocol
    top: float
    step: float
    syntax: str
    tube_current: int


CHEST_ABDOMEN = CtAcquisition(
    CtProtocol(512, 400, noise=13, extra=trunk.NODULE_ON_THE_RIGHT + trunk.LIVER_CYST),
    top=-12,
    step=1.5,
    syntax=ExplicitVRLittleEndian,
    tube_current=240,
)
LOW_DOSE_CHEST = CtAcquisition(
    CtProtocol(512, 380, noise=34, has_contrast=False, extra=trunk.CALCIFIED_NODULE),
    top=2,
    step=4,
    syntax=JPEG2000Lossless,
    tube_current=30,
)
BESIDE_PET = CtAcquisition(
    CtProtocol(512, 500, noise=24, has_contrast=False, extra=trunk.PRIMARY_TUMOUR_ON_THE_LEFT),
    top=-150,
    step=5,
    syntax=JPEGLosslessSV1,
    tube_current=60,
)


def ct_series(acquisition: CtAcquisition, series: SeriesFacts, count: int) -> SeriesPlan:
    """Plan a series of `count` slices."""
    return SeriesPlan(series, count, partial(_ct_image, acquisition))


def _ct_image(
    acquisition: CtAcquisition, facts: StudyFacts, series: SeriesFacts, index: int
) -> Dataset:
    protocol = acquisition.protocol
    item = new_object(facts, CTImageStorage, acquisition.syntax)
    put_series(item, facts, series, index)
    z = acquisition.top + acquisition.step * index
    frame_of_reference = made_up_uid(str(facts.study.study_instance_uid), "frame of reference")
    plane = AxialPlane(protocol.size, protocol.pixel, z, acquisition.step)
    put_axial_plane(item, plane, frame_of_reference)
    item.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    item.BodyPartExamined = "CHEST"
    item.AcquisitionNumber = 1
    item.KVP = 120
    item.XRayTubeCurrent, item.ExposureTime = acquisition.tube_current, 500
    item.ConvolutionKernel = "B31f"
    item.SpacingBetweenSlices = acquisition.step
    if protocol.has_contrast:
        item.ContrastBolusAgent = "IOMEPROL 350"
        item.ContrastBolusRoute = "INTRAVENOUS"
        item.ContrastBolusVolume = 90
    item.RescaleIntercept, item.RescaleSlope, item.RescaleType = RESCALE_INTERCEPT, 1, "HU"
    item.WindowCenter, item.WindowWidth = [40, -600], [400, 1500]
    item.WindowCenterWidthExplanation = ["MEDIASTIN", "POUMON"]
    put_pixels(item, [ct_slice(protocol, z, index)], bits_stored=12)
    return item
