"""Where and as whom a professional exercises: situation d'exercice, structures, practitioners.

Struct_IdNat: the first digit names the kind of identifier (contextual call, `Situation`).
"""

import re
from dataclasses import dataclass
from datetime import datetime

from drimbox.errors import InvalidValue
from drimbox.model.uids import Oid

_SITUATION = re.compile(
    r"1[0-9A-Z]{9}\Z|2[0-9]{9}\Z|3[0-9]{14}\Z|4[0-9]{14}\Z|[0-9]{14}\Z", re.ASCII
)

NATIONAL_PERSON_AUTHORITY = Oid("1.2.250.1.71.4.2.1")
NATIONAL_STRUCTURE_AUTHORITY = Oid("1.2.250.1.71.4.2.2")


@dataclass(frozen=True, slots=True)
class Situation:
    """Struct_IdNat: 1 + FINESS, 2 + SIREN, 3 + SIRET, 4 + RPPS-rang, or 14 digits."""

    value: str

    def __post_init__(self) -> None:
        if not _SITUATION.match(self.value):
            raise InvalidValue(
                "Situation",
                "1 + FINESS (9), 2 + SIREN (9), 3 + SIRET (14), 4 + RPPS-rang (14), ou 14 chiffres",
            )


@dataclass(frozen=True, slots=True)
class Code:
    """One concept: code, code system OID, display."""

    value: str
    system: Oid | str
    display: str = ""


@dataclass(frozen=True, slots=True)
class Structure:
    """A health structure: Struct_IdNat (or an identifier of its own authority), and its name."""

    identifier: str
    name: str
    authority: Oid = NATIONAL_STRUCTURE_AUTHORITY


@dataclass(frozen=True, slots=True)
class Practitioner:
    """A person as documents name one: national id (8 + RPPS) or a local one, and the name."""

    identifier: str
    family_name: str
    given_name: str
    authority: Oid = NATIONAL_PERSON_AUTHORITY


@dataclass(frozen=True, slots=True)
class Activity:
    """One situation d'exercice of the Pro Santé Connect userinfo."""

    structure: Structure
    sector_code: str


@dataclass(frozen=True, slots=True)
class Professional:
    """Who signed in: national id (8 + RPPS), name, profession, speciality, activities, when."""

    national_id: str
    family_name: str
    given_name: str
    profession_code: str
    speciality_code: str | None
    activities: tuple[Activity, ...]
    authenticated_at: datetime

    @property
    def rpps(self) -> str:
        """The bare RPPS number."""
        return self.national_id.removeprefix("8")
