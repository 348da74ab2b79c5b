"""Nuclear Medicine and Positron Emission Tomography objects (PS3.3 A.5, A.21)."""

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ImplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
)

from drimbox.sandbox.patients.images import bone_scan as scintigraphy
from drimbox.sandbox.patients.images import positron_emission as pet
from drimbox.sandbox.patients.images.bone_scan import Side, bone_scan
from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    code_item,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.pixels import put_pixels
from drimbox.sandbox.patients.images.plan import AxialPlane, SeriesPlan, put_axial_plane
from drimbox.sandbox.patients.images.trunk import PRIMARY_TUMOUR_ON_THE_LEFT
from drimbox.sandbox.patients.made_up_uid import made_up_uid

PET_TOP, PET_STEP, PET_SLICES = -150.0, 5.0, 170
_FLUORINE_HALF_LIFE_SECONDS = 6586.2


def bone_scan_series(series: SeriesFacts) -> SeriesPlan:
    """Plan the one object of a bone scan: two frames, anterior and posterior."""
    return SeriesPlan(series, 1, _nm_image)


def pet_series(series: SeriesFacts) -> SeriesPlan:
    """Plan the slices from the skull base to the middle of the thighs."""
    return SeriesPlan(series, PET_SLICES, _pet_image)


def _nm_image(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    frames = [bone_scan(side) for side in Side]
    item = new_object(facts, NuclearMedicineImageStorage, ImplicitVRLittleEndian)
    put_series(item, facts, series, index)
    item.ImageType = ["ORIGINAL", "PRIMARY", "WHOLE BODY", "EMISSION"]
    item.NumberOfFrames = len(frames)
    # Whole body: frames differ by energy window and detector (PS3.3 C.8.4.8).
    item.FrameIncrementPointer = [0x00540010, 0x00540020]
    item.EnergyWindowVector, item.NumberOfEnergyWindows = [1, 1], 1
    item.DetectorVector, item.NumberOfDetectors = [1, 2], 2
    item.PixelSpacing = [scintigraphy.PIXEL, scintigraphy.PIXEL]
    item.CountsAccumulated = int(sum(int(frame.sum()) for frame in frames))
    item.ActualFrameDuration = 720_000
    item.WholeBodyTechnique = "1PS"
    item.ScanVelocity, item.ScanLength = 3.1, 2250
    item.Laterality = ""
    item.EnergyWindowInformationSequence = Sequence([_energy_window()])
    item.RadiopharmaceuticalInformationSequence = Sequence([_technetium()])
    item.DetectorInformationSequence = Sequence([_detector(1, "ANT"), _detector(2, "POST")])
    _put_lying(item)
    item.WindowCenter, item.WindowWidth = 15, 30
    put_pixels(item, list(frames), bits_stored=16)
    return item


def _energy_window() -> Dataset:
    limits = Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = 126.5, 154.5
    item = Dataset()
    item.EnergyWindowName = "Tc99m"
    item.EnergyWindowRangeSequence = Sequence([limits])
    return item


def _technetium() -> Dataset:
    item = Dataset()
    item.RadionuclideCodeSequence = Sequence([code_item("72454007", "SCT", "Technetium Tc^99m^")])
    item.Radiopharmaceutical = "HMDP"
    item.RadiopharmaceuticalRoute = "IV"
    item.RadionuclideTotalDose = 650
    return item


def _detector(number: int, view: str) -> Dataset:
    item = Dataset()
    item.CollimatorGridName = f"LEHR {number}"
    item.CollimatorType = "PARA"
    item.FieldOfViewShape = "RECTANGLE"
    item.FieldOfViewDimensions = [540, 400]
    item.FocalDistance = 0
    item.ZoomFactor = [1, 1]
    item.RadialPosition = 250
    # Type 2: a planar view has a side, which the view code tells, but no plane.
    item.ImageOrientationPatient, item.ImagePositionPatient = None, None
    meaning = {"ANT": ("255549009", "anterior"), "POST": ("255551008", "posterior")}[view]
    code = code_item(meaning[0], "SCT", meaning[1])
    code.ViewModifierCodeSequence = Sequence()
    item.ViewCodeSequence = Sequence([code])
    return item


def _put_lying(item: Dataset) -> None:
    """On the back, head first (PS3.3 C.8.4.6)."""
    lying = code_item("102538003", "SCT", "recumbent")
    lying.PatientOrientationModifierCodeSequence = Sequence(
        [code_item("40199007", "SCT", "supine")]
    )
    item.PatientOrientationCodeSequence = Sequence([lying])
    item.PatientGantryRelationshipCodeSequence = Sequence(
        [code_item("102540008", "SCT", "headfirst")]
    )


def _pet_image(facts: StudyFacts, series: SeriesFacts, index: int) -> Dataset:
    item = new_object(facts, PositronEmissionTomographyImageStorage, RLELossless)
    put_series(item, facts, series, index)
    z = PET_TOP + PET_STEP * index
    frame_of_reference = made_up_uid(str(facts.study.study_instance_uid), "frame of reference")
    put_axial_plane(item, AxialPlane(pet.SIZE, pet.PIXEL, z, PET_STEP), frame_of_reference)
    item.ImageType = ["ORIGINAL", "PRIMARY"]
    _put_pet_series(item)
    item.ImageIndex = index + 1
    item.FrameReferenceTime = 60_000.0
    item.ActualFrameDuration = 120_000
    item.DecayFactor = 1.46
    item.RescaleIntercept, item.RescaleSlope = 0, pet.RESCALE_SLOPE
    half = 4 * pet.BECQUERELS_PER_SUV
    item.WindowCenter, item.WindowWidth = half, 2 * half
    item.RadiopharmaceuticalInformationSequence = Sequence([_glucose()])
    item.Laterality = ""
    # Said by the orientation code below (PS3.3 C.7.3.1.1.2).
    del item.PatientPosition
    _put_lying(item)
    values = pet.pet_slice(z, index, PRIMARY_TUMOUR_ON_THE_LEFT)
    put_pixels(item, [values], bits_stored=16)
    return item


def _put_pet_series(item: Dataset) -> None:
    item.Units, item.CountsSource = "BQML", "EMISSION"
    item.SeriesType = ["WHOLE BODY", "IMAGE"]
    item.NumberOfSlices = PET_SLICES
    item.CorrectedImage = ["DECY", "ATTN", "SCAT", "DTIM", "RAN", "NORM"]
    item.DecayCorrection = "START"
    item.CollimatorType = "NONE"
    item.RandomsCorrectionMethod = "DLYD"
    item.AttenuationCorrectionMethod = "CT"
    item.PatientWeight, item.PatientSize = 73, 1.76


def _glucose() -> Dataset:
    item = Dataset()
    item.Radiopharmaceutical = "FDG"
    item.RadiopharmaceuticalStartTime = "100000"
    item.RadionuclideTotalDose = 245_000_000
    item.RadionuclideHalfLife = _FLUORINE_HALF_LIFE_SECONDS
    item.RadionuclidePositronFraction = 0.967
    item.RadionuclideCodeSequence = Sequence([code_item("77004003", "SCT", "^18^Fluorine")])
    item.RadiopharmaceuticalCodeSequence = Sequence(
        [code_item("35321007", "SCT", "Fluorodeoxyglucose F^18^")]
    )
    return item
