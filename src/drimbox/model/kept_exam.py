"""An exam whose images a professional brought here, for local systems to find (CO.72)."""

from dataclasses import dataclass, replace
from datetime import datetime

from drimbox.model.manifest import Manifest
from drimbox.model.patient import Ins, LocalPatientId
from drimbox.model.study import StudyPatient


@dataclass(frozen=True, slots=True)
class KeptExam:
    """ins is whose images the copies are; local_patient_id is under what they are given here.

    Until kept_until the exam is offered, as far as its images are still on this host.
    """

    manifest: Manifest
    ins: Ins
    local_patient_id: LocalPatientId
    kept_until: datetime

    @property
    def local_manifest(self) -> Manifest:
        """The manifest as local systems read it: Patient ID is the IPP of the call (CO.77)."""
        known, traits = self.manifest.pacs_patient, self.manifest.patient
        patient = StudyPatient(self.local_patient_id)
        if known is not None:
            patient = replace(known, patient_id=self.local_patient_id, other_patient_ids=())
        elif traits is not None:
            name = f"{traits.family_name}^{traits.given_name}"
            patient = StudyPatient(
                self.local_patient_id, name, traits.birth_date.value, traits.gender.value
            )
        return replace(self.manifest, pacs_patient=patient)

    def __repr__(self) -> str:
        return "KeptExam()"
