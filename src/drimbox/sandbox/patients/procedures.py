"""The imaging procedures of the demo, one per kind of images."""

from drimbox.sandbox.patients import codes
from drimbox.sandbox.patients.scenario import ImageKind, ImagingProcedure

CT_CHEST_ABDOMEN = ImagingProcedure(
    images=ImageKind.CT_CHEST_ABDOMEN,
    act=codes.CT_CHEST_ABDOMEN_WITH_CONTRAST,
    ccam=codes.CCAM_CT_THREE_REGIONS,
    modalities=(codes.CT,),
    anatomic_regions=(codes.CHEST, codes.ABDOMEN_AND_PELVIS),
    description="Scanner thoraco-abdominal avec injection",
)
CT_CHEST_LOW_DOSE = ImagingProcedure(
    images=ImageKind.CT_CHEST_LOW_DOSE,
    act=codes.CT_CHEST_WITHOUT_CONTRAST,
    ccam=codes.CCAM_CT_CHEST,
    modalities=(codes.CT,),
    anatomic_regions=(codes.CHEST,),
    description="Scanner thoracique à faible dose",
)
MR_BRAIN = ImagingProcedure(
    images=ImageKind.MR_BRAIN,
    act=codes.MR_BRAIN_WITHOUT_CONTRAST,
    ccam=codes.CCAM_MR_HEAD,
    modalities=(codes.MR,),
    anatomic_regions=(codes.HEAD_AND_NECK,),
    description="IRM cérébrale",
)
MAMMOGRAPHY = ImagingProcedure(
    images=ImageKind.MAMMOGRAPHY,
    act=codes.BILATERAL_SCREENING_MAMMOGRAPHY,
    ccam=codes.CCAM_MAMMOGRAPHY,
    modalities=(codes.MG,),
    anatomic_regions=(codes.BREAST,),
    description="Mammographie bilatérale de dépistage",
)
CARDIAC_ULTRASOUND = ImagingProcedure(
    images=ImageKind.CARDIAC_ULTRASOUND,
    act=codes.TRANSTHORACIC_ECHOCARDIOGRAPHY,
    ccam=codes.CCAM_ECHOCARDIOGRAPHY,
    modalities=(codes.US,),
    anatomic_regions=(codes.HEART,),
    description="Échographie cardiaque transthoracique",
)
BONE_SCAN = ImagingProcedure(
    images=ImageKind.BONE_SCAN,
    act=codes.WHOLE_BODY_BONE_SCAN,
    ccam=None,
    modalities=(codes.NM,),
    anatomic_regions=(codes.WHOLE_BODY,),
    description="Scintigraphie osseuse du corps entier",
)
PET_CT = ImagingProcedure(
    images=ImageKind.PET_CT,
    act=codes.PET_SKULL_BASE_TO_THIGH,
    ccam=codes.CCAM_PET,
    modalities=(codes.PT, codes.CT),
    anatomic_regions=(codes.WHOLE_BODY,),
    description="TEP-TDM au 18F-FDG",
)
CHEST_RADIOGRAPH = ImagingProcedure(
    images=ImageKind.CHEST_RADIOGRAPH,
    act=codes.CHEST_RADIOGRAPH_PA,
    ccam=codes.CCAM_CHEST_RADIOGRAPH,
    modalities=(codes.CR,),
    anatomic_regions=(codes.CHEST,),
    description="Radiographie du thorax de face",
)

PROCEDURES = (
    CT_CHEST_ABDOMEN,
    CT_CHEST_LOW_DOSE,
    MR_BRAIN,
    MAMMOGRAPHY,
    CARDIAC_ULTRASOUND,
    BONE_SCAN,
    PET_CT,
    CHEST_RADIOGRAPH,
)
