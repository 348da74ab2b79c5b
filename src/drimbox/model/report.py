"""What we keep of a validated imaging report: its CDA header and the message that carried it.

CDA IMG-CR-IMG header; HL7 v2 "Transmission d'un document CDA" (CI-SIS) for the envelope.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.manifest import ImagingOrder
from drimbox.model.patient import LocalPatientId, PatientTraits
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.uids import StudyInstanceUid


class ReportEvent(Enum):
    """What the RIS says has happened to the report."""

    FIRST = "first"
    REPLACEMENT = "replacement"
    DELETION = "deletion"


class Visibility(Enum):
    """confidentialityCode asked for by the message; value = XDS code (1.2.250.1.213.1.1.4.13)."""

    MASKED_TO_PROFESSIONALS = "MASQUE_PS"
    INVISIBLE_TO_PATIENT = "INVISIBLE_PATIENT"
    INVISIBLE_TO_LEGAL_REPRESENTATIVES = "INVISIBLE_REPRESENTANTS_LEGAUX"


class PatientClass(Enum):
    """Why the patient was there: PV1-2, HL7 table 0004 as the French profile uses it."""

    INPATIENT = "I"
    OUTPATIENT = "O"
    RECURRING = "R"
    NOT_APPLICABLE = "N"
    EMERGENCY = "E"


@dataclass(frozen=True, slots=True)
class ImagingAct:
    """One documentationOf/serviceEvent that names a study."""

    study_instance_uid: StudyInstanceUid
    code: Code | None
    modalities: tuple[Code, ...]
    anatomic_regions: tuple[Code, ...]
    ccam: Code | None
    start: datetime | None
    stop: datetime | None
    structure: Structure | None
    practice_setting: Code | None


@dataclass(frozen=True, slots=True)
class ImagingReport:
    """A CDA imaging report's header.

    document_id is id/@root (root.extension where an extension came); instants are aware. The roles
    are assignedAuthor/code and assignedEntity/code, like G15_10/SM44 of 1.2.250.1.213.1.1.4.5.
    """

    document_id: str
    set_id: str | None
    version_number: int | None
    replaces: str | None
    created_at: datetime
    title: str
    patient: PatientTraits
    local_patient_ids: tuple[LocalPatientId, ...]
    acts: tuple[ImagingAct, ...]
    orders: tuple[ImagingOrder, ...]
    author: Practitioner | None
    author_structure: Structure | None
    legal_authenticator: Practitioner | None
    structure: Structure | None
    facility_type: Code | None
    practice_setting: Code | None
    confidentiality: Code | None
    author_role: Code | None = None
    legal_authenticator_role: Code | None = None


@dataclass(frozen=True, slots=True)
class ReportMessage:
    """One HL7 v2 message with its report.

    control_id is MSH-10, sender MSH-3^MSH-4; sent_by and sent_by_structure come from PRT (Send By);
    visibility from the MetaDMPMSS OBX; local_patient_ids from PID-3 (type PI); patient_class is
    None where PV1-2 is silent.
    """

    control_id: str
    sender: str
    event: ReportEvent
    report: ImagingReport
    local_patient_ids: tuple[LocalPatientId, ...]
    has_qualified_identity: bool
    visibility: frozenset[Visibility]
    changes_confidentiality: bool
    is_for_dmp: bool
    sent_by: Practitioner | None
    sent_by_structure: Structure | None
    is_secret_connection: bool = False
    patient_class: PatientClass | None = None
