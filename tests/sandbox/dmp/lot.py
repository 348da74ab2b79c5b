"""ebRIM metadata of a lot, written as text for these tests alone: set, entries, associations."""

from dataclasses import dataclass, field
from hashlib import sha1
from xml.sax.saxutils import escape, quoteattr

from tests.sandbox.dmp import kos as kos_file
from tests.sandbox.dmp.kos import ACCESSION, ACCESSION_OID, INS, INS_OID, KOS_UID, STUDY_UID

RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
LCM = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
PATIENT_ID = f"{INS}^^^&{INS_OID}&ISO^NH"
SET_UID = "1.2.250.1.999.1.3.1"
SIGNATURE_UID = "1.2.250.1.999.1.4.1"
DEVICE = "899711256811^DRIMBox^ANS^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^EI"
DOCTOR = "899700367909^DOC0036790^KIT^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
CLINIC = "CLINIQUE^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^10B0000001"
NH_CLASSES = "1.2.250.1.213.1.1.4.1"
VISIBILITY = "1.2.250.1.213.1.1.4.13"
ASSOCIATION = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
RPLC = "urn:ihe:iti:2007:AssociationType:RPLC"
UPDATE_STATUS = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"

_SCHEMES = {
    "class": "41a5887f-8865-4c09-adf7-e362475b143a",
    "type": "f0306f51-975f-434e-a61c-c59651d33983",
    "format": "a09d5840-386c-46f2-b5ad-9c3699a4309d",
    "facility": "f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
    "practice": "cccf5598-8b07-4b77-a05e-ae952c785ead",
    "confidentiality": "f4f85eac-e6cb-4883-b524-f2705394840f",
    "event": "2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4",
    "author": "93606bcf-9494-43ec-9b4e-a7748d1a838d",
    "content type": "aa543740-bdda-424e-8c96-df4873be8500",
    "set author": "a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d",
}


def slot(name: str, *values: str) -> str:
    listed = "".join(f"<Value>{escape(value)}</Value>" for value in values)
    return f"<Slot name={quoteattr(name)}><ValueList>{listed}</ValueList></Slot>"


def named(value: str) -> str:
    return f'<Name><LocalizedString xml:lang="FR" charset="UTF-8" value={quoteattr(value)}/></Name>'


class _Ids:
    def __init__(self) -> None:
        self.last = 0

    def __call__(self) -> str:
        self.last += 1
        return f"id{self.last}"


@dataclass
class Entry:
    """What one ExtrinsicObject says; codes by the words of _SCHEMES."""

    object_id: str
    unique_id: str
    content: bytes
    mime_type: str
    title: str
    slots: dict[str, tuple[str, ...]]
    codes: list[tuple[str, str, str]]
    author: str = DEVICE
    patient_id: str = PATIENT_ID
    attributes: str = ""
    version: str = ""

    def xml(self, new_id: _Ids) -> str:
        own = {"hash": (sha1(self.content, usedforsecurity=False).hexdigest(),)}
        slots = own | {"size": (str(len(self.content)),)} | self.slots
        parts = [slot(name, *values) for name, values in slots.items()]
        parts.append(named(self.title))
        if self.version:
            parts.append(f'<VersionInfo versionName="{self.version}"/>')
        parts.append(authored("author", self.object_id, self.author, new_id))
        parts += [coded(*code, self.object_id, new_id) for code in self.codes]
        identifiers = (
            ("58a6f841-87b3-4a3e-92fd-a8ffeff98427", self.patient_id, "patientId"),
            ("2e82c1f6-a085-4c72-9da3-8640a32e42ab", self.unique_id, "uniqueId"),
        )
        parts += [
            identified(scheme, value, f"XDSDocumentEntry.{name}", self.object_id, new_id)
            for scheme, value, name in identifiers
        ]
        return (
            f'<ExtrinsicObject id="{self.object_id}" mimeType="{self.mime_type}"'
            f' objectType="urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"{self.attributes}>'
            f"{''.join(parts)}</ExtrinsicObject>"
        )


def coded(what: str, code: str, system: str, object_id: str, new_id: _Ids) -> str:
    return (
        f'<Classification id="{new_id()}" classificationScheme="urn:uuid:{_SCHEMES[what]}"'
        f' classifiedObject="{object_id}" nodeRepresentation="{code}">'
        f"{slot('codingScheme', system)}{named(code)}</Classification>"
    )


def authored(what: str, object_id: str, person: str, new_id: _Ids) -> str:
    return (
        f'<Classification id="{new_id()}" classificationScheme="urn:uuid:{_SCHEMES[what]}"'
        f' classifiedObject="{object_id}" nodeRepresentation="">'
        f"{slot('authorPerson', person)}{slot('authorInstitution', CLINIC)}</Classification>"
    )


def identified(scheme: str, value: str, name: str, object_id: str, new_id: _Ids) -> str:
    return (
        f'<ExternalIdentifier id="{new_id()}" registryObject="{object_id}"'
        f' identificationScheme="urn:uuid:{scheme}" value={quoteattr(value)}>{named(name)}'
        "</ExternalIdentifier>"
    )


def associated(kind: str, source: str, target: str, new_id: _Ids, **slots: str) -> str:
    listed = "".join(slot(name, value) for name, value in slots.items())
    return (
        f'<Association id="{new_id()}" associationType="{kind}" sourceObject="{source}"'
        f' targetObject="{target}">{listed}</Association>'
    )


def kos_entry(content: bytes, kos_uid: str = KOS_UID, study_uid: str = STUDY_UID) -> Entry:
    return Entry(
        object_id="DocumentKOS",
        unique_id=kos_uid,
        content=content,
        mime_type="application/dicom",
        title="Reference d'objets d'un examen d'imagerie",
        slots={
            "creationTime": ("20260302092900",),
            "languageCode": ("fr-FR",),
            "legalAuthenticator": (DOCTOR,),
            "serviceStartTime": ("20260301080000",),
            "serviceStopTime": ("20260301083000",),
            "sourcePatientId": ("IPP0001^^^&1.2.250.1.999.3&ISO^PI",),
            "sourcePatientInfo": (
                "PID-5|PAT-SIX^ALAIN^^^^^L",
                "PID-7|19620118",
                "PID-8|M",
                "PID-11|^^^^^^BDL^^88504",
            ),
            "urn:ihe:iti:xds:2013:referenceIdList": (
                f"{ACCESSION}^^^&{ACCESSION_OID}&ISO^urn:ihe:iti:xds:2013:accession",
                f"{study_uid}^^^^urn:ihe:iti:xds:2016:studyInstanceUID",
            ),
        },
        codes=[
            ("class", "31", NH_CLASSES),
            ("type", "IMG-KOS", "1.2.250.1.213.1.1.4.12"),
            ("format", kos_file.KOS_CLASS, "1.2.840.10008.2.6.1"),
            ("facility", "SA01", "1.2.250.1.71.4.2.4"),
            ("practice", "AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
            ("confidentiality", "N", "2.16.840.1.113883.5.25"),
            ("event", "CT", "1.2.840.10008.2.16.4"),
            ("event", "774007", "2.16.840.1.113883.6.96"),
        ],
    )


def signature_entry(content: bytes, unique_id: str = SIGNATURE_UID) -> Entry:
    return Entry(
        object_id="Signature01",
        unique_id=unique_id,
        content=content,
        mime_type="text/xml",
        title="Source",
        slots={
            "creationTime": ("20260302093000",),
            "languageCode": ("art",),
            "legalAuthenticator": (DOCTOR,),
            "serviceStartTime": ("20260302093000",),
            "sourcePatientId": (PATIENT_ID,),
        },
        codes=[
            ("class", "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN"),
            ("type", "E1762", "ASTM"),
            ("format", "http://www.w3.org/2000/09/xmldsig#", "URN"),
            ("facility", "SA01", "1.2.250.1.71.4.2.4"),
            ("practice", "AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
            ("confidentiality", "N", "2.16.840.1.113883.5.25"),
            ("confidentiality", "MASQUE_PS", VISIBILITY),
            ("confidentiality", "INVISIBLE_PATIENT", VISIBILITY),
            ("event", "1.2.840.10065.1.12.1.14", "1.2.840.10065.1.12"),
        ],
        author=DOCTOR,
    )


@dataclass
class Lot:
    """A submission set with its entries; associations are (type, source, target, slots)."""

    entries: list[Entry]
    associations: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)
    unique_id: str = SET_UID
    patient_id: str = PATIENT_ID
    submission_time: str = "20260302093010"

    def xml(self) -> str:
        new_id = _Ids()
        own = "SubmissionSet01"
        identifiers = (
            ("6b5aea1a-874d-4603-a4bc-96a0a7b38446", self.patient_id, "patientId"),
            ("554ac39e-e3fe-47fe-b233-965d2a147832", "1.2.250.1.999.1", "sourceId"),
            ("96fdda7c-d067-4183-912e-bf5ee74998a8", self.unique_id, "uniqueId"),
        )
        package = "".join(
            [
                slot("submissionTime", self.submission_time),
                named("Lot"),
                authored("set author", own, DEVICE, new_id),
                coded("content type", "07", "1.2.250.1.213.2.2", own, new_id),
                (
                    f'<Classification id="{new_id()}" classifiedObject="{own}"'
                    ' classificationNode="urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd"/>'
                ),
                *(
                    identified(scheme, value, f"XDSSubmissionSet.{name}", own, new_id)
                    for scheme, value, name in identifiers
                ),
            ]
        )
        entries = "".join(entry.xml(new_id) for entry in self.entries)
        members = "".join(
            associated(ASSOCIATION, own, e.object_id, new_id, SubmissionSetStatus="Original")
            for e in self.entries
        )
        others = "".join(
            associated(kind, source, target, new_id, **slots)
            for kind, source, target, slots in self.associations
        )
        return (
            f'<lcm:SubmitObjectsRequest xmlns:lcm="{LCM}" xmlns="{RIM}"><RegistryObjectList>'
            f'<RegistryPackage id="{own}">{package}</RegistryPackage>{entries}{members}{others}'
            "</RegistryObjectList></lcm:SubmitObjectsRequest>"
        )
