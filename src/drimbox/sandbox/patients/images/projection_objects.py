"""Computed Radiography and Digital Mammography objects (PS3.3 A.2, A.27)."""

from functools import partial

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    JPEG2000Lossless,
    JPEGLosslessSV1,
)

from drimbox.sandbox.patients.images import mammogram as mammography
from drimbox.sandbox.patients.images import radiograph
from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    code_item,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.mammogram import Laterality, Mammogram, View, mammogram
from drimbox.sandbox.patients.images.pixels import put_pixels
from drimbox.sandbox.patients.images.plan import SeriesPlan
from drimbox.sandbox.patients.images.radiograph import ChestRadiograph, chest_radiograph

_MAMMOGRAMS = tuple(
    Mammogram(side, view, has_calcifications=side is Laterality.LEFT)
    for view in View
    for side in (Laterality.RIGHT, Laterality.LEFT)
)
# Left of the picture, then its bottom (PS3.3 C.7.6.1.1.1): the chest wall is at the border.
_BREAST_ORIENTATION = {
    (Laterality.LEFT, View.CRANIO_CAUDAL): ["A", "R"],
    (Laterality.RIGHT, View.CRANIO_CAUDAL): ["P", "L"],
    (Laterality.LEFT, View.MEDIO_LATERAL_OBLIQUE): ["A", "FR"],
    (Laterality.RIGHT, View.MEDIO_LATERAL_OBLIQUE): ["P", "FL"],
}
_VIEW_CODES = {
    View.CRANIO_CAUDAL: ("399162004", "cranio-caudal"),
    View.MEDIO_LATERAL_OBLIQUE: ("399368009", "medio-lateral oblique"),
}


def radiograph_series(series: SeriesFacts, what: ChestRadiograph) -> SeriesPlan:
    """Plan the one image of a chest radiograph."""
    return SeriesPlan(series, 1, partial(_cr_image, what))


def mammography_series(series: SeriesFacts) -> SeriesPlan:
    """Plan the four views: right then left, cranio-caudal then oblique."""
    return SeriesPlan(series, len(_MAMMOGRAMS), _mg_image)


def _cr_image(what: ChestRadiograph, facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    item = new_object(facts, ComputedRadiographyImageStorage, JPEG2000Lossless)
    put_series(item, facts, series, index)
    item.ImageType = ["ORIGINAL", "PRIMARY"]
    item.BodyPartExamined, item.ViewPosition = "CHEST", "PA"
    item.PatientOrientation = ["L", "F"]
    item.KVP = 125
    item.ImagerPixelSpacing = [radiograph.PIXEL, radiograph.PIXEL]
    item.WindowCenter, item.WindowWidth = 2048, 4096
    item.BurnedInAnnotation = "NO"
    put_pixels(item, [chest_radiograph(what)], bits_stored=12)
    return item


def _mg_image(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    what = _MAMMOGRAMS[index]
    item = new_object(facts, DigitalMammographyXRayImageStorageForPresentation, JPEGLosslessSV1)
    put_series(item, facts, series, index)
    item.PresentationIntentType = "FOR PRESENTATION"
    item.ImageType = ["DERIVED", "PRIMARY"]
    _put_breast(item, what)
    _put_detector(item)
    item.RescaleIntercept, item.RescaleSlope, item.RescaleType = 0, 1, "US"
    item.PresentationLUTShape = "IDENTITY"
    item.PixelIntensityRelationship, item.PixelIntensityRelationshipSign = "LOG", -1
    item.LossyImageCompression = "00"
    item.BurnedInAnnotation = "NO"
    item.WindowCenter, item.WindowWidth = 1750, 3500
    put_pixels(item, [mammogram(what)], bits_stored=12)
    return item


def _put_breast(item: Dataset, what: Mammogram) -> None:
    code, meaning = _VIEW_CODES[what.view]
    view = code_item(code, "SCT", meaning)
    view.ViewModifierCodeSequence = Sequence()
    item.ViewCodeSequence = Sequence([view])
    item.ViewPosition = what.view.value
    item.ImageLaterality = what.laterality.value
    item.PatientOrientation = _BREAST_ORIENTATION[what.laterality, what.view]
    item.BodyPartExamined = "BREAST"
    item.OrganExposed = "BREAST"
    item.AnatomicRegionSequence = Sequence([code_item("76752008", "SCT", "Breast")])
    item.BreastImplantPresent, item.PartialView = "NO", "NO"
    item.AcquisitionContextSequence = Sequence()
    item.CompressionForce, item.BodyPartThickness = 95, 54


def _put_detector(item: Dataset) -> None:
    item.PositionerType = "MAMMOGRAPHIC"
    item.PositionerPrimaryAngle = 0
    item.DetectorType = "DIRECT"
    item.DetectorID = "0001"
    item.ImagerPixelSpacing = [mammography.PIXEL, mammography.PIXEL]
    item.KVP = 29
