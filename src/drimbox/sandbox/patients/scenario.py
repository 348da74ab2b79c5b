"""The story of the demo: who was imaged, when and why, where the images are, what is published.

Plain facts: images/ draws the pixels of a study, sandbox/ris writes and sends its report, the demo
command tells both what to do.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import LocalPatientId
from drimbox.model.practice import Code
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import StudyInstanceUid
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
    SandboxEstablishment,
)
from drimbox.sandbox.patients.identities import SandboxPatient
from drimbox.sandbox.patients.made_up_uid import made_up_uid
from drimbox.sandbox.patients.professionals import (
    CONSUMER_RADIOLOGIST,
    REFERRING_PHYSICIAN,
    SOURCE_RADIOLOGIST,
    SandboxProfessional,
)


class Holder(Enum):
    """Whose PACS holds a study; the value is the word of the demo's descriptor."""

    SOURCE = "source"
    CONSUMER = "consumer"

    @property
    def establishment(self) -> SandboxEstablishment:
        return SOURCE_ESTABLISHMENT if self is Holder.SOURCE else CONSUMER_ESTABLISHMENT


class ImageKind(Enum):
    """What the images of a study show; each has one drawing in images/."""

    CT_CHEST_ABDOMEN = "ct-chest-abdomen"
    CT_CHEST_LOW_DOSE = "ct-chest-low-dose"
    MR_BRAIN = "mr-brain"
    MAMMOGRAPHY = "mammography"
    CARDIAC_ULTRASOUND = "cardiac-ultrasound"
    BONE_SCAN = "bone-scan"
    PET_CT = "pet-ct"
    CHEST_RADIOGRAPH = "chest-radiograph"


@dataclass(frozen=True, slots=True)
class ImagingProcedure:
    """What was done: the coded act, and its title on screens (Study Description)."""

    images: ImageKind
    act: Code
    ccam: Code | None
    modalities: tuple[Code, ...]
    anatomic_regions: tuple[Code, ...]
    description: str


@dataclass(frozen=True, slots=True)
class ReportText:
    """The sections of a report, in French; a structured one is a CDA of level 3, else a PDF."""

    indication: str
    technique: str
    findings: str
    conclusion: str
    is_structured: bool = False


@dataclass(frozen=True, slots=True)
class ScenarioStudy:
    """One study of the demo; started_at is aware, in the offset of the site.

    report is None where the demo needs none (the studies of the Consommatrice's own PACS);
    has_nodule is for the drawing of a chest radiograph.
    """

    key: str
    patient: SandboxPatient
    procedure: ImagingProcedure
    holder: Holder
    number: int
    started_at: datetime
    duration: timedelta
    report: ReportText | None = None
    is_published: bool = False
    has_nodule: bool = False

    @property
    def study_instance_uid(self) -> StudyInstanceUid:
        return StudyInstanceUid(made_up_uid("study", self.key))

    @property
    def ended_at(self) -> datetime:
        return self.started_at + self.duration

    @property
    def local_patient_id(self) -> LocalPatientId:
        """The patient's IPP in the establishment that holds the study."""
        if self.holder is Holder.SOURCE:
            return self.patient.source_patient_id
        return self.patient.consumer_patient_id

    @property
    def accession_number(self) -> AccessionNumber:
        """At most 16 characters, as VR SH wants it."""
        value = f"{self.started_at:%y%m%d}{self.number:06d}"
        return AccessionNumber(value, self.holder.establishment.accession_number_issuer)

    @property
    def order(self) -> ImagingOrder:
        return ImagingOrder(
            accession_number=self.accession_number,
            placer_order_number=f"DEM{self.number:06d}",
            placer_issuer=self.holder.establishment.placer_order_issuer,
        )

    @property
    def requested_by(self) -> SandboxProfessional:
        return REFERRING_PHYSICIAN

    @property
    def read_by(self) -> SandboxProfessional:
        return SOURCE_RADIOLOGIST if self.holder is Holder.SOURCE else CONSUMER_RADIOLOGIST
