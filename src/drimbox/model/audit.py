"""One event of the audit trail: who did what to whose data (ITI-20, PS3.15 A.5)."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum


class AuditAction(Enum):
    """What happened; the requirement each row serves is in brackets."""

    REPORT_RECEIVED = "report-received"  # SO.43, like RAD-128
    KOS_PUBLISHED = "kos-published"  # SO.44, like ITI-41
    IMAGES_SERVED = "images-served"  # SO.46, like ITI-43, at the Source
    USER_AUTHENTICATED = "user-authenticated"  # CO.80, PS3.15 A.5.3.12
    CONTEXTUAL_CALL = "contextual-call"  # KPI, TRA.04
    DMP_ACCESS_CHECKED = "dmp-access-checked"  # UX.08, TD0.2
    DMP_QUERIED = "dmp-queried"  # ITI-18
    DMP_DOCUMENT_RETRIEVED = "dmp-document-retrieved"  # CO.81, ITI-43
    IMAGES_REQUESTED = "images-requested"  # CO.82, like ITI-43, at the Consommatrice
    IMAGES_EXPORT_BEGUN = "images-export-begun"  # CO.60, PS3.15 A.5.3.3
    IMAGES_EXPORTED = "images-exported"  # CO.60
    LOCAL_EXAMS_QUERIED = "local-exams-queried"  # CO.72, C-FIND
    FHIR_READ = "fhir-read"
    TOKEN_ISSUED = "token-issued"  # ITI-71  # noqa: S105
    ACCESS_REFUSED = "access-refused"
    AUDIT_SEARCHED = "audit-searched"  # CS.10, PS3.15 A.5.3.2


class AuditOutcome(Enum):
    """EventOutcomeIndicator."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One event. Identities are allowed here and nowhere else outside the model.

    user is the professional's national id, the RIS or the peer's DN; patient_id the CX of the INS;
    study and document are UIDs; description goes to EventOutcomeDescription. request_id is the
    X-Request-Id of an HTTP request.
    """

    action: AuditAction
    outcome: AuditOutcome
    occurred_at: datetime
    user: str
    user_name: str = ""
    user_role: str = ""
    source_address: str = ""
    destination: str = ""
    patient_id: str | None = None
    study_instance_uid: str | None = None
    document_unique_id: str | None = None
    consent: str | None = None
    description: str = ""
    query: bytes | None = None
    request_id: str = ""

    def __repr__(self) -> str:
        return f"AuditEvent({self.action.value}, {self.outcome.name})"
