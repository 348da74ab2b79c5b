"""Whether a DocumentEntry is one this DMP takes (ITI TF-3 4.2.3.2, French profile).

Each function yields reasons; the caller gives them the error code of its transaction.
"""

from collections.abc import Iterator
from typing import Final

from drimbox.sandbox.dmp.codes import (
    ANATOMIC_REGIONS,
    CONFIDENTIALITIES,
    DICOM_TERMS,
    DMP_VISIBILITY,
    FACILITIES,
    FACILITY_SYSTEM,
    HL7_CONFIDENTIALITY,
    MODALITIES,
    PRACTICE_SETTINGS,
    PRACTICE_SYSTEM,
    SNOMED_CT,
    VALUE_SETS_TAKEN_FOR_CODE_SYSTEMS,
    VISIBILITIES,
)
from drimbox.sandbox.dmp.document_kinds import (
    KOS,
    SIGNATURE,
    SIGNATURE_EVENT,
    Coded,
    DocumentKind,
    kind_of,
)
from drimbox.sandbox.dmp.ebrim import Classification, Identifier, RegistryObject
from drimbox.sandbox.dmp.hl7_types import is_institution, is_oid, is_person, read_ins
from drimbox.sandbox.dmp.judge_entry_slots import judge_slots
from drimbox.sandbox.dmp.names import (
    CLASS_CODE,
    CONFIDENTIALITY_CODE,
    ENTRY_AUTHOR,
    ENTRY_PATIENT_ID,
    ENTRY_UNIQUE_ID,
    EVENT_CODE,
    FACILITY_CODE,
    FORMAT_CODE,
    PRACTICE_CODE,
    STABLE_DOCUMENT,
    TYPE_CODE,
)

_SINGLE_CODES: Final = {
    CLASS_CODE: "classCode",
    TYPE_CODE: "typeCode",
    FORMAT_CODE: "formatCode",
    FACILITY_CODE: "healthcareFacilityTypeCode",
    PRACTICE_CODE: "practiceSettingCode",
}
_REPEATABLE: Final = {CONFIDENTIALITY_CODE: "confidentialityCode", ENTRY_AUTHOR: "author"}
_CODE_NAMES: Final = {
    **_SINGLE_CODES,
    CONFIDENTIALITY_CODE: "confidentialityCode",
    EVENT_CODE: "eventCodeList",
}
_AUTHOR_SLOTS: Final = frozenset(
    {
        "authorPerson",
        "authorInstitution",
        "authorRole",
        "authorSpecialty",
        "authorTelecommunication",
    }
)


def entry_kind(entry: RegistryObject) -> DocumentKind | None:
    """Return the row of the table this entry claims by its typeCode."""
    return kind_of(_coded(entry.code(TYPE_CODE)))


def judge_entry(entry: RegistryObject) -> Iterator[str]:
    """Yield everything that is wrong with one entry's metadata, content aside."""
    kind = entry_kind(entry)
    if kind is None:
        yield "typeCode is missing, repeated, or not one this DMP takes"
        return
    if entry.attribute("objectType") != STABLE_DOCUMENT:
        yield "objectType must be that of a stable document"
    yield from _judge_classifications(entry)
    yield from _judge_kind(entry, kind)
    yield from judge_identifiers(
        entry, {ENTRY_PATIENT_ID: "patientId", ENTRY_UNIQUE_ID: "uniqueId"}
    )
    if not entry.title:
        yield "title is missing"
    yield from judge_slots(entry, kind)
    yield from _judge_confidentiality(entry, kind)
    yield from _judge_events(entry, kind)


def judge_identifiers(found: RegistryObject, names: dict[str, str]) -> Iterator[str]:
    """Judge the external identifiers of an entry or a submission set: each of names, once."""
    schemes = [i.scheme for i in found.identifiers]
    for scheme, name in names.items():
        if schemes.count(scheme) != 1:
            yield f"{name}: exactly one is expected"
    for identifier in found.identifiers:
        if identifier.registry_object != found.object_id:
            yield "an ExternalIdentifier's registryObject is not the object it stands in"
        if identifier.scheme not in names:
            yield "an ExternalIdentifier has an identificationScheme of no XDS identifier"
        else:
            yield from _judge_identifier(identifier, names[identifier.scheme])


def judge_author(author: Classification) -> Iterator[str]:
    """Judge one author: one person or device, and the structure."""
    unknown = set(author.slots) - _AUTHOR_SLOTS
    if author.repeated_slots or unknown:
        yield "author: a slot is repeated or unknown"
    persons = author.slots.get("authorPerson", ())
    if len(persons) != 1 or not is_person(persons[0]):
        yield "authorPerson must be one XCN with its national or device identifier"
    institutions = author.slots.get("authorInstitution", ())
    if not institutions or not all(is_institution(text) for text in institutions):
        yield "authorInstitution must be the XON of a structure (Struct_IdNat)"
    if author.code:
        yield "author: nodeRepresentation must be empty"


def judge_code(code: Classification, name: str) -> Iterator[str]:
    """Judge that a code is whole: code, one codingScheme, display."""
    if not code.code or len(code.slots) != 1 or not code.coding_scheme or code.repeated_slots:
        yield f"{name} needs a nodeRepresentation and one codingScheme"
    if not code.display:
        yield f"{name} needs a display name"


def _judge_identifier(identifier: Identifier, name: str) -> Iterator[str]:
    if not identifier.name.endswith(f".{name}"):
        yield f"{name}: its Name must be XDS….{name}"
    if name == "patientId":
        if read_ins(identifier.value) is None:
            yield "patientId must be a valid INS, as `INS^^^&OID&ISO^NH`"
    elif not is_oid(identifier.value):
        yield f"{name} must be an OID"


def _judge_classifications(entry: RegistryObject) -> Iterator[str]:
    for scheme, name in _SINGLE_CODES.items():
        if len(entry.codes(scheme)) != 1:
            yield f"{name}: exactly one is expected"
    for scheme, name in _REPEATABLE.items():
        if not entry.codes(scheme):
            yield f"{name}: at least one is expected"
    for classification in entry.classifications:
        if classification.classified_object != entry.object_id:
            yield "a Classification's classifiedObject is not the entry it stands in"
        yield from _judge_classification(classification)


def _judge_classification(classification: Classification) -> Iterator[str]:
    name = _CODE_NAMES.get(classification.scheme)
    if classification.scheme == ENTRY_AUTHOR:
        yield from judge_author(classification)
    elif name is not None:
        yield from judge_code(classification, name)
    else:
        yield "a Classification has a classificationScheme of no DocumentEntry attribute"


def _judge_kind(entry: RegistryObject, kind: DocumentKind) -> Iterator[str]:
    if entry.attribute("mimeType") != kind.mime_type:
        yield f"mimeType of a {kind.name} must be {kind.mime_type}"
    if _coded(entry.code(CLASS_CODE)) != kind.class_code:
        yield f"classCode of a {kind.name} must be {kind.class_code[0]}"
    if _coded(entry.code(FORMAT_CODE)) not in kind.formats:
        yield f"formatCode is not one of a {kind.name}"
    code, system = _coded(entry.code(FACILITY_CODE))
    if system != FACILITY_SYSTEM or code not in FACILITIES:
        yield "healthcareFacilityTypeCode is not in JDV_J61"
    code, system = _coded(entry.code(PRACTICE_CODE))
    if system != PRACTICE_SYSTEM or code not in PRACTICE_SETTINGS:
        yield "practiceSettingCode is not in JDV_J04"


def _judge_confidentiality(entry: RegistryObject, kind: DocumentKind) -> Iterator[str]:
    codes = [_coded(code) for code in entry.codes(CONFIDENTIALITY_CODE)]
    allowed = {HL7_CONFIDENTIALITY: CONFIDENTIALITIES, DMP_VISIBILITY: VISIBILITIES}
    if any(code not in allowed.get(system, frozenset()) for code, system in codes):
        yield "confidentialityCode is not in JDV_J58"
    if len(set(codes)) != len(codes):
        yield "confidentialityCode: a code stands twice"
    if sum(system == HL7_CONFIDENTIALITY for _, system in codes) != 1:
        yield "confidentialityCode: exactly one of N, R and V is expected"
    for code, _ in sorted(kind.confidentialities - set(codes)):
        yield f"confidentialityCode of a {kind.name} needs {code}"


def _judge_events(entry: RegistryObject, kind: DocumentKind) -> Iterator[str]:
    codes = [_coded(code) for code in entry.codes(EVENT_CODE)]
    if kind is SIGNATURE and codes != [SIGNATURE_EVENT]:
        yield "eventCodeList of a signature must be its purpose, 1.2.840.10065.1.12.1.14"
    if kind is KOS and not any(system == DICOM_TERMS for _, system in codes):
        yield "eventCodeList of a KOS needs the modality (RAD-68)"
    for code, system in codes:
        if system in VALUE_SETS_TAKEN_FOR_CODE_SYSTEMS:
            yield "eventCodeList: codingScheme is the OID of a value set, not of a code system"
        if system == DICOM_TERMS and code not in MODALITIES:
            yield "eventCodeList: the modality is not in JDV_ModaliteAcquisition"
        if system == SNOMED_CT and code not in ANATOMIC_REGIONS:
            yield "eventCodeList: the region is not in JDV_RegionAnatomique"


def _coded(code: Classification | None) -> Coded:
    return ("", "") if code is None else (code.code, code.coding_scheme)
