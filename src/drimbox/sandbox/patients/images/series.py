"""Which series each kind of study has."""

from drimbox.sandbox.patients.images import ct_objects, mr_objects
from drimbox.sandbox.patients.images.canvas import Ellipse
from drimbox.sandbox.patients.images.documents import (
    dose_sheet_series,
    structured_report_series,
)
from drimbox.sandbox.patients.images.enhanced_mr_objects import enhanced_series
from drimbox.sandbox.patients.images.header import SeriesFacts, StudyFacts
from drimbox.sandbox.patients.images.key_images import Marked, key_images_series
from drimbox.sandbox.patients.images.nuclear_objects import (
    PET_SLICES,
    bone_scan_series,
    pet_series,
)
from drimbox.sandbox.patients.images.plan import SeriesPlan
from drimbox.sandbox.patients.images.projection_objects import (
    mammography_series,
    radiograph_series,
)
from drimbox.sandbox.patients.images.radiograph import ChestRadiograph
from drimbox.sandbox.patients.images.ultrasound_objects import cine_series
from drimbox.sandbox.patients.scenario import ImageKind

_CT, _MR, _PET = "SANDBOX CT 64", "SANDBOX MR 1.5T", "SANDBOX PET-CT"
CHEST_ABDOMEN_SLICES = 300
LOW_DOSE_SLICES = 62


def series_plans(facts: StudyFacts) -> tuple[SeriesPlan, ...]:
    """Return the series of the study, in the order of their numbers."""
    if facts.images is ImageKind.CHEST_RADIOGRAPH:
        return (_radiograph(facts),)
    return _PLANS[facts.images]


def _radiograph(facts: StudyFacts) -> SeriesPlan:
    """Draw each chest by its own dice: the day of birth is dice enough, and tells the build."""
    born = facts.study.patient.birth_date or "19700101"
    is_child = born[:4] > "2008"
    nodule = Ellipse(-84, -62, 8, 7.5) if facts.has_nodule else None
    what = ChestRadiograph(int(born), build=0.82 if is_child else 1.0, nodule=nodule)
    series = SeriesFacts(1, "CR", "Thorax face", 1, "SANDBOX CR")
    return radiograph_series(series, what)


_FLAIR = mr_objects.brain_series(mr_objects.FLAIR, SeriesFacts(4, "MR", "Ax T2 FLAIR", 15, _MR))
_MANY_FRAMES = enhanced_series(mr_objects.T2, SeriesFacts(5, "MR", "Ax T2 multi-images", 20, _MR))
_PLANS: dict[ImageKind, tuple[SeriesPlan, ...]] = {
    ImageKind.CT_CHEST_ABDOMEN: (
        ct_objects.ct_series(
            ct_objects.CHEST_ABDOMEN,
            SeriesFacts(2, "CT", "Thorax-abdomen portal 1,5 mm", 6, _CT),
            CHEST_ABDOMEN_SLICES,
        ),
        structured_report_series(SeriesFacts(90, "SR", "Note du manipulateur", 11, _CT)),
        dose_sheet_series(SeriesFacts(91, "DOC", "Fiche de dose", 11, _CT)),
    ),
    ImageKind.CT_CHEST_LOW_DOSE: (
        ct_objects.ct_series(
            ct_objects.LOW_DOSE_CHEST,
            SeriesFacts(2, "CT", "Thorax faible dose 4 mm", 2, _CT),
            LOW_DOSE_SLICES,
        ),
    ),
    ImageKind.MR_BRAIN: (
        mr_objects.brain_series(mr_objects.T1, SeriesFacts(2, "MR", "Ax T1 SE", 4, _MR)),
        mr_objects.brain_series(mr_objects.T2, SeriesFacts(3, "MR", "Ax T2 TSE", 9, _MR)),
        _FLAIR,
        _MANY_FRAMES,
        key_images_series(
            SeriesFacts(92, "KO", "Images clés", 24, _MR),
            (Marked(_FLAIR, 12), Marked(_FLAIR, 13), Marked(_MANY_FRAMES, 12)),
            "Hypersignaux de la substance blanche.",
        ),
    ),
    ImageKind.MAMMOGRAPHY: (
        mammography_series(SeriesFacts(1, "MG", "Face et oblique", 3, "SANDBOX MG")),
    ),
    ImageKind.CARDIAC_ULTRASOUND: (
        cine_series(SeriesFacts(1, "US", "Apicale quatre cavités", 5, "SANDBOX US")),
    ),
    ImageKind.BONE_SCAN: (
        bone_scan_series(SeriesFacts(1, "NM", "Balayage corps entier", 10, "SANDBOX GAMMA")),
    ),
    ImageKind.PET_CT: (
        ct_objects.ct_series(
            ct_objects.BESIDE_PET,
            SeriesFacts(2, "CT", "TDM de repérage 5 mm", 3, _PET),
            PET_SLICES,
        ),
        pet_series(SeriesFacts(3, "PT", "TEP corrigée de l'atténuation", 8, _PET)),
    ),
}
