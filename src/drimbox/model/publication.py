"""A KOS on its way to the DMP, and what the register keeps of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.manifest import Manifest
from drimbox.model.practice import Code, Practitioner
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid


class AuthenticationMode(Enum):
    """Authentification_Mode of a VIHF."""

    INDIRECTE = "INDIRECTE"
    INDIRECTE_RENFORCEE = "INDIRECTE_RENFORCEE"


@dataclass(frozen=True, slots=True)
class DmpIdentity:
    """In whose name a DMP transaction is made: what a VIHF says, less what settings say.

    patient_id is the CX of the INS (type NH); authenticated_at the user's login (aware).
    structure_identifier is Struct_IdNat, and chooses the certificates (SO.19, CO.91).
    is_secret_connection asks for the confidentiality-code of a minor's "connexion secrète".
    """

    mode: AuthenticationMode
    patient_id: str
    user: Practitioner
    structure_identifier: str
    sector: str
    roles: tuple[Code, ...]
    authenticated_at: datetime
    is_secret_connection: bool = False

    def __repr__(self) -> str:
        return f"DmpIdentity({self.mode.value})"


@dataclass(frozen=True, slots=True)
class EncodedDocument:
    """One document of a lot; document_id is the id of its ExtrinsicObject."""

    document_id: str
    mime_type: str
    content: bytes

    def __repr__(self) -> str:
        return f"EncodedDocument({self.document_id}, {len(self.content)} octets)"


@dataclass(frozen=True, slots=True)
class EncodedSubmission:
    """A lot ready to send, the same octets at each resend.

    metadata is the lcm:SubmitObjectsRequest element as encoded at intake, without the RPLC
    association, which is added at each send because its target (the DMP's entryUUID) is looked up
    then.
    unique_id is SubmissionSet.uniqueId; document_unique_id and document_hash those of the KOS.
    """

    unique_id: str
    document_unique_id: str
    document_hash: str
    metadata: bytes
    documents: tuple[EncodedDocument, ...]
    identity: DmpIdentity
    replaces: str | None = None


class PublicationState(Enum):
    """Where a KOS stands."""

    PENDING = "pending"
    PUBLISHED = "published"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Publication:
    """One KOS of the register (SO.22): the KOS, its metadata, the reports that triggered it.

    content_key is a digest of what the KOS says (not its own UIDs nor times): equal keys mean there
    is nothing new to publish (EX_GEN-1060).
    """

    study_instance_uid: StudyInstanceUid
    kos_sop_instance_uid: SopInstanceUid
    patient_id: str
    manifest: Manifest
    kos: bytes
    metadata: bytes
    report_ids: tuple[str, ...]
    content_key: str
    state: PublicationState
    created_at: datetime
    published_at: datetime | None = None


class JobState(Enum):
    """State of an outbox row."""

    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class PublicationJob:
    """One outbox row: a lot to provide. Jobs of one study are sent in the order of their ids."""

    job_id: int
    study_instance_uid: StudyInstanceUid
    submission: EncodedSubmission
    state: JobState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    last_error: str | None = None


class IntakeState(Enum):
    """State of a received message."""

    PENDING = "pending"
    PROCESSING = "processing"
    DONE = "done"
    RETRY = "retry"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message of the RIS, kept before it was acknowledged.

    key identifies it for ever: MSH-3, MSH-4, MSH-10 and the SHA-256 of its octets.
    """

    message_id: int
    key: str
    content: bytes
    received_at: datetime
    state: IntakeState
    attempts: int
    last_error: str | None = None


class AlertKind(Enum):
    """Why an operator must look (SO.15, SO.16, SO.17, SO.21)."""

    STUDY_NOT_IN_PACS = "study-not-in-pacs"
    PATIENT_MISMATCH = "patient-mismatch"
    ACCESSION_MISMATCH = "accession-mismatch"
    IDENTITY_NOT_QUALIFIED = "identity-not-qualified"
    PACS_UNAVAILABLE = "pacs-unavailable"
    DMP_UNAVAILABLE = "dmp-unavailable"
    DMP_REFUSED = "dmp-refused"
    EVENT_NOT_HANDLED = "event-not-handled"
    STRUCTURE_NOT_INSTALLED = "structure-not-installed"  # no certificate for it (SO.19)
    REPORT_NOT_PUBLISHABLE = "report-not-publishable"  # something the DMP wants is not in it


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing an operator must look at; text never identifies a patient.

    alert_id is 0 before it is stored. report_id and study are UIDs, found again in RIS and PACS.
    """

    kind: AlertKind
    text: str
    raised_at: datetime
    study_instance_uid: StudyInstanceUid | None = None
    report_id: str | None = None
    message_id: int | None = None
    alert_id: int = 0
