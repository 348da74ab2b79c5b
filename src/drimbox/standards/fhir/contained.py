"""Persons, devices, structures and the source patient inside a DocumentReference (MHD: contained).

XCN and XON arrive parsed (model.document_entry); a role or a speciality makes a PractitionerRole.
"""

from collections.abc import Iterable

from drimbox.model.document_entry import Author, DocumentEntry
from drimbox.model.patient import Gender
from drimbox.model.practice import (
    NATIONAL_PERSON_AUTHORITY,
    Practitioner,
    Structure,
)
from drimbox.standards.fhir.code_systems import (
    FR_IDENTIFIER_TYPE,
    Json,
    codeable_concept,
    concept,
    uri_of,
)
from drimbox.standards.fhir.date_times import birth_date
from drimbox.standards.fhir.organization import structure_identifier
from drimbox.standards.fhir.patient import encode_local_identifier

_NATIONAL_PERSON = concept(FR_IDENTIFIER_TYPE, "IDNPS")
_SOURCE_PATIENT = "source-patient"


class Contained:
    """Resources by local id, and which of them are authors, authenticator, source patient.

    The last two are those of the entry, where one is given.
    """

    def __init__(self, authors: Iterable[Author], entry: DocumentEntry | None = None) -> None:
        self.resources: list[Json] = []
        self.authors: list[str] = []
        self.authenticator = ""
        self.source_patient = ""
        for number, author in enumerate(authors, 1):
            self._add_author(author, str(number))
        if entry is not None:
            self._add_others(entry)

    def _add_others(self, entry: DocumentEntry) -> None:
        if entry.legal_authenticator is not None:
            self.authenticator = self._add_person(entry.legal_authenticator, "authenticator")
        if entry.source_patient_id is not None or entry.source_patient is not None:
            self.source_patient = self._add_source_patient(entry)

    def _add_author(self, author: Author, number: str) -> None:
        organizations = [
            self._add_organization(structure, f"organization-{number}-{index}")
            for index, structure in enumerate(author.structures, 1)
        ]
        if author.person is None:
            self.authors += organizations
        elif author.is_device:
            self._add_device(author.person, organizations, f"device-{number}")
            # The device names its owner; a structure beside it is one more author.
            self.authors += [f"device-{number}", *organizations[1:]]
        else:
            person = self._add_person(author.person, f"practitioner-{number}")
            # A role names one organization: one role for each (PDSm takes no bare structure).
            self.authors += [
                self._add_role(author, person, organization, f"role-{number}-{index}")
                for index, organization in enumerate(organizations or [None], 1)
            ]

    def _add_role(self, author: Author, person: str, organization: str | None, name: str) -> str:
        role: Json = {
            "resourceType": "PractitionerRole",
            "id": name,
            "practitioner": {"reference": f"#{person}"},
        }
        if organization is not None:
            role["organization"] = {"reference": f"#{organization}"}
        if author.role:
            role["code"] = [{"text": author.role}]
        if author.speciality is not None:
            role["specialty"] = [codeable_concept(author.speciality)]
        self.resources.append(role)
        return name

    def _add_person(self, person: Practitioner, name: str) -> str:
        identifiers = []
        if person.identifier:
            kind: Json = {}
            if person.authority == NATIONAL_PERSON_AUTHORITY:
                kind = {"type": _NATIONAL_PERSON}
            identifiers = [{**kind, "system": uri_of(person.authority), "value": person.identifier}]
        human: Json = {"family": person.family_name} if person.family_name else {}
        if person.given_name:
            human["given"] = [person.given_name]
        practitioner: Json = {"resourceType": "Practitioner", "id": name}
        if identifiers:
            practitioner["identifier"] = identifiers
        if human:
            practitioner["name"] = [human]
        self.resources.append(practitioner)
        return name

    def _add_device(self, device: Practitioner, organizations: list[str], name: str) -> None:
        written: Json = {"resourceType": "Device", "id": name}
        if device.identifier:
            written["identifier"] = [
                {"system": uri_of(device.authority), "value": device.identifier}
            ]
        label = " ".join(part for part in (device.family_name, device.given_name) if part)
        if label:
            written["deviceName"] = [{"name": label, "type": "user-friendly-name"}]
        if organizations:
            written["owner"] = {"reference": f"#{organizations[0]}"}
        self.resources.append(written)

    def _add_organization(self, structure: Structure, name: str) -> str:
        organization: Json = {"resourceType": "Organization", "id": name}
        if structure.identifier:
            organization["identifier"] = [structure_identifier(structure)]
        # org-1: a name or an identifier.
        if structure.name:
            organization["name"] = structure.name
        self.resources.append(organization)
        return name

    def _add_source_patient(self, entry: DocumentEntry) -> str:
        """The patient as its Source knew one: IPP and traits, never the INS (spec 5.2)."""
        patient: Json = {"resourceType": "Patient", "id": _SOURCE_PATIENT}
        if entry.source_patient_id is not None and not _is_ins(entry):
            patient["identifier"] = [encode_local_identifier(entry.source_patient_id)]
        traits = entry.source_patient
        if traits is not None:
            patient["name"] = [
                {"use": "official", "family": traits.family_name, "given": [traits.given_name]}
            ]
            patient["gender"] = "male" if traits.gender is Gender.MALE else "female"
            patient["birthDate"] = birth_date(traits.birth_date)
        self.resources.append(patient)
        return _SOURCE_PATIENT


def _is_ins(entry: DocumentEntry) -> bool:
    """Tell whether the INS stands where an IPP should, as it does where the RIS gave none."""
    identifier = entry.source_patient_id
    return identifier is not None and identifier.value == entry.patient_id.partition("^")[0]
