"""What the RIS stand-in knows of one report: plain inputs for the CDA, its PDF and its message."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import LocalPatientId, PatientTraits
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.uids import StudyInstanceUid


@dataclass(frozen=True, slots=True)
class RisStudy:
    """One act: what was done, and the study it made. Instants are aware."""

    study_instance_uid: StudyInstanceUid
    act: Code
    modalities: tuple[Code, ...]
    anatomic_regions: tuple[Code, ...]
    started_at: datetime
    ended_at: datetime
    ccam: Code | None = None


@dataclass(frozen=True, slots=True)
class RisReport:
    """One validated report.

    document_id and set_id are OIDs; author_role is like G15_10/SM44 of 1.2.250.1.213.1.1.4.5;
    sections are (heading, text) in order; viewer_host is the FQDN that opens the images. The body
    is a PDF (level 1), or sections where is_structured (level 3).
    """

    document_id: str
    set_id: str
    created_at: datetime
    title: str
    sections: tuple[tuple[str, str], ...]
    patient: PatientTraits
    local_patient_id: LocalPatientId | None
    studies: tuple[RisStudy, ...]
    orders: tuple[ImagingOrder, ...]
    author: Practitioner
    author_role: Code
    structure: Structure
    facility_type: Code
    practice_setting: Code
    viewer_host: str
    version_number: int = 1
    replaces: str | None = None
    is_structured: bool = False

    def viewer_link(self, study: RisStudy) -> str:
        """Return the link that a report carries for a study (VI-link)."""
        accession = self.orders[0].accession_number if self.orders else None
        query = urlencode(
            {
                "requestType": "STUDY",
                "studyUID": study.study_instance_uid,
                "accessionNumber": accession.value if accession else "",
                "idCDA": self.document_id,
            }
        )
        return f"https://{self.viewer_host}/IHEInvokeImageDisplay?{query}"
