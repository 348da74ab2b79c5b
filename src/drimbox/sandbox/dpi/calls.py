"""What the stand-in DPI may send: the parameters of a patient's call, and calls that are wrong.

Written from the specification's Tableau 1 with names of its own, not with the box's tables: a
stand-in that shared them could not show that they are right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from drimbox.sandbox.patients.identities import SandboxPatient
from drimbox.sandbox.patients.scenario import ScenarioStudy

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class WrongCall:
    """A call that must be answered by 400 E200 (or 403), and why."""

    key: str
    title: str
    why: str
    content_type: str
    body: str


def call_parameters(patient: SandboxPatient) -> dict[str, str]:
    """Return the required parameters of a call for this patient, less the consent."""
    traits, local = patient.traits, patient.consumer_patient_id
    issuer = local.issuer.hierarchic_designator if local.issuer else ""
    return {
        "Patient.identifier.value": traits.ins.value,
        "Patient.identifier.system": traits.ins.authority.value,
        "Patient.name.family": traits.family_name,
        "Patient.name.given": traits.given_name,
        "Patient.gender": traits.gender.value,
        "Patient.birthDate": traits.birth_date.value,
        "Address.district": traits.birth_place.value if traits.birth_place else "",
        "PatientID": local.value,
        "PatientIDIssuer": issuer,
    }


def study_parameters(study: ScenarioStudy) -> dict[str, str]:
    """Return what names one exam."""
    issuer = study.accession_number.issuer
    return {
        "StudyInstanceUID": study.study_instance_uid,
        "AccessionNumber": study.accession_number.value,
        "AccessionNumberIssuer": issuer or "",
        "StudyDate": f"{study.started_at:%Y%m%d}",
    }


def wrong_calls(patient: SandboxPatient) -> tuple[WrongCall, ...]:
    """Return calls that no box may accept."""
    good = call_parameters(patient) | {"InformationEtOppositionConsultation": "InforméEtNonOpposé"}
    return (
        _printed_example(good),
        *(
            WrongCall(key, title, why, FORM, _changed(good, changes))
            for key, title, why, changes in _WRONG_CHANGES
        ),
        WrongCall(
            "control-key",
            "Clé de l'INS fausse",
            "La clé de contrôle ne correspond pas au matricule.",
            FORM,
            _changed(good, {"Patient.identifier.value": _with_wrong_key(patient)}),
        ),
        WrongCall(
            "twice",
            "Paramètre donné deux fois",
            "Deux dates de naissance différentes.",
            FORM,
            urlencode(good) + "&Patient.birthDate=19000101",
        ),
        WrongCall(
            "json",
            "Corps en JSON",
            "Le type de contenu n'est pas un formulaire.",
            "application/json",
            "{}",
        ),
    )


_WRONG_CHANGES: tuple[tuple[str, str, str, Mapping[str, str | None]], ...] = (
    (
        "missing",
        "Sexe et consentement absents",
        "Deux paramètres obligatoires manquent.",
        {"Patient.gender": None, "InformationEtOppositionConsultation": None},
    ),
    (
        "bad-values",
        "Valeurs hors des tables",
        "Modalité inconnue, date impossible, situation mal formée.",
        {"Modality": "ZZ", "StudyDate": "20261350", "Situation": "9123"},
    ),
    (
        "too-large",
        "Corps de 100 Kio",
        "Plus que les 64 Kio admis.",
        {"Remplissage": "x" * 100_000},
    ),
)


def _printed_example(good: Mapping[str, str]) -> WrongCall:
    """Return the specification's own example: no `=` after the system, consent `no`, six digits."""
    changes = {
        "Patient.identifier.value": "123456",
        "Patient.identifier.system": None,
        "InformationEtOppositionConsultation": "no",
    }
    system = "Patient.identifier.system&1.2.250.1.213.1.4.8"
    body = _changed(good, changes).replace(
        "&Patient.name.family", f"&{system}&Patient.name.family", 1
    )
    return WrongCall(
        "printed-example",
        "Exemple imprimé de la spécification",
        "Système sans « = », consentement « no », matricule de six chiffres.",
        FORM,
        body,
    )


def _with_wrong_key(patient: SandboxPatient) -> str:
    ins = patient.traits.ins.value
    return ins[:13] + f"{(int(ins[13:]) + 1) % 97:02d}"


def _changed(good: Mapping[str, str], changes: Mapping[str, str | None]) -> str:
    """Return the form with values changed, or left out where None."""
    values: dict[str, str | None] = {**good, **changes}
    return urlencode({name: value for name, value in values.items() if value is not None})
