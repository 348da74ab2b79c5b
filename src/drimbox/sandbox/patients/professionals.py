"""The professionals of the demo: whom the sandbox Pro Santé Connect lets in, who signs reports.

All are made up: RPPS numbers begin with 997, as the test cards of Pro Santé Connect do.
Profession and savoir-faire codes: 1.2.250.1.71.1.2.7 and 1.2.250.1.71.4.2.5; the secretary has a
profession that no box lets see images (VI-CO.27).
"""

from dataclasses import dataclass
from datetime import datetime

from drimbox.errors import NotFound
from drimbox.model.practice import Activity, Practitioner, Professional, Situation, Structure
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
    SandboxEstablishment,
    luhn_digit,
)

PHYSICIAN = "10"
MIDWIFE = "50"
MEDICAL_SECRETARY = "331"
GENERAL_PRACTICE = "SM54"
RADIOLOGY = "SM44"
ONCOLOGY = "SM36"


@dataclass(frozen=True, slots=True)
class SandboxProfessional:
    """One professional; rpps is 11 digits with its control digit."""

    rpps: str
    family_name: str
    given_name: str
    profession_code: str
    speciality_code: str | None
    activities: tuple[Activity, ...]

    @property
    def national_id(self) -> str:
        """SubjectNameID of Pro Santé Connect: 8 + RPPS."""
        return "8" + self.rpps

    @property
    def situations(self) -> tuple[Situation, ...]:
        return tuple(Situation(activity.structure.identifier) for activity in self.activities)

    @property
    def practitioner(self) -> Practitioner:
        """The same person, as reports and XDS metadata name one."""
        return Practitioner(self.national_id, self.family_name, self.given_name)

    def signed_in(self, at: datetime) -> Professional:
        """Return the professional as the box knows one after a sign-in (at: aware)."""
        return Professional(
            national_id=self.national_id,
            family_name=self.family_name,
            given_name=self.given_name,
            profession_code=self.profession_code,
            speciality_code=self.speciality_code,
            activities=self.activities,
            authenticated_at=at,
        )


def _rpps(number: int) -> str:
    digits = f"997001{number:04d}"
    return digits + luhn_digit(digits)


def _activity(establishment: SandboxEstablishment) -> Activity:
    return Activity(establishment.structure, establishment.sector_code)


def _own_practice(rpps: str, name: str) -> Activity:
    """A practice of one's own, known by 4 + RPPS + rank."""
    return Activity(Structure(f"4{rpps}001", name), "SA07")


_ONCOLOGIST_RPPS = _rpps(3)

SOURCE_RADIOLOGIST = SandboxProfessional(
    rpps=_rpps(1),
    family_name="DEMO-LECLAIR",
    given_name="Maëlle",
    profession_code=PHYSICIAN,
    speciality_code=RADIOLOGY,
    activities=(_activity(SOURCE_ESTABLISHMENT),),
)
CONSUMER_RADIOLOGIST = SandboxProfessional(
    rpps=_rpps(2),
    family_name="DEMO-FAURE",
    given_name="Olivier",
    profession_code=PHYSICIAN,
    speciality_code=RADIOLOGY,
    activities=(_activity(CONSUMER_ESTABLISHMENT),),
)
ONCOLOGIST_WITH_TWO_PLACES = SandboxProfessional(
    rpps=_ONCOLOGIST_RPPS,
    family_name="DEMO-NGUYEN",
    given_name="Hélène",
    profession_code=PHYSICIAN,
    speciality_code=ONCOLOGY,
    activities=(
        _activity(CONSUMER_ESTABLISHMENT),
        _own_practice(_ONCOLOGIST_RPPS, "CABINET DU DR DEMO-NGUYEN"),
    ),
)
REFERRING_PHYSICIAN = SandboxProfessional(
    rpps=_rpps(4),
    family_name="DEMO-PRESCOTT",
    given_name="Yann",
    profession_code=PHYSICIAN,
    speciality_code=GENERAL_PRACTICE,
    activities=(_own_practice(_rpps(4), "CABINET DU DR DEMO-PRESCOTT"),),
)
CONSUMER_MIDWIFE = SandboxProfessional(
    rpps=_rpps(5),
    family_name="DEMO-ROUSSEL",
    given_name="Inès",
    profession_code=MIDWIFE,
    speciality_code=None,
    activities=(_activity(CONSUMER_ESTABLISHMENT),),
)
SECRETARY = SandboxProfessional(
    rpps=_rpps(6),
    family_name="DEMO-PETIT",
    given_name="Josiane",
    profession_code=MEDICAL_SECRETARY,
    speciality_code=None,
    activities=(_activity(CONSUMER_ESTABLISHMENT),),
)

PROFESSIONALS = (
    CONSUMER_RADIOLOGIST,
    ONCOLOGIST_WITH_TWO_PLACES,
    REFERRING_PHYSICIAN,
    CONSUMER_MIDWIFE,
    SOURCE_RADIOLOGIST,
    SECRETARY,
)


def get_professional(rpps: str) -> SandboxProfessional:
    """Return the professional with this RPPS (the leading 8 of the national id is accepted).

    Raises:
        NotFound: nobody of the sandbox has it.
    """
    for professional in PROFESSIONALS:
        if rpps in {professional.rpps, professional.national_id}:
            return professional
    raise NotFound("no professional of the sandbox has this RPPS")
