"""Studies of a few small objects, written to the folder of a sandbox PACS."""

from datetime import date, time
from pathlib import Path

import numpy as np
from pydicom.uid import (
    BasicTextSRStorage,
    ComputedRadiographyImageStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
)

from drimbox.model.study import AccessionNumber, Study, StudyPatient
from drimbox.model.uids import StudyInstanceUid
from drimbox.sandbox.patients.images.header import (
    SeriesFacts,
    StudyFacts,
    new_object,
    put_series,
)
from drimbox.sandbox.patients.images.pixels import put_pixels
from drimbox.sandbox.patients.scenario import ImageKind

_CLASSES = {
    "CR": ComputedRadiographyImageStorage,
    "SR": BasicTextSRStorage,
    "KO": KeyObjectSelectionDocumentStorage,
}


def study_facts(
    study_instance_uid: str, patient: StudyPatient, accession_number: AccessionNumber | None
) -> StudyFacts:
    """Return what a PACS knows of a study."""
    study = Study(
        study_instance_uid=StudyInstanceUid(study_instance_uid),
        patient=patient,
        accession_number=accession_number,
        series=(),
        study_date=date(2021, 1, 8),
        study_time=time(10, 25),
        study_id="1",
        study_description="Examen",
    )
    return StudyFacts(study, ImageKind.CHEST_RADIOGRAPH, "Centre de radiologie")


def write_study(
    facts: StudyFacts, folder: Path, modalities: tuple[str, ...] = ("CR",), *, instances: int = 2
) -> None:
    """Write one series for each modality."""
    target = folder / str(facts.study.study_instance_uid)
    target.mkdir(parents=True)
    for number, modality in enumerate(modalities, 1):
        series = SeriesFacts(number, modality, f"serie {modality}", number, "SANDBOX")
        for index in range(instances):
            item = new_object(facts, _CLASSES[modality], ExplicitVRLittleEndian)
            put_series(item, facts, series, index)
            if modality == "CR":
                put_pixels(item, [np.zeros((8, 8), np.uint16)], bits_stored=12)
            item.save_as(target / f"{number}-{index}.dcm", enforce_file_format=True)
