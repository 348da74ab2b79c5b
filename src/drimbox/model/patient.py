"""Who the patient is: the INS, the identity traits, the local identifier (IPP).

INS: Référentiel Identifiant National de Santé; OIDs and rules in the contextual call (TRA.04).
"""

import calendar
import re
from dataclasses import dataclass
from enum import Enum

from drimbox.errors import InvalidValue
from drimbox.model.uids import Oid

_INS = re.compile(r"[0-9]{5}(?:[0-9]{2}|2A|2B)[0-9]{8}\Z", re.ASCII)
_BIRTH_DATE = re.compile(r"[0-9]{4}(?:0[0-9]|1[0-2])(?:[0-2][0-9]|3[01])\Z", re.ASCII)
_DISTRICT = re.compile(r"[0-9](?:[0-9]|A|B)[0-9]{3}\Z", re.ASCII)
_DAYS_IN_MONTH = (31, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MAX_TRAIT_LENGTH = 100


class InsAuthority(Enum):
    """OID of the authority of an INS; the value is the wire word."""

    NIR = "1.2.250.1.213.1.4.8"
    NIA = "1.2.250.1.213.1.4.9"
    NIR_TEST = "1.2.250.1.213.1.4.10"
    NIR_DEMO = "1.2.250.1.213.1.4.11"

    @property
    def is_for_test(self) -> bool:
        """True for the two authorities that production refuses."""
        return self in {InsAuthority.NIR_TEST, InsAuthority.NIR_DEMO}

    @property
    def oid(self) -> Oid:
        return Oid(self.value)

    @property
    def label(self) -> str:
        """Issuer name in HL7 v2 and DICOM."""
        return "ASIP-SANTE-INS-NIA" if self is InsAuthority.NIA else "ASIP-SANTE-INS-NIR"


def ins_control_key(number: str) -> str:
    """Return the two digits that complete the 13 characters of a NIR or NIA.

    2A counts as 19 and 2B as 18 (Corsica).
    """
    digits = number.replace("2A", "19").replace("2B", "18")
    return f"{97 - int(digits) % 97:02d}"


@dataclass(frozen=True, slots=True)
class Ins:
    """A qualified INS: 13 characters, two of control key, and its authority."""

    value: str
    authority: InsAuthority

    def __post_init__(self) -> None:
        if not _INS.match(self.value):
            raise InvalidValue(
                "INS", "13 caractères (2A et 2B admis en 6 et 7) et une clé de 2 chiffres"
            )
        if ins_control_key(self.value[:13]) != self.value[13:]:
            raise InvalidValue("INS", "clé de contrôle fausse (97 - numéro modulo 97)")

    def __repr__(self) -> str:
        """Hide the number: a repr ends in logs and tracebacks."""
        return f"Ins({self.authority.name})"

    @property
    def xds_patient_id(self) -> str:
        """CX with type NH, as XDS metadata want it."""
        return f"{self.value}^^^&{self.authority.value}&ISO^NH"


class Gender(Enum):
    """Administrative gender of an INS; the value is the wire word."""

    MALE = "M"
    FEMALE = "F"


@dataclass(frozen=True, slots=True)
class BirthDate:
    """AAAAMMJJ; month or day may be 00 when unknown."""

    value: str

    def __post_init__(self) -> None:
        rule = "AAAAMMJJ, mois ou jour 00 si inconnu"
        if not _BIRTH_DATE.match(self.value):
            raise InvalidValue("birth date", rule)
        month, day = int(self.value[4:6]), int(self.value[6:])
        year = int(self.value[:4])
        is_no_leap_day = (month, day) == (2, 29) and not calendar.isleap(year)
        if day > _DAYS_IN_MONTH[month] or year < 1800 or is_no_leap_day:
            raise InvalidValue("birth date", rule)

    def __repr__(self) -> str:
        return "BirthDate()"


@dataclass(frozen=True, slots=True)
class District:
    """COG code of the birth place: commune (with 2A, 2B) or country (99xxx)."""

    value: str

    def __post_init__(self) -> None:
        if not _DISTRICT.match(self.value):
            raise InvalidValue("birth place", "code COG de 5 caractères")


@dataclass(frozen=True, slots=True, repr=False)
class PatientTraits:
    """The five strict traits with the INS, and what completes them (INS/va1.36)."""

    ins: Ins
    family_name: str
    given_name: str
    gender: Gender
    birth_date: BirthDate
    birth_place: District | None
    birth_given_names: tuple[str, ...] = ()
    used_family_name: str | None = None
    used_given_name: str | None = None

    def __post_init__(self) -> None:
        for what, value in (
            ("birth name", self.family_name),
            ("first given name", self.given_name),
        ):
            check_person_name(what, value)

    def __repr__(self) -> str:
        return f"PatientTraits({self.ins!r})"


def check_person_name(what: str, value: str) -> None:
    """Check one part of a name.

    Raises:
        InvalidValue: empty, too long, or with characters that no name has.
    """
    rule = f"1 à {MAX_TRAIT_LENGTH} caractères, sans caractère de contrôle ni ^ = \\ |"
    if not value.strip() or len(value) > MAX_TRAIT_LENGTH:
        raise InvalidValue(what, rule)
    if any(c in "^=\\|" or not c.isprintable() for c in value):
        raise InvalidValue(what, rule)


@dataclass(frozen=True, slots=True)
class AssigningAuthority:
    """Who gave an identifier: CX-4, any of its parts."""

    namespace_id: str | None = None
    universal_id: Oid | None = None

    def __post_init__(self) -> None:
        if self.namespace_id is None and self.universal_id is None:
            raise InvalidValue("assigning authority", "a name, an OID, or both")

    @property
    def hierarchic_designator(self) -> str:
        """HD with & between its components, as it stands inside a CX."""
        if self.universal_id is None:
            return self.namespace_id or ""
        return f"{self.namespace_id or ''}&{self.universal_id}&ISO"

    def agrees_with(self, other: "AssigningAuthority | None") -> bool:
        """Tell whether both may name the same authority: equal OIDs, else equal names.

        An authority that says less than the other is no contradiction.
        """
        if other is None:
            return True
        if self.universal_id is not None and other.universal_id is not None:
            return self.universal_id == other.universal_id
        if self.namespace_id is not None and other.namespace_id is not None:
            return self.namespace_id.casefold() == other.namespace_id.casefold()
        return True


@dataclass(frozen=True, slots=True, repr=False)
class LocalPatientId:
    """The IPP: the patient's identifier in one establishment."""

    value: str
    issuer: AssigningAuthority | None = None

    def __post_init__(self) -> None:
        # PS3.5 6.2, VR LO: 64 characters, no backslash, no control character.
        if (
            not 0 < len(self.value.strip()) <= 64
            or not self.value.isprintable()
            or "\\" in self.value
        ):
            raise InvalidValue("local patient id", "1 à 64 caractères, sans caractère de contrôle")

    def __repr__(self) -> str:
        return "LocalPatientId()"
