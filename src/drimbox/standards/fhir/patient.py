"""A patient as FR Core INS wants one: the INS and its five traits together, or no Patient at all.

https://hl7.fr/ig/fhir/core, fr-core-patient-ins 2.1.0. The INS never travels without its traits
(Référentiel INS; FR Core issue 240), so there is no shorter form of this resource.
"""

from enum import Enum

from drimbox.model.imaging_record import Subject
from drimbox.model.patient import (
    Gender,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
)
from drimbox.standards.fhir.code_systems import (
    FR_IDENTIFIER_TYPE,
    IDENTIFIER_TYPE,
    OID_PREFIX,
    Json,
    concept,
)
from drimbox.standards.fhir.date_times import birth_date
from drimbox.standards.fhir.profiles import PATIENT_INS

_FR_CORE = "https://hl7.fr/ig/fhir/core/StructureDefinition"
BIRTH_GIVEN_NAMES = f"{_FR_CORE}/fr-core-patient-birth-list-given-name"
INSEE_CODE = f"{_FR_CORE}/fr-core-address-insee-code"
IDENTITY_RELIABILITY = f"{_FR_CORE}/fr-core-identity-reliability"
BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
COMMUNES = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
COUNTRIES = "https://mos.esante.gouv.fr/NOS/TRE_R20-Pays/FHIR/TRE-R20-Pays"
# COG: 99 and three digits for what lies abroad.
_ABROAD = "99"
_CODE_SYSTEM = "https://hl7.fr/ig/fhir/core/CodeSystem/"

# use and code of each INS slice.
INS_SLICES = {
    InsAuthority.NIR: ("official", "INS-NIR"),
    InsAuthority.NIA: ("temp", "INS-NIA"),
    InsAuthority.NIR_TEST: ("official", "INS-NIR-TEST"),
    InsAuthority.NIR_DEMO: ("official", "INS-NIR-DEMO"),
}
_GENDERS = {Gender.MALE: "male", Gender.FEMALE: "female"}


class FrCoreRelease(Enum):
    """The release of FR Core whose code says that an identity is qualified (D13)."""

    R2_1 = "2.1"
    R2_2 = "2.2"


_QUALIFIED = {
    FrCoreRelease.R2_1: ("fr-core-cs-v2-0445", "VALI"),
    FrCoreRelease.R2_2: ("fr-core-cs-identity-status", "QUAL"),
}


def encode_patient(subject: Subject, release: FrCoreRelease = FrCoreRelease.R2_1) -> Json:
    """Return the Patient; every trait that we know, none left out."""
    traits = subject.traits
    # A Source knows the birth place only where its RIS tells it: without it no claim is made.
    meta: Json = {"meta": {"profile": [PATIENT_INS]}} if traits.birth_place is not None else {}
    return {
        "resourceType": "Patient",
        "id": subject.identifier,
        **meta,
        "extension": _extensions(traits, release),
        "identifier": _identifiers(subject),
        "active": True,
        "name": _names(traits),
        "gender": _GENDERS[traits.gender],
        "birthDate": birth_date(traits.birth_date),
    }


def ins_system(authority: InsAuthority) -> str:
    return OID_PREFIX + authority.value


INS_SYSTEMS = frozenset(ins_system(authority) for authority in InsAuthority)


def local_identifier_system(identifier: LocalPatientId) -> str | None:
    """Return the system of an IPP: its issuer's OID; a mere name is no URI."""
    issuer = identifier.issuer
    return OID_PREFIX + issuer.universal_id if issuer and issuer.universal_id else None


def encode_local_identifier(identifier: LocalPatientId) -> Json:
    """Return the identifier[PI] of FR Core."""
    written: Json = {"use": "usual", "type": concept(IDENTIFIER_TYPE, "PI")}
    system = local_identifier_system(identifier)
    if system is not None:
        written["system"] = system
    written["value"] = identifier.value
    issuer = identifier.issuer
    if issuer is not None and issuer.namespace_id is not None:
        written["assigner"] = {"display": issuer.namespace_id}
    return written


def _identifiers(subject: Subject) -> list[Json]:
    ins = subject.traits.ins
    use, code = INS_SLICES[ins.authority]
    identifiers: list[Json] = [
        {
            "use": use,
            "type": concept(FR_IDENTIFIER_TYPE, code),
            "system": ins_system(ins.authority),
            "value": ins.value,
        }
    ]
    local = subject.local_patient_id
    # The INS stands where an IPP should wherever the RIS gave none; it is no IPP.
    if local is not None and local.value != ins.value:
        identifiers.append(encode_local_identifier(local))
    return identifiers


def _names(traits: PatientTraits) -> list[Json]:
    given_names = traits.birth_given_names or (traits.given_name,)
    names: list[Json] = [
        {
            # The contextual call tells one given name only: it stands for the list too (D6).
            "extension": [{"url": BIRTH_GIVEN_NAMES, "valueString": " ".join(given_names)}],
            "use": "official",
            "family": traits.family_name,
            "given": [traits.given_name],
        }
    ]
    if traits.used_family_name or traits.used_given_name:
        names.append(
            {
                "use": "usual",
                "family": traits.used_family_name or traits.family_name,
                "given": [traits.used_given_name or traits.given_name],
            }
        )
    return names


def _extensions(traits: PatientTraits, release: FrCoreRelease) -> list[Json]:
    code_system, qualified = _QUALIFIED[release]
    extensions: list[Json] = [
        {
            "extension": [
                {
                    "url": "identityStatus",
                    "valueCoding": {"system": _CODE_SYSTEM + code_system, "code": qualified},
                }
            ],
            "url": IDENTITY_RELIABILITY,
        }
    ]
    if traits.birth_place is not None:
        code = traits.birth_place.value
        system = COUNTRIES if code.startswith(_ABROAD) else COMMUNES
        extensions.append(
            {
                "url": BIRTH_PLACE,
                "valueAddress": {
                    "extension": [
                        {"url": INSEE_CODE, "valueCoding": {"system": system, "code": code}}
                    ],
                    "district": code,
                },
            }
        )
    return extensions
