"""A study as a PACS tells it: Study > Series > Instance (RAD-14)."""

from dataclasses import dataclass
from datetime import date, time

from drimbox.model.patient import LocalPatientId
from drimbox.model.uids import (
    Oid,
    SeriesInstanceUid,
    SopClassUid,
    SopInstanceUid,
    StudyInstanceUid,
)


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Rows, Columns and Bits Allocated of an image."""

    rows: int
    columns: int
    bits_allocated: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One object; None is what the PACS does not say."""

    sop_instance_uid: SopInstanceUid
    sop_class_uid: SopClassUid
    instance_number: int | None = None
    number_of_frames: int | None = None
    image_size: ImageSize | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One series; instances in the order the PACS gave them."""

    series_instance_uid: SeriesInstanceUid
    modality: str
    instances: tuple[Instance, ...]
    series_number: int | None = None
    series_description: str = ""


@dataclass(frozen=True, slots=True)
class StudyPatient:
    """The patient as the PACS knows one; texts as in the data set, each may be empty.

    patient_name is the DICOM PN (family^given^...), birth_date AAAAMMJJ, sex M, F, O or empty;
    other_patient_ids the values of Other Patient IDs with their issuer (OID or name, or None).
    """

    patient_id: LocalPatientId | None
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    other_patient_ids: tuple[LocalPatientId, ...] = ()

    def __repr__(self) -> str:
        return "StudyPatient()"


@dataclass(frozen=True, slots=True)
class AccessionNumber:
    """An order's number and who gave it; the issuer is None where the source names none."""

    value: str
    issuer: Oid | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One study of the PACS, with its series and instances."""

    study_instance_uid: StudyInstanceUid
    patient: StudyPatient
    accession_number: AccessionNumber | None
    series: tuple[Series, ...]
    study_date: date | None = None
    study_time: time | None = None
    study_description: str = ""
    study_id: str = ""
    referring_physician_name: str = ""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Distinct modalities, in the order of the series."""
        return tuple(dict.fromkeys(s.modality for s in self.series if s.modality))

    @property
    def instance_count(self) -> int:
        return sum(len(s.instances) for s in self.series)
