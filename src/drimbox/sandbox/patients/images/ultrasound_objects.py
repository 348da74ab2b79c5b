"""Ultrasound Multi-frame Image objects (PS3.3 A.7)."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from drimbox.sandbox.patients.images import ultrasound
from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.pixels import put_pixels
from drimbox.sandbox.patients.images.plan import SeriesPlan


def cine_series(series: SeriesFacts) -> SeriesPlan:
    """Plan the one cine loop."""
    return SeriesPlan(series, 1, _us_cine)


def _us_cine(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    frames = ultrasound.cine_frames()
    item = new_object(facts, UltrasoundMultiFrameImageStorage, JPEGBaseline8Bit)
    put_series(item, facts, series, index)
    item.ImageType = ["ORIGINAL", "PRIMARY", "TTE", "0001"]
    item.PatientOrientation = ""
    item.Laterality = ""
    item.NumberOfFrames = len(frames)
    item.FrameIncrementPointer = 0x00181063
    item.FrameTime = ultrasound.FRAME_TIME_MS
    item.CineRate = item.RecommendedDisplayFrameRate = round(1000 / ultrasound.FRAME_TIME_MS)
    item.HeartRate = 60
    item.BurnedInAnnotation = "NO"
    item.SequenceOfUltrasoundRegions = Sequence([_region()])
    put_pixels(item, list(frames), bits_stored=8)
    raw = sum(frame.nbytes for frame in frames)
    item.LossyImageCompression = "01"
    item.LossyImageCompressionMethod = "ISO_10918_1"
    item.LossyImageCompressionRatio = f"{raw / len(item.PixelData):.2f}"
    return item


def _region() -> Dataset:
    """The fan, two-dimensional, measured in centimetres (PS3.3 C.8.5.5)."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType, item.RegionFlags = 1, 1, 2
    item.RegionLocationMinX0, item.RegionLocationMinY0 = 0, 0
    item.RegionLocationMaxX1 = ultrasound.COLUMNS - 1
    item.RegionLocationMaxY1 = ultrasound.ROWS - 1
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = ultrasound.PIXEL / 10
    return item
