"""XDSDocumentEntry and its author <-> rim:ExtrinsicObject (ITI TF-3 4.2.3.2, table 4.2.3.2-1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.document_entry import Author, AvailabilityStatus, DocumentEntry
from drimbox.model.practice import Code, Practitioner
from drimbox.standards.xds import data_types
from drimbox.standards.xds.ebrim import (
    Classification,
    ObjectWriter,
    Slot,
    add_localized,
    add_slot,
    read_classifications,
    read_identifier,
    read_localized,
    read_slots,
    slot_values,
)
from drimbox.standards.xds.names import (
    NAMESPACES,
    REFERENCE_ID_LIST,
    RIM,
    STABLE_DOCUMENT,
    EntryScheme,
)

MAX_SIZE_DIGITS = 18


def encode_document_entry(
    parent: etree._Element, entry: DocumentEntry, object_id: str
) -> etree._Element:
    """Add the ExtrinsicObject of a document under that symbolic id, and return it."""
    element = etree.SubElement(parent, f"{{{RIM}}}ExtrinsicObject", id=object_id)
    if entry.logical_id is not None:
        element.set("lid", entry.logical_id)
    element.set("objectType", STABLE_DOCUMENT)
    element.set("mimeType", entry.mime_type)
    for slot in _slots(entry):
        add_slot(element, slot.name, slot.values)
    add_localized(element, "Name", entry.title)
    add_localized(element, "Description", entry.comments)
    writer = ObjectWriter(element, object_id)
    for author in entry.authors:
        writer.classify_author(EntryScheme.AUTHOR.value, author_slots(author))
    for scheme, codes in _codes(entry):
        for code in codes:
            writer.classify(scheme.value, code)
    writer.identify(EntryScheme.PATIENT_ID.value, "XDSDocumentEntry.patientId", entry.patient_id)
    writer.identify(EntryScheme.UNIQUE_ID.value, "XDSDocumentEntry.uniqueId", entry.unique_id)
    return element


def parse_document_entry(element: etree._Element, zone: tzinfo = UTC) -> DocumentEntry:
    """Read an ExtrinsicObject, its parts in any order; unknown codes are kept.

    zone is that of times without an offset.

    Raises:
        MalformedMessage: a required attribute is missing or a time is none; where names it.
    """
    slots = read_slots(element)
    reader = _Reader(element, slots, zone)
    patient_id = reader.identifier(EntryScheme.PATIENT_ID)
    authenticators = map(data_types.parse_practitioner, reader.values("legalAuthenticator"))
    local_id = reader.first("sourcePatientId")
    return DocumentEntry(
        unique_id=reader.identifier(EntryScheme.UNIQUE_ID),
        patient_id=patient_id,
        mime_type=element.get("mimeType", ""),
        title=read_localized(element, "Name"),
        class_code=reader.code(EntryScheme.CLASS_CODE),
        type_code=reader.code(EntryScheme.TYPE_CODE),
        format_code=reader.code(EntryScheme.FORMAT_CODE),
        confidentiality_codes=reader.codes(EntryScheme.CONFIDENTIALITY_CODE),
        event_codes=reader.codes(EntryScheme.EVENT_CODE_LIST),
        facility_type=next(iter(reader.codes(EntryScheme.FACILITY_TYPE_CODE)), None),
        practice_setting=next(iter(reader.codes(EntryScheme.PRACTICE_SETTING_CODE)), None),
        authors=tuple(map(parse_author, reader.classifications(EntryScheme.AUTHOR))),
        creation_time=reader.required_time("creationTime"),
        language_code=reader.first("languageCode") or "",
        comments=read_localized(element, "Description"),
        service_start_time=reader.time("serviceStartTime"),
        service_stop_time=reader.time("serviceStopTime"),
        source_patient_id=data_types.parse_local_patient_id(local_id) if local_id else None,
        source_patient=data_types.parse_source_patient_info(
            reader.values("sourcePatientInfo"), patient_id
        ),
        legal_authenticator=next(
            (person for found in authenticators if found for person in found[:1]), None
        ),
        reference_ids=tuple(map(data_types.parse_reference_id, reader.values(REFERENCE_ID_LIST))),
        hash_hex=(reader.first("hash") or "").lower() or None,
        size=reader.size(),
        status=reader.status(),
        entry_uuid=_registered_id(element.get("id")),
        logical_id=_registered_id(element.get("lid")),
        version_name=reader.version_name(),
        repository_unique_id=reader.first("repositoryUniqueId"),
        home_community_id=element.get("home"),
    )


def author_slots(author: Author) -> tuple[Slot, ...]:
    """Write one author as the slots of its Classification."""
    slots = (
        Slot("authorPerson", _author_person(author)),
        Slot("authorInstitution", tuple(map(data_types.encode_structure, author.structures))),
        Slot("authorRole", (author.role,) if author.role else ()),
        Slot(
            "authorSpecialty",
            (data_types.encode_coded_text(author.speciality),) if author.speciality else (),
        ),
    )
    return tuple(slot for slot in slots if slot.values)


def parse_author(classification: Classification) -> Author:
    """Read the author of a DocumentEntry or of a SubmissionSet."""
    persons = map(data_types.parse_practitioner, classification.values("authorPerson"))
    person, is_device = next((found for found in persons if found), (None, False))
    structures = map(data_types.parse_structure, classification.values("authorInstitution"))
    speciality = next(iter(classification.values("authorSpecialty")), None)
    return Author(
        person=person,
        structures=tuple(structure for structure in structures if structure),
        role=next(iter(classification.values("authorRole")), None),
        speciality=data_types.parse_coded_text(speciality) if speciality else None,
        is_device=is_device,
    )


def _author_person(author: Author) -> tuple[str, ...]:
    if author.person is None:
        return ()
    return (data_types.encode_practitioner(author.person, is_device=author.is_device),)


def _slots(entry: DocumentEntry) -> tuple[Slot, ...]:
    patient = entry.source_patient
    return (
        Slot("creationTime", (data_types.encode_dtm(entry.creation_time),)),
        Slot("hash", (entry.hash_hex,) if entry.hash_hex else ()),
        Slot("languageCode", (entry.language_code,)),
        Slot("legalAuthenticator", _person(entry.legal_authenticator)),
        Slot("repositoryUniqueId", _optional(entry.repository_unique_id)),
        Slot("serviceStartTime", _time(entry.service_start_time)),
        Slot("serviceStopTime", _time(entry.service_stop_time)),
        Slot("size", () if entry.size is None else (str(entry.size),)),
        Slot(
            "sourcePatientId",
            (data_types.encode_source_patient_id(entry.source_patient_id, entry.patient_id),),
        ),
        Slot(
            "sourcePatientInfo",
            data_types.encode_source_patient_info(patient) if patient else (),
        ),
        Slot(
            REFERENCE_ID_LIST,
            tuple(map(data_types.encode_reference_id, entry.reference_ids)),
        ),
    )


def _codes(entry: DocumentEntry) -> tuple[tuple[EntryScheme, Sequence[Code]], ...]:
    return (
        (EntryScheme.CLASS_CODE, (entry.class_code,)),
        (EntryScheme.CONFIDENTIALITY_CODE, entry.confidentiality_codes),
        (EntryScheme.EVENT_CODE_LIST, entry.event_codes),
        (EntryScheme.FORMAT_CODE, (entry.format_code,)),
        (EntryScheme.FACILITY_TYPE_CODE, (entry.facility_type,) if entry.facility_type else ()),
        (
            EntryScheme.PRACTICE_SETTING_CODE,
            (entry.practice_setting,) if entry.practice_setting else (),
        ),
        (EntryScheme.TYPE_CODE, (entry.type_code,)),
    )


def _optional(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def _person(person: Practitioner | None) -> tuple[str, ...]:
    return (data_types.encode_practitioner(person, is_device=False),) if person else ()


def _time(instant: datetime | None) -> tuple[str, ...]:
    return (data_types.encode_dtm(instant),) if instant else ()


def _registered_id(text: str | None) -> str | None:
    """Keep the ids of a registry; symbolic ones mean nothing outside their message."""
    return text if text and text.startswith("urn:uuid:") else None


@dataclass(frozen=True, slots=True)
class _Reader:
    """One ExtrinsicObject, asked by name."""

    element: etree._Element
    slots: tuple[Slot, ...]
    zone: tzinfo

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for value in slot_values(self.slots, name) if value)

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)

    def identifier(self, scheme: EntryScheme) -> str:
        value = read_identifier(self.element, scheme.value)
        if not value:
            raise MalformedMessage("missing", where=f"DocumentEntry {scheme.name.lower()}")
        return value

    def classifications(self, scheme: EntryScheme) -> tuple[Classification, ...]:
        return read_classifications(self.element, scheme.value)

    def codes(self, scheme: EntryScheme) -> tuple[Code, ...]:
        return tuple(found.code for found in self.classifications(scheme))

    def code(self, scheme: EntryScheme) -> Code:
        codes = self.codes(scheme)
        if not codes:
            raise MalformedMessage("missing", where=f"DocumentEntry {scheme.name.lower()}")
        return codes[0]

    def time(self, name: str) -> datetime | None:
        text = self.first(name)
        if text is None:
            return None
        try:
            return data_types.parse_dtm(text, self.zone)
        except InvalidValue as error:
            raise MalformedMessage(error.rule, where=f"DocumentEntry {name}") from None

    def required_time(self, name: str) -> datetime:
        instant = self.time(name)
        if instant is None:
            raise MalformedMessage("missing", where=f"DocumentEntry {name}")
        return instant

    def size(self) -> int | None:
        text = self.first("size")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_SIZE_DIGITS):
            raise MalformedMessage("a number of octets", where="DocumentEntry size")
        return int(text)

    def status(self) -> AvailabilityStatus | None:
        """Read availabilityStatus; one that is not ours is as if it had not been told."""
        try:
            return AvailabilityStatus(self.element.get("status", ""))
        except ValueError:
            return None

    def version_name(self) -> str | None:
        version = self.element.find("rim:VersionInfo", dict(NAMESPACES))
        return None if version is None else version.get("versionName")
