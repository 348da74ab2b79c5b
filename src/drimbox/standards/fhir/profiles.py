"""What meta.profile claims: our own profiles (profiles/definitions), and only where they hold.

Metadata in the DMP were written by others; what lacks something that MHD Comprehensive, PDSm or
MADO requires is sent as it is, without the claim.
"""

import re
from types import MappingProxyType

from drimbox.model.document_entry import (
    Author,
    AvailabilityStatus,
    DocumentEntry,
    ReferenceIdKind,
)
from drimbox.model.document_list import DocumentList
from drimbox.model.imaging_codes import MODALITIES
from drimbox.standards.fhir.canonical import CANONICAL

_BASE = f"{CANONICAL}/StructureDefinition"
PATIENT_INS = f"{_BASE}/drimbox-patient-ins"
DOCUMENT_REFERENCE_KOS = f"{_BASE}/drimbox-document-reference-kos"
IMAGING_STUDY = f"{_BASE}/drimbox-imaging-study"
ENDPOINT_WADO = f"{_BASE}/drimbox-endpoint-wado"
ENDPOINT_VIEWER = f"{_BASE}/drimbox-endpoint-viewer"
SUBMISSION_SET = f"{_BASE}/drimbox-submission-set"
OPERATION_OUTCOME = f"{_BASE}/drimbox-operation-outcome"
# What a client may rely on, by resource type (CapabilityStatement.rest.resource.supportedProfile).
SUPPORTED = MappingProxyType(
    {
        "DocumentReference": (DOCUMENT_REFERENCE_KOS,),
        "Endpoint": (ENDPOINT_WADO, ENDPOINT_VIEWER),
        "ImagingStudy": (IMAGING_STUDY,),
        "List": (SUBMISSION_SET,),
        "Patient": (PATIENT_INS,),
    }
)

KOS_TYPE_CODE = "IMG-KOS"
KOS_TYPE_SYSTEM = "1.2.250.1.213.1.1.4.12"
KOS_FORMAT_CODE = "1.2.840.10008.5.1.4.1.1.88.59"
KOS_FORMAT_SYSTEM = "1.2.840.10008.2.6.1"
_MEDIA_TYPE = "application/dicom"
_LANGUAGE = "fr-FR"
_ENTRY_UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.IGNORECASE)
_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*\Z", re.ASCII)
_SHA_1 = re.compile(r"[0-9a-fA-F]{40}\Z", re.ASCII)
_SHARED = frozenset(
    {None, AvailabilityStatus.APPROVED, AvailabilityStatus.ARCHIVED, AvailabilityStatus.DEPRECATED}
)


def follows_kos_profile(entry: DocumentEntry) -> bool:
    """Tell whether the DocumentReference of these metadata is a drimbox-document-reference-kos."""
    return (
        _is_kos(entry)
        and _is_identified(entry)
        and _has_whole_attachment(entry)
        and _has_whole_context(entry)
        and bool(entry.authors)
        and all(map(_is_person_or_device, entry.authors))
        and any(s.identifier for author in entry.authors for s in author.structures)
    )


def follows_submission_set_profile(found: DocumentList) -> bool:
    """Tell whether a List is a drimbox-submission-set."""
    submitted = found.submission_set
    return (
        found.entry_uuid is not None
        and _ENTRY_UUID.match(found.entry_uuid) is not None
        and all(_UID.match(one) for one in (submitted.unique_id, submitted.source_id))
        and bool(submitted.content_type.value)
        and any(author.person is not None for author in submitted.authors)
    )


def _is_kos(entry: DocumentEntry) -> bool:
    return (
        (entry.type_code.value, str(entry.type_code.system)) == (KOS_TYPE_CODE, KOS_TYPE_SYSTEM)
        and entry.format_code.value == KOS_FORMAT_CODE
        and str(entry.format_code.system) == KOS_FORMAT_SYSTEM
        and any(code.value in MODALITIES for code in entry.event_codes)
    )


def _is_identified(entry: DocumentEntry) -> bool:
    studies = [
        one.value
        for one in entry.reference_ids
        if one.kind == ReferenceIdKind.STUDY_INSTANCE_UID.value and one.value
    ]
    return (
        entry.status in _SHARED
        and entry.entry_uuid is not None
        and _ENTRY_UUID.match(entry.entry_uuid) is not None
        and len(studies) == 1
        and _UID.match(studies[0]) is not None
    )


def _has_whole_attachment(entry: DocumentEntry) -> bool:
    return (
        entry.mime_type == _MEDIA_TYPE
        and entry.language_code == _LANGUAGE
        and entry.size is not None
        and entry.hash_hex is not None
        and _SHA_1.match(entry.hash_hex) is not None
        and bool(entry.title)
        and bool(entry.confidentiality_codes)
    )


def _has_whole_context(entry: DocumentEntry) -> bool:
    return (
        entry.service_start_time is not None
        and entry.facility_type is not None
        and entry.practice_setting is not None
        and (entry.source_patient_id is not None or entry.source_patient is not None)
    )


def _is_person_or_device(author: Author) -> bool:
    """PDSm: a structure alone is no author; nor is the second one of a device."""
    return author.person is not None and (not author.is_device or len(author.structures) <= 1)
