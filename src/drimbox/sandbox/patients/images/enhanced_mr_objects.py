"""An Enhanced MR Image Storage object: a whole sequence in one multi-frame object (PS3.3 A.36)."""

from functools import partial

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

from drimbox.sandbox.patients.images.brain_mr import PIXEL, SIZE, SLICES, SPACING, brain_slice
from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    code_item,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.mr_objects import MrSequence
from drimbox.sandbox.patients.images.pixels import put_pixels
from drimbox.sandbox.patients.images.plan import SeriesPlan
from drimbox.sandbox.patients.made_up_uid import made_up_uid

_IMAGE_TYPE = ("ORIGINAL", "PRIMARY", "T2", "NONE")
_STACK_ID, _IN_STACK_POSITION, _FRAME_CONTENT = 0x00209056, 0x00209057, 0x00209111


def enhanced_series(sequence: MrSequence, series: SeriesFacts) -> SeriesPlan:
    """Plan the one object that holds every slice."""
    return SeriesPlan(series, 1, partial(_enhanced_mr, sequence))


def _enhanced_mr(
    sequence: MrSequence, facts: StudyFacts, series: SeriesFacts, index: int
) -> Dataset:
    item = new_object(facts, EnhancedMRImageStorage, ExplicitVRLittleEndian)
    put_series(item, facts, series, index)
    study_uid = str(facts.study.study_instance_uid)
    acquired_at = item.AcquisitionDateTime = f"{item.AcquisitionDate}{item.AcquisitionTime}"
    del item.AcquisitionDate, item.AcquisitionTime
    item.FrameOfReferenceUID = made_up_uid(study_uid, "frame of reference")
    item.PositionReferenceIndicator = ""
    item.PatientPosition = "HFS"
    _put_image(item, sequence)
    _put_dimensions(item, made_up_uid(study_uid, series.number, "dimensions"))
    item.SharedFunctionalGroupsSequence = _one(_shared_groups(sequence))
    item.PerFrameFunctionalGroupsSequence = Sequence(
        [_groups_of_frame(number, acquired_at) for number in range(SLICES)]
    )
    frames = [brain_slice(sequence.weighting, number) for number in range(SLICES)]
    put_pixels(item, list(frames), bits_stored=12)
    item.NumberOfFrames = SLICES
    return item


def _put_image(item: Dataset, sequence: MrSequence) -> None:
    """Add the Enhanced MR Image and MR Pulse Sequence modules (PS3.3 C.8.13.1, C.8.13.4)."""
    item.ImageType = list(_IMAGE_TYPE)
    _put_contrast(item)
    item.ContentQualification = "PRODUCT"
    item.ImageComments = "Images synthétiques"
    item.BurnedInAnnotation, item.LossyImageCompression = "NO", "00"
    item.PresentationLUTShape = "IDENTITY"
    item.MagneticFieldStrength, item.ResonantNucleus, item.KSpaceFiltering = 1.5, "1H", "NONE"
    item.ApplicableSafetyStandardAgency = "IEC"
    item.ApplicableSafetyStandardDescription = ""
    item.AcquisitionNumber, item.AcquisitionDuration = 1, 180.0
    item.AcquisitionContextSequence = Sequence()
    item.PulseSequenceName = sequence.sequence
    item.MRAcquisitionType = "2D"
    item.EchoPulseSequence = "SPIN"
    item.MultipleSpinEcho, item.MultiPlanarExcitation = "NO", "NO"
    item.PhaseContrast, item.TimeOfFlightContrast = "NO", "NO"
    item.SteadyStatePulseSequence, item.EchoPlanarPulseSequence = "NONE", "NO"
    item.SaturationRecovery, item.SpectrallySelectedSuppression = "NO", "NONE"
    item.OversamplingPhase, item.GeometryOfKSpaceTraversal = "NONE", "RECTILINEAR"
    item.SegmentedKSpaceTraversal, item.RectilinearPhaseEncodeReordering = "SINGLE", "LINEAR"
    item.NumberOfKSpaceTrajectories = 1
    item.CardiacSynchronizationTechnique, item.RespiratoryMotionCompensationTechnique = (
        "NONE",
        "NONE",
    )


def _put_contrast(item: Dataset) -> None:
    """Say of an object or a frame what its values are (PS3.3 C.8.13.3.1)."""
    item.PixelPresentation, item.VolumetricProperties = "MONOCHROME", "VOLUME"
    item.VolumeBasedCalculationTechnique = "NONE"
    item.ComplexImageComponent, item.AcquisitionContrast = "MAGNITUDE", "T2"


def _put_dimensions(item: Dataset, organization_uid: str) -> None:
    """Frames are ordered by stack, then by place in it (PS3.3 C.7.6.17)."""
    organization = Dataset()
    organization.DimensionOrganizationUID = organization_uid
    item.DimensionOrganizationSequence = _one(organization)
    indices = []
    for pointer in (_STACK_ID, _IN_STACK_POSITION):
        index = Dataset()
        index.DimensionOrganizationUID = organization_uid
        index.DimensionIndexPointer, index.FunctionalGroupPointer = pointer, _FRAME_CONTENT
        indices.append(index)
    item.DimensionIndexSequence = Sequence(indices)


def _shared_groups(sequence: MrSequence) -> Dataset:
    """Return what holds for every frame."""
    groups = Dataset()
    groups.PixelMeasuresSequence = _one(
        _group(
            PixelSpacing=[PIXEL, PIXEL],
            SliceThickness=SPACING - 1,
            SpacingBetweenSlices=SPACING,
        )
    )
    groups.PlaneOrientationSequence = _one(_group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))
    groups.FrameAnatomySequence = _one(
        _group(
            FrameLaterality="U",
            AnatomicRegionSequence=_one(code_item("12738006", "SCT", "Brain")),
        )
    )
    groups.FrameVOILUTSequence = _one(
        _group(WindowCenter=sequence.window[0], WindowWidth=sequence.window[1])
    )
    groups.PixelValueTransformationSequence = _one(
        _group(RescaleIntercept=0, RescaleSlope=1, RescaleType="US")
    )
    frame_type = _group(FrameType=list(_IMAGE_TYPE))
    _put_contrast(frame_type)
    groups.MRImageFrameTypeSequence = _one(frame_type)
    _put_acquisition_groups(groups, sequence)
    return groups


def _put_acquisition_groups(groups: Dataset, sequence: MrSequence) -> None:
    """Add how the frames were acquired (PS3.3 C.8.13.5)."""
    groups.MRTimingAndRelatedParametersSequence = _one(_timing(sequence))
    groups.MRFOVGeometrySequence = _one(
        _group(
            InPlanePhaseEncodingDirection="ROW",
            MRAcquisitionFrequencyEncodingSteps=SIZE,
            MRAcquisitionPhaseEncodingStepsInPlane=SIZE,
            PercentSampling=100,
            PercentPhaseFieldOfView=100,
        )
    )
    groups.MREchoSequence = _one(_group(EffectiveEchoTime=float(sequence.echo_time)))
    groups.MRModifierSequence = _one(
        _group(
            InversionRecovery="NO",
            FlowCompensation="NONE",
            Spoiling="NONE",
            T2Preparation="NO",
            SpectrallySelectedExcitation="NONE",
            SpatialPresaturation="NONE",
            PartialFourier="NO",
            ParallelAcquisition="NO",
        )
    )
    groups.MRImagingModifierSequence = _one(
        _group(
            MagnetizationTransfer="NONE",
            BloodSignalNulling="NO",
            Tagging="NONE",
            TransmitterFrequency=63.87,
            PixelBandwidth=150.0,
        )
    )
    _put_coils(groups)
    groups.MRAveragesSequence = _one(_group(NumberOfAverages=1))


def _timing(sequence: MrSequence) -> Dataset:
    return _group(
        RepetitionTime=sequence.repetition_time,
        FlipAngle=90,
        EchoTrainLength=15,
        RFEchoTrainLength=15,
        GradientEchoTrainLength=0,
        SpecificAbsorptionRateSequence=_one(
            _group(
                SpecificAbsorptionRateDefinition="IEC_WHOLE_BODY",
                SpecificAbsorptionRateValue=1.0,
            )
        ),
        GradientOutputType="DB_DT",
        GradientOutput=50.0,
        OperatingModeSequence=_one(
            _group(OperatingModeType="STATIC FIELD", OperatingMode="IEC_NORMAL")
        ),
    )


def _put_coils(groups: Dataset) -> None:
    groups.MRReceiveCoilSequence = _one(
        _group(
            ReceiveCoilName="HEAD",
            ReceiveCoilManufacturerName="SANDBOX",
            ReceiveCoilType="VOLUME",
            QuadratureReceiveCoil="YES",
        )
    )
    groups.MRTransmitCoilSequence = _one(
        _group(
            TransmitCoilName="BODY",
            TransmitCoilManufacturerName="SANDBOX",
            TransmitCoilType="BODY",
        )
    )


def _groups_of_frame(number: int, acquired_at: str) -> Dataset:
    """Return what is of one frame alone: where it lies, and when it was taken."""
    corner = (0.5 - SIZE / 2) * PIXEL
    groups = Dataset()
    groups.FrameContentSequence = _one(
        _group(
            FrameReferenceDateTime=acquired_at,
            FrameAcquisitionDateTime=acquired_at,
            FrameAcquisitionDuration=7500.0,
            FrameAcquisitionNumber=1,
            StackID="1",
            InStackPositionNumber=number + 1,
            DimensionIndexValues=[1, number + 1],
        )
    )
    position = [f"{corner:.6g}", f"{corner:.6g}", f"{SPACING * number:.6g}"]
    groups.PlanePositionSequence = _one(_group(ImagePositionPatient=position))
    return groups


def _group(**values: object) -> Dataset:
    """Return one item with these attributes, by keyword."""
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _one(item: Dataset) -> Sequence:
    return Sequence([item])
