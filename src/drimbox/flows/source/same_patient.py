"""Whether a study of the PACS is that patient's (SO.16): by local id, else by INS, else by traits.

    message with a local id   the PACS must have it, under an issuer that agrees
    message without one       the INS among the PACS's other ids, else name, birth date and sex

An INS in the PACS that is another patient's refuses in every case.
"""

import unicodedata
from collections.abc import Sequence

from drimbox.model.patient import AssigningAuthority, Ins, LocalPatientId, PatientTraits
from drimbox.model.study import StudyPatient


def find_disagreement(
    traits: PatientTraits,
    local_patient_ids: Sequence[LocalPatientId],
    found: StudyPatient,
    *,
    is_local_patient_id_required: bool,
) -> str | None:
    """Return why the study is not surely this patient's, or None when it is.

    The text names no value.
    """
    claims = [_claim_of_ins(identifier, traits.ins) for identifier in _identifiers(found)]
    if False in claims:
        return "the PACS has another INS"
    if local_patient_ids:
        known = [i for i in (found.patient_id,) if i is not None]
        if any(_is_same(one, other) for one in local_patient_ids for other in known):
            return None
        return "the local patient id of the PACS is not one of the message"
    if is_local_patient_id_required:
        return "the message has no local patient id"
    if True in claims or _has_traits(traits, found):
        return None
    return "neither the INS nor name, birth date and sex of the PACS are the patient's"


def _identifiers(found: StudyPatient) -> tuple[LocalPatientId, ...]:
    own = (found.patient_id,) if found.patient_id is not None else ()
    return own + found.other_patient_ids


def _claim_of_ins(identifier: LocalPatientId, ins: Ins) -> bool | None:
    """Tell whether an identifier is the patient's INS, another's, or no INS at all."""
    issuer = identifier.issuer
    if issuer is None:
        return None
    is_ins = issuer.universal_id == ins.authority.oid or (
        issuer.universal_id is None and issuer.namespace_id == ins.authority.label
    )
    return identifier.value == ins.value if is_ins else None


def _is_same(one: LocalPatientId, other: LocalPatientId) -> bool:
    if one.value.strip() != other.value.strip():
        return False
    issuer: AssigningAuthority | None = one.issuer
    return issuer is None or issuer.agrees_with(other.issuer)


def _has_traits(traits: PatientTraits, found: StudyPatient) -> bool:
    family, given, *_ = (*found.patient_name.split("=")[0].split("^"), "", "")
    return (
        found.birth_date == traits.birth_date.value
        and found.sex == traits.gender.value
        and normalised_name(family) in _family_names(traits)
        and normalised_name(given) in _given_names(traits)
    )


def _family_names(traits: PatientTraits) -> set[str]:
    names = {normalised_name(traits.family_name), normalised_name(traits.used_family_name or "")}
    return names - {""}


def _given_names(traits: PatientTraits) -> set[str]:
    """Return how a PACS may hold the given name: the first, the used one, or all of them."""
    names = {
        normalised_name(traits.given_name),
        normalised_name(traits.used_given_name or ""),
        normalised_name(" ".join(traits.birth_given_names)),
    }
    return names - {""}


def normalised_name(name: str) -> str:
    """Return a name in capitals without accents, hyphens, apostrophes or doubled spaces."""
    letters = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "OE"))
    kept = (c if c.isalnum() else " " for c in letters if not unicodedata.combining(c))
    return " ".join("".join(kept).upper().split())
