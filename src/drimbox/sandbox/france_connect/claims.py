"""The claims of FranceConnect+ about a person, scope by scope."""

import hashlib
from typing import Any

from drimbox.model.patient import Gender
from drimbox.sandbox.patients.identities import SandboxPatient

_FRANCE = "99100"
_PIVOT = ("given_name", "family_name", "birthdate", "gender", "birthplace", "birthcountry")
CLAIMS_OF_SCOPE: dict[str, tuple[str, ...]] = {
    "openid": (),
    "identite_pivot": _PIVOT,
    "profile": ("given_name", "family_name", "birthdate", "gender", "preferred_username"),
    "birth": ("birthplace", "birthcountry"),
    "given_name": ("given_name",),
    "family_name": ("family_name",),
    "birthdate": ("birthdate",),
    "gender": ("gender",),
    "birthplace": ("birthplace",),
    "birthcountry": ("birthcountry",),
    "preferred_username": ("preferred_username",),
}


def subject_of(patient: SandboxPatient, client_id: str) -> str:
    """Return sub: 64 hexadecimal digits and v1, another for each client (pairwise)."""
    ins = patient.traits.ins
    seed = f"{client_id}|{ins.authority.value}|{ins.value}".encode()
    return hashlib.sha256(seed).hexdigest() + "v1"


def claims_of(patient: SandboxPatient, scopes: frozenset[str]) -> dict[str, Any]:
    """Return what these scopes give; an unknown used name is left out."""
    names = {name for scope in scopes for name in CLAIMS_OF_SCOPE[scope]}
    return {n: v for n, v in _identity(patient).items() if n in names and v is not None}


def _identity(patient: SandboxPatient) -> dict[str, str | None]:
    traits = patient.traits
    day = traits.birth_date.value
    district = traits.birth_place.value if traits.birth_place is not None else ""
    is_born_abroad = district.startswith("99")
    return {
        "given_name": " ".join(traits.birth_given_names) or traits.given_name,
        "family_name": traits.family_name,
        # A presumed day or month is given as 01.
        "birthdate": f"{day[:4]}-{_presumed(day[4:6])}-{_presumed(day[6:])}",
        "gender": "male" if traits.gender is Gender.MALE else "female",
        "birthplace": "" if is_born_abroad else district,
        "birthcountry": district if is_born_abroad else _FRANCE,
        "preferred_username": traits.used_family_name,
    }


def _presumed(part: str) -> str:
    return "01" if part == "00" else part
