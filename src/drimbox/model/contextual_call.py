"""The contextual call (TRA.04): the parameters of the specification's Tableau 1, checked.

    name and value pairs -> canonical names -> one rule each -> ContextualCall, or every fault

The form door and the FHIR operation both come through here, so that the rules are the same.
Where the printed specification contradicts itself:
- Tableau 1 prints `Patient.identifieur.value` and `AccessionNumberIsuer`; its examples and the ANS
  test target `Patient.identifier.value` and `AccessionNumberIssuer`. Both are accepted.
- The ANS test target has also used `InformationEtConsentement`, and lower case. Both are accepted.
- Its examples send `InformationEtOppositionConsultation=no`, and a system without `=`: faults.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.patient import (
    AssigningAuthority,
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
    check_person_name,
)
from drimbox.model.practice import Situation
from drimbox.model.search_criteria import EVERY_EXAM, DateRange, SearchCriteria, check_codes
from drimbox.model.uids import Oid, StudyInstanceUid

REQUIRED = (
    "Patient.identifier.value",
    "Patient.identifier.system",
    "Patient.name.family",
    "Patient.name.given",
    "Patient.gender",
    "Patient.birthDate",
    "Address.district",
    "InformationEtOppositionConsultation",
    "PatientID",
    "PatientIDIssuer",
)
OPTIONAL = (
    "StudyInstanceUID",
    "Modality",
    "AccessionNumber",
    "AccessionNumberIssuer",
    "StudyDate",
    "AnatomicRegion",
    "Situation",
)
REPEATABLE = frozenset({"Modality", "AnatomicRegion"})
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "Patient.identifieur.value": "Patient.identifier.value",
        "Patient.identifieur.system": "Patient.identifier.system",
        "AccessionNumberIsuer": "AccessionNumberIssuer",
        "InformationEtConsentement": "InformationEtOppositionConsultation",
    }
)

PRODUCTION_AUTHORITIES = frozenset(a for a in InsAuthority if not a.is_for_test)
TEST_AUTHORITIES = frozenset(InsAuthority)

# PS3.5 6.2: an accession number is an SH of 16 characters; a CDA's may be longer (root.extension).
_MAX_ACCESSION_NUMBER = 64
_MAX_ISSUER = 200
_CANONICAL: Mapping[str, str] = MappingProxyType(
    {name.casefold(): name for name in (*REQUIRED, *OPTIONAL)}
    | {alias.casefold(): name for alias, name in ALIASES.items()}
)
_CX_SEPARATORS = re.compile(r"[&^]")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CallFault:
    """One fault of a call: the canonical name (None when it is the whole call's), and the rule."""

    parameter: str | None
    rule: str


class MalformedCall(MalformedMessage):
    """A call that Tableau 1 does not allow: error E200.

    Attributes:
        faults: every fault, in the order of Tableau 1; never a value.
    """

    def __init__(self, faults: tuple[CallFault, ...]) -> None:
        named = ", ".join(fault.parameter or "the call" for fault in faults)
        super().__init__(f"contextual call, E200: {named}")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class ContextualCall:
    """What a calling software asks for: a patient, a consent, and which exams."""

    patient: PatientTraits
    local_patient_id: LocalPatientId
    consent: InformationEtOppositionConsultation
    situation: Situation | None = None
    criteria: SearchCriteria = EVERY_EXAM


@dataclass(frozen=True, slots=True)
class CallParameter:
    """One name and value as received; value is None where its octets could not be decoded."""

    name: str
    value: str | None

    def __repr__(self) -> str:
        return "CallParameter()"


def canonical_name(name: str) -> str | None:
    """Return the name as we document it, whatever its case or known alias; None if unknown."""
    return _CANONICAL.get(name.strip().casefold())


def check_call(
    parameters: Iterable[CallParameter], authorities: frozenset[InsAuthority]
) -> ContextualCall:
    """Check every parameter of a call.

    authorities are the INS authorities this environment accepts. Unknown names are ignored.

    Raises:
        MalformedCall: with every fault, not the first one only.
    """
    reading = _Reading(parameters)
    patient = _patient(reading, authorities)
    local_patient_id = _local_patient_id(reading)
    consent = reading.take(
        "InformationEtOppositionConsultation", InformationEtOppositionConsultation.parse
    )
    situation = reading.take("Situation", Situation)
    criteria = _criteria(reading)
    if reading.faults or patient is None or local_patient_id is None or consent is None:
        raise MalformedCall(reading.ordered_faults())
    return ContextualCall(patient, local_patient_id, consent, situation, criteria)


class _Reading:
    """The values by canonical name, and the faults found so far."""

    def __init__(self, parameters: Iterable[CallParameter]) -> None:
        self.faults: list[CallFault] = []
        self._values: dict[str, list[str]] = {}
        for parameter in parameters:
            name = canonical_name(parameter.name)
            if name is not None:
                self._keep(name, parameter.value)
        for name in REQUIRED:
            if name not in self._values and not self._is_faulty(name):
                self.fault(name, "obligatoire")

    def take(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """Return the one value, read; None when it is absent or faulty."""
        values = self._values.get(name)
        if not values:
            return None
        try:
            return read(values[0])
        except InvalidValue as error:
            self.fault(name, error.rule)
            return None

    def take_codes(self, name: str) -> tuple[str, ...]:
        """Return the codes of a repeatable parameter, each once."""
        codes = (code.strip() for value in self._values.get(name, ()) for code in value.split(","))
        return tuple(dict.fromkeys(code for code in codes if code))

    def check_codes(self, name: str, codes: tuple[str, ...], value_set: frozenset[str]) -> None:
        try:
            check_codes(name, codes, value_set)
        except InvalidValue as error:
            self.fault(name, error.rule)

    def fault(self, name: str, rule: str) -> None:
        if not self._is_faulty(name):
            self.faults.append(CallFault(name, rule))

    def ordered_faults(self) -> tuple[CallFault, ...]:
        order = {name: position for position, name in enumerate((*REQUIRED, *OPTIONAL))}
        return tuple(sorted(self.faults, key=lambda fault: order[fault.parameter or ""]))

    def _keep(self, name: str, value: str | None) -> None:
        if value is None:
            self.fault(name, "UTF-8, encodé en application/x-www-form-urlencoded")
            return
        value = unicodedata.normalize("NFC", value).strip()
        if not value:
            return
        kept = self._values.setdefault(name, [])
        if kept and name not in REPEATABLE and value != kept[0]:
            self.fault(name, "donné une seule fois, ou avec la même valeur")
        kept.append(value)

    def _is_faulty(self, name: str) -> bool:
        return any(fault.parameter == name for fault in self.faults)


def _patient(reading: _Reading, authorities: frozenset[InsAuthority]) -> PatientTraits | None:
    authority = reading.take(
        "Patient.identifier.system", lambda text: _authority(text, authorities)
    )
    ins = reading.take(
        "Patient.identifier.value", lambda text: Ins(text, authority or InsAuthority.NIR)
    )
    family_name = reading.take("Patient.name.family", _person_name)
    given_name = reading.take("Patient.name.given", _person_name)
    gender = reading.take("Patient.gender", _gender)
    birth_date = reading.take("Patient.birthDate", BirthDate)
    birth_place = reading.take("Address.district", District)
    if ins is None or family_name is None or given_name is None:
        return None
    if gender is None or birth_date is None or authority is None:
        return None
    return PatientTraits(ins, family_name, given_name, gender, birth_date, birth_place)


def _local_patient_id(reading: _Reading) -> LocalPatientId | None:
    issuer = reading.take("PatientIDIssuer", parse_assigning_authority)
    return reading.take("PatientID", lambda text: LocalPatientId(text, issuer))


def _criteria(reading: _Reading) -> SearchCriteria:
    modalities = reading.take_codes("Modality")
    regions = reading.take_codes("AnatomicRegion")
    reading.check_codes("Modality", modalities, frozenset(MODALITIES))
    reading.check_codes("AnatomicRegion", regions, frozenset(ANATOMIC_REGIONS))
    study_dates = reading.take("StudyDate", DateRange.parse)
    accession_number = reading.take("AccessionNumber", _accession_number)
    issuer = reading.take("AccessionNumberIssuer", parse_assigning_authority)
    study_instance_uid = reading.take("StudyInstanceUID", _study_instance_uid)
    if reading.faults:
        return EVERY_EXAM
    return SearchCriteria(
        modalities, regions, study_dates, accession_number, issuer, study_instance_uid
    )


def parse_assigning_authority(text: str) -> AssigningAuthority:
    """Read a CX-4 (`name&oid&ISO`) or any part of it: a name, an OID, an OID with its type.

    Old software separates with `^`; `urn:oid:` before the OID is accepted. A universal id of
    another type (DNS) is kept as a name where no name came.

    Raises:
        InvalidValue: nothing usable, or a universal id of type ISO that is no OID.
    """
    rule = "CX-4 : nom&OID&ISO, ou l'une de ses parties"
    parts = [part.strip() for part in _CX_SEPARATORS.split(text)]
    if len(text) > _MAX_ISSUER or not text.isprintable() or not any(parts):
        raise InvalidValue("assigning authority", rule)
    if len(parts) > 2 and parts[2].upper() not in {"", "ISO"}:
        return AssigningAuthority(parts[0] or parts[1])
    if len(parts) == 2 and parts[1].upper() == "ISO":
        parts = ["", parts[0]]
    if len(parts) == 1 and _as_oid(parts[0]) is not None:
        parts = ["", parts[0]]
    name, universal_id, *_ = [*parts, ""]
    oid = _as_oid(universal_id)
    if (universal_id and oid is None) or not (name or universal_id):
        raise InvalidValue("assigning authority", rule)
    return AssigningAuthority(name or None, oid)


def _as_oid(text: str) -> Oid | None:
    try:
        return Oid(text.removeprefix("urn:oid:"))
    except InvalidValue:
        return None


def _authority(text: str, authorities: frozenset[InsAuthority]) -> InsAuthority:
    for authority in authorities:
        if authority.value == text:
            return authority
    allowed = ", ".join(sorted((a.value for a in authorities), key=len))
    raise InvalidValue("Patient.identifier.system", f"une autorité de l'INS : {allowed}")


def _study_instance_uid(text: str) -> StudyInstanceUid:
    try:
        return StudyInstanceUid(text)
    except InvalidValue:
        rule = "entiers séparés par des points, sans zéro initial, 64 caractères au plus"
        raise InvalidValue("StudyInstanceUID", rule) from None


def _gender(text: str) -> Gender:
    try:
        return Gender(text)
    except ValueError:
        raise InvalidValue("Patient.gender", "M ou F") from None


def _person_name(text: str) -> str:
    check_person_name("name", text)
    return text


def _accession_number(text: str) -> str:
    if len(text) > _MAX_ACCESSION_NUMBER or not text.isprintable() or "\\" in text:
        raise InvalidValue(
            "AccessionNumber", f"1 à {_MAX_ACCESSION_NUMBER} caractères, sans caractère de contrôle"
        )
    return text
