"""XDS metadata: DocumentEntry, SubmissionSet, and what is submitted (ITI TF-3 4.2)."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.patient import AssigningAuthority, LocalPatientId, PatientTraits
from drimbox.model.practice import Code, Practitioner, Structure

# TRE_A05, the type of the manifest of an exam.
KOS_TYPE = Code("IMG-KOS", "1.2.250.1.213.1.1.4.12")


class AvailabilityStatus(Enum):
    """availabilityStatus; the last two are the DMP's own."""

    APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
    ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
    DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"


class ReferenceIdKind(Enum):
    """CXi.5 of a referenceIdList value."""

    ACCESSION = "urn:ihe:iti:xds:2013:accession"
    ORDER = "urn:ihe:iti:xds:2013:order"
    STUDY_INSTANCE_UID = "urn:ihe:iti:xds:2016:studyInstanceUID"


@dataclass(frozen=True, slots=True)
class ReferenceId:
    """One value of referenceIdList; kind is the CXi.5 text (foreign kinds are kept)."""

    value: str
    kind: str
    issuer: AssigningAuthority | None = None


@dataclass(frozen=True, slots=True)
class Author:
    """One author; a device is a Practitioner whose name_type is U and id_type EI."""

    person: Practitioner | None
    structures: tuple[Structure, ...] = ()
    role: str | None = None
    speciality: Code | None = None
    is_device: bool = False


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """Metadata of one DMP document.

    hash_hex is 40 lower-case hexadecimal digits (SHA-1), size octets; both None before storage.
    entry_uuid and logical_id are `urn:uuid:...` once registered. patient_id is a CX.
    """

    unique_id: str
    patient_id: str
    mime_type: str
    title: str
    class_code: Code
    type_code: Code
    format_code: Code
    confidentiality_codes: tuple[Code, ...]
    event_codes: tuple[Code, ...]
    facility_type: Code | None
    practice_setting: Code | None
    authors: tuple[Author, ...]
    creation_time: datetime
    language_code: str = "fr-FR"
    comments: str = ""
    service_start_time: datetime | None = None
    service_stop_time: datetime | None = None
    source_patient_id: LocalPatientId | None = None
    source_patient: PatientTraits | None = None
    legal_authenticator: Practitioner | None = None
    reference_ids: tuple[ReferenceId, ...] = ()
    hash_hex: str | None = None
    size: int | None = None
    status: AvailabilityStatus | None = None
    entry_uuid: str | None = None
    logical_id: str | None = None
    version_name: str | None = None
    repository_unique_id: str | None = None
    home_community_id: str | None = None

    @property
    def is_kos(self) -> bool:
        return self.type_code.value == KOS_TYPE.value


class PartialDocuments(tuple[DocumentEntry, ...]):
    """What a registry listed, saying that it is not all (PartialSuccess), or not all readable."""

    __slots__ = ()


class UnknownPatientDocuments(tuple[DocumentEntry, ...]):
    """Nothing: the registry knows no such patient (XDSUnknownPatientId)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class SubmissionSet:
    """Metadata of one submission; submission_time is aware, written in UTC."""

    unique_id: str
    source_id: str
    patient_id: str
    content_type: Code
    authors: tuple[Author, ...]
    submission_time: datetime
    title: str = ""


@dataclass(frozen=True, slots=True)
class RegisteredSet:
    """A submission set as a registry holds it; members are the entryUUIDs of its documents."""

    submission_set: SubmissionSet
    entry_uuid: str
    status: AvailabilityStatus = AvailabilityStatus.APPROVED
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One document to submit: its metadata and its octets."""

    entry: DocumentEntry
    content: bytes

    def __repr__(self) -> str:
        return f"Document({self.entry.unique_id}, {len(self.content)} octets)"


@dataclass(frozen=True, slots=True)
class Submission:
    """A lot: the documents, and the signature of the lot where it is signed.

    signature is the XAdES document that signs the submission set; replaces is the uniqueId of the
    registered document that documents[0] replaces (RPLC).
    """

    submission_set: SubmissionSet
    documents: tuple[Document, ...]
    signature: Document | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentQuery:
    """Criteria of ITI-18; an empty tuple means no criterion, several codes are a choice.

    With unique_ids or entry_uuids only those documents are asked for (GetDocuments), whatever their
    status, and the rest is not used. event_codes and confidentiality_codes are choices that must
    all be met, beside modalities and anatomic_regions. Times are from (included) to (excluded).
    """

    patient_id: str
    unique_ids: tuple[str, ...] = ()
    entry_uuids: tuple[str, ...] = ()
    type_codes: tuple[Code, ...] = ()
    class_codes: tuple[Code, ...] = ()
    format_codes: tuple[Code, ...] = ()
    facility_types: tuple[Code, ...] = ()
    practice_settings: tuple[Code, ...] = ()
    modalities: tuple[Code, ...] = ()
    anatomic_regions: tuple[Code, ...] = ()
    event_codes: tuple[tuple[Code, ...], ...] = ()
    confidentiality_codes: tuple[tuple[Code, ...], ...] = ()
    reference_ids: tuple[ReferenceId, ...] = ()
    creation_from: datetime | None = None
    creation_to: datetime | None = None
    service_start_from: datetime | None = None
    service_start_to: datetime | None = None
    service_stop_from: datetime | None = None
    service_stop_to: datetime | None = None
    statuses: tuple[AvailabilityStatus, ...] = (AvailabilityStatus.APPROVED,)


@dataclass(frozen=True, slots=True)
class SetQuery:
    """Criteria of ITI-18 for submission sets; an empty tuple means no criterion.

    Times of submission are from (included) to (excluded).
    """

    patient_id: str
    source_ids: tuple[str, ...] = ()
    content_types: tuple[Code, ...] = ()
    submitted_from: datetime | None = None
    submitted_to: datetime | None = None
    statuses: tuple[AvailabilityStatus, ...] = (AvailabilityStatus.APPROVED,)
