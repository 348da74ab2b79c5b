"""XDS metadata as DocumentReference: MHD Comprehensive, PDSm and MADO at once (spec 5.2, 5.3)."""

import base64
from collections.abc import Iterable

from drimbox.model.document_entry import (
    AvailabilityStatus,
    DocumentEntry,
    ReferenceId,
    ReferenceIdKind,
)
from drimbox.model.imaging_codes import (
    MODALITIES,
    MODALITY_CODE_SYSTEM,
    REGION_CODE_SYSTEM,
)
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.imaging_search import IMAGING_REPORT_TYPE
from drimbox.model.practice import Code
from drimbox.model.prior_study import is_region
from drimbox.standards.fhir.code_systems import (
    DICOM_UID_SYSTEM,
    LOINC,
    OID_PREFIX,
    URI,
    Json,
    codeable_concept,
    coding,
    concept,
    uri_of,
)
from drimbox.standards.fhir.contained import Contained
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.imaging_study import ACCESSION_TYPE, STUDY_UID_TYPE
from drimbox.standards.fhir.organization import structure_identifier
from drimbox.standards.fhir.profiles import (
    DOCUMENT_REFERENCE_KOS,
    KOS_FORMAT_CODE,
    follows_kos_profile,
)
from drimbox.standards.fhir.version import version_of

IDENTIFIER_KIND = "https://profiles.ihe.net/ITI/MHD/CodeSystem/IHE.MHD.MHDIdentifierType"
MODALITY_EXTENSION = (
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference.modality"
)
BODY_SITE_EXTENSION = (
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-DocumentReference.bodySite"
)
IS_ARCHIVED = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
MANIFEST_TYPE = {"system": LOINC, "code": "18748-4", "display": "Diagnostic imaging study"}
REPORT_TYPE = {"system": LOINC, "code": "85430-7", "display": "Diagnostic imaging report"}
# Informative in France (D15): what European clients call these documents.
MEDICAL_IMAGING = {
    "system": (
        "http://hl7.eu/fhir/health-data-api/CodeSystem/eehrxf-document-priority-category-cs"
    ),
    "code": "Medical-Imaging",
}
HOME_COMMUNITY = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-homeCommunityId"
_UUID_PREFIX = "urn:uuid:"
_STATUSES = {
    AvailabilityStatus.APPROVED: "current",
    AvailabilityStatus.ARCHIVED: "current",
    AvailabilityStatus.DEPRECATED: "superseded",
    AvailabilityStatus.DELETED: "entered-in-error",
}


def encode_document_reference(record: ImagingRecord, fhir_url: str) -> Json:
    """Return the DocumentReference; fhir_url is the base of our own FHIR service."""
    entry = record.document
    contained = Contained(entry.authors, entry)
    written: Json = {
        "resourceType": "DocumentReference",
        "id": record.document_id,
        "meta": _meta(record),
        "contained": contained.resources,
        "extension": _extensions(entry),
        "masterIdentifier": _unique_id(entry, is_master=True),
        "identifier": _identifiers(record),
        "status": status_of(entry),
        "type": {"coding": types_of(record)},
        "category": [{"coding": [coding(entry.class_code), dict(MEDICAL_IMAGING)]}],
        # The Patient carries the INS with its traits; an identifier here would have none (D3).
        "subject": {"reference": f"Patient/{record.subject.identifier}", "type": "Patient"},
        "date": instant(entry.creation_time),
        "author": [{"reference": f"#{name}"} for name in contained.authors],
    }
    if contained.authenticator:
        written["authenticator"] = {"reference": f"#{contained.authenticator}"}
    custodian = _custodian(entry)
    if custodian is not None:
        written["custodian"] = {"identifier": custodian}
    written["relatesTo"] = [
        {
            "code": code,
            "target": {"reference": f"DocumentReference/{target}", "type": "DocumentReference"},
        }
        for code, target in relations_of(record)
    ]
    if entry.comments:
        written["description"] = entry.comments
    written["securityLabel"] = [codeable_concept(code) for code in entry.confidentiality_codes]
    written["content"] = [
        {
            "attachment": _attachment(record, fhir_url),
            "format": _format(entry.format_code),
        }
    ]
    written["context"] = _context(entry, contained)
    return {name: value for name, value in written.items() if value not in ([], {})}


def relations_of(record: ImagingRecord) -> tuple[tuple[str, str], ...]:
    """Return the code of each relation, and the logical id of the document it leads to."""
    if record.is_derived:
        return (("transforms", record.kos_id),)
    return tuple(("replaces", target) for target in record.replaces)


def status_of(entry: DocumentEntry) -> str:
    """Return the status; what the DMP has not told is current, as the DMP lists only those."""
    return _STATUSES[entry.status or AvailabilityStatus.APPROVED]


def types_of(record: ImagingRecord) -> list[Json]:
    """Return the type, and what Europe calls it by LOINC (D15).

    A KOS is an imaging manifest, 18748-4; a French report, which has that very code, is 85430-7.
    """
    code = record.document.type_code
    if record.document.is_kos:
        return [coding(code), dict(MANIFEST_TYPE)]
    if code.value == IMAGING_REPORT_TYPE.value and not record.is_derived:
        return [coding(code), dict(REPORT_TYPE)]
    return [coding(code)]


def modalities_of(entry: DocumentEntry) -> tuple[Code, ...]:
    return tuple(
        Code(code.value, MODALITY_CODE_SYSTEM, code.display)
        for code in entry.event_codes
        if code.value in MODALITIES
    )


def regions_of(entry: DocumentEntry) -> tuple[Code, ...]:
    return tuple(
        Code(code.value, REGION_CODE_SYSTEM, code.display)
        for code in entry.event_codes
        if is_region(code)
    )


def related_identifiers(reference: ReferenceId) -> Iterable[Json]:
    """Return the identifiers of one referenceIdList value: PDSm's form, and DICOM's (D10)."""
    kind = reference.kind
    system = None
    if reference.issuer is not None and reference.issuer.universal_id is not None:
        system = uri_of(reference.issuer.universal_id)
    # Many entries carry a dummy authority for a study UID, which has none (PDSm).
    if kind == ReferenceIdKind.STUDY_INSTANCE_UID.value:
        system = None
    in_system: Json = {"system": system} if system else {}
    yield {"type": concept(URI, kind), **in_system, "value": reference.value}
    if kind == ReferenceIdKind.STUDY_INSTANCE_UID.value:
        yield {
            "type": STUDY_UID_TYPE,
            "system": DICOM_UID_SYSTEM,
            "value": OID_PREFIX + reference.value,
        }
    if kind == ReferenceIdKind.ACCESSION.value:
        yield {"type": ACCESSION_TYPE, **in_system, "value": reference.value}


def hash_base64(hash_hex: str) -> str:
    """Return the SHA-1 itself in base64, not its hexadecimal text."""
    return base64.b64encode(bytes.fromhex(hash_hex)).decode()


def _meta(record: ImagingRecord) -> Json:
    meta: Json = {"versionId": version_of(record), "lastUpdated": instant(record.updated_at)}
    if follows_kos_profile(record.document):
        meta["profile"] = [DOCUMENT_REFERENCE_KOS]
    return meta


def _identifiers(record: ImagingRecord) -> list[Json]:
    entry = record.document
    identifiers = [_unique_id(entry, is_master=False)]
    if entry.entry_uuid is not None and not record.is_derived:
        identifiers.insert(
            0,
            {
                "use": "official",
                "type": concept(IDENTIFIER_KIND, "entryUUID"),
                "system": URI,
                "value": entry.entry_uuid.lower(),
            },
        )
    return identifiers


def _unique_id(entry: DocumentEntry, *, is_master: bool) -> Json:
    """Return uniqueId; one that is no OID (`root^extension`) stays as it is."""
    is_oid = entry.unique_id.replace(".", "").isdigit()
    value = OID_PREFIX + entry.unique_id if is_oid else entry.unique_id
    kind: Json = {} if is_master else {"type": concept(IDENTIFIER_KIND, "uniqueId")}
    return {"use": "usual", **kind, "system": URI, "value": value}


def _extensions(entry: DocumentEntry) -> list[Json]:
    extensions: list[Json] = [
        {"url": MODALITY_EXTENSION, "valueCodeableConcept": codeable_concept(code)}
        for code in modalities_of(entry)
    ]
    extensions += [
        {
            "extension": [{"url": "concept", "valueCodeableConcept": codeable_concept(code)}],
            "url": BODY_SITE_EXTENSION,
        }
        for code in regions_of(entry)
    ]
    if entry.home_community_id:
        home = _as_uri(entry.home_community_id)
        extensions.append({"url": HOME_COMMUNITY, "valueOid": home})
    is_archived = entry.status is AvailabilityStatus.ARCHIVED
    extensions.append({"url": IS_ARCHIVED, "valueBoolean": is_archived})
    return extensions


def _as_uri(oid: str) -> str:
    return oid if oid.startswith(OID_PREFIX) else OID_PREFIX + oid


def _custodian(entry: DocumentEntry) -> Json | None:
    """Return who keeps the document: the first structure that its authors name."""
    structures = (s for author in entry.authors for s in author.structures if s.identifier)
    found = next(structures, None)
    return structure_identifier(found) if found else None


def _attachment(record: ImagingRecord, fhir_url: str) -> Json:
    entry = record.document
    written: Json = {"contentType": entry.mime_type}
    if entry.language_code:
        written["language"] = entry.language_code
    kind = "Bundle" if record.is_derived else "Binary"
    written["url"] = f"{fhir_url}/{kind}/{record.document_id}"
    if entry.size is not None:
        written["size"] = entry.size
    if entry.hash_hex:
        written["hash"] = hash_base64(entry.hash_hex)
    if entry.title:
        written["title"] = entry.title
    written["creation"] = instant(entry.creation_time)
    return written


def _format(code: Code) -> Json:
    # MADO fixes this display (a pattern): without it validation fails.
    if code.value == KOS_FORMAT_CODE:
        return coding(Code(code.value, code.system, "Key Object Selection Document"))
    return coding(code)


def _context(entry: DocumentEntry, contained: Contained) -> Json:
    context: Json = {"event": [codeable_concept(c) for c in entry.event_codes]}
    start, stop = entry.service_start_time, entry.service_stop_time
    if start is not None:
        context["period"] = {"start": instant(start)}
        if stop is not None and stop >= start:
            context["period"] = {"start": instant(start), "end": instant(stop)}
    if entry.facility_type is not None:
        context["facilityType"] = codeable_concept(entry.facility_type)
    if entry.practice_setting is not None:
        context["practiceSetting"] = codeable_concept(entry.practice_setting)
    if contained.source_patient:
        context["sourcePatientInfo"] = {"reference": f"#{contained.source_patient}"}
    context["related"] = [
        {"identifier": identifier}
        for reference in entry.reference_ids
        if reference.value
        for identifier in related_identifiers(reference)
    ]
    return {name: value for name, value in context.items() if value != []}
