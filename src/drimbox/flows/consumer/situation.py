"""The situation d'exercice a professional consults in (CO.49, CO.50, CO.91).

named by the call or chosen on the page -> must be one of the professional's own
not named -> the only one whose certificates are installed here, else the professional chooses
"""

from dataclasses import dataclass

from drimbox.errors import NotAuthenticated, Refused
from drimbox.model.access import ConsultationContext
from drimbox.model.practice import Activity, Code, Practitioner, Professional, Situation
from drimbox.model.publication import AuthenticationMode, DmpIdentity
from drimbox.model.uids import Oid

# TRE_G15-ProfessionSante, and the savoir-faire of doctors and of pharmacists (VIHF roles).
_PROFESSIONS = Oid("1.2.250.1.71.1.2.7")
_PHYSICIAN_SPECIALITIES = Oid("1.2.250.1.71.4.2.5")
_PHARMACIST_SPECIALITIES = Oid("1.2.250.1.71.4.2.6")
_PHARMACIST = "21"


class SituationNeeded(Refused):
    """Several situations could be meant, or none that can be used here: one must be chosen."""


@dataclass(frozen=True, slots=True)
class SituationChoice:
    """One situation offered; is_installed tells whether its certificates are on this box."""

    activity: Activity
    is_installed: bool


@dataclass(frozen=True, slots=True)
class Situations:
    """installed are the Struct_IdNat whose certificates this box holds (CO.91)."""

    installed: frozenset[str]

    def choices(self, professional: Professional) -> tuple[SituationChoice, ...]:
        """Return the professional's situations, those that can be used here first."""
        choices = (
            SituationChoice(activity, activity.structure.identifier in self.installed)
            for activity in professional.activities
        )
        return tuple(sorted(choices, key=lambda choice: not choice.is_installed))

    def activity_of(self, context: ConsultationContext) -> Activity:
        """Return the activity the professional consults in.

        Raises:
            NotAuthenticated: nobody has signed in to this context.
            SituationNeeded: several could be meant; or the one named is not the professional's, or
                has no certificate here.
        """
        if context.professional is None:
            raise NotAuthenticated("nobody has signed in")
        choices = self.choices(context.professional)
        if context.situation is not None:
            return _named(choices, context.situation)
        usable = [choice.activity for choice in choices if choice.is_installed]
        if len(usable) != 1:
            raise SituationNeeded("the professional must choose a situation")
        return usable[0]

    def identity_of(self, context: ConsultationContext) -> DmpIdentity:
        """Return in whose name the DMP is consulted: AIR, from the userinfo (CO.92, AIRS.06)."""
        activity = self.activity_of(context)
        professional = context.professional
        if professional is None:
            raise NotAuthenticated("nobody has signed in")
        return DmpIdentity(
            mode=AuthenticationMode.INDIRECTE_RENFORCEE,
            patient_id=context.patient.ins.xds_patient_id,
            user=Practitioner(
                professional.national_id, professional.family_name, professional.given_name
            ),
            structure_identifier=activity.structure.identifier,
            sector=activity.sector_code,
            roles=_roles(professional),
            authenticated_at=professional.authenticated_at,
        )


def _named(choices: tuple[SituationChoice, ...], situation: Situation) -> Activity:
    for choice in choices:
        if choice.activity.structure.identifier == situation.value:
            if not choice.is_installed:
                raise SituationNeeded("the certificates of the situation are not installed here")
            return choice.activity
    raise SituationNeeded("the situation is not one of the professional's")


def _roles(professional: Professional) -> tuple[Code, ...]:
    roles = [Code(professional.profession_code, _PROFESSIONS)]
    if professional.speciality_code is not None:
        is_pharmacist = professional.profession_code == _PHARMACIST
        system = _PHARMACIST_SPECIALITIES if is_pharmacist else _PHYSICIAN_SPECIALITIES
        roles.append(Code(professional.speciality_code, system))
    return tuple(roles)
