"""The claims that Pro Santé Connect gives of a professional, by scope_all."""

from typing import Any

from drimbox.model.practice import Activity
from drimbox.sandbox.patients.professionals import SandboxProfessional

_REALM_USERS = "f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd"
_SECTORS = "1.2.250.1.71.4.2.4"
_ROLES = "1.2.250.1.213.1.1.5.5"
_CARD = "APPPRIP3^1.2.250.1.213.1.5.1.1.1"
_CATEGORY_CIVIL = "C"


def subject_of(professional: SandboxProfessional) -> str:
    """Return sub, the technical identifier of the realm."""
    return f"{_REALM_USERS}:{professional.national_id}"


def userinfo_of(professional: SandboxProfessional) -> dict[str, Any]:
    """Return the userinfo."""
    first = professional.activities[0] if professional.activities else None
    claims: dict[str, Any] = {
        "sub": subject_of(professional),
        "SubjectNameID": professional.national_id,
        "SubjectRole": [f"{professional.profession_code}^{_ROLES}"],
        "SubjectRefPro": {"codeCivilite": "", "exercices": [_exercise(professional)]},
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "FAUX",
        "Palier_Authentification": _CARD,
        "PSI_Locale": "1.2.250.1.213.1.3.1.1",
        "otherIds": [{"identifiant": professional.national_id, "origine": "RPPS", "qualite": 1}],
        "UITVersion": "1.0",
        "given_name": professional.given_name,
        "family_name": professional.family_name,
        "preferred_username": professional.national_id,
        "email_verified": False,
    }
    if first is not None:
        claims["SubjectOrganization"] = first.structure.name
        claims["SubjectOrganizationID"] = first.structure.identifier
        claims["Secteur_Activite"] = f"{first.sector_code}^{_SECTORS}"
    return claims


def introspection_of(professional: SandboxProfessional) -> dict[str, Any]:
    """Return what an introspection of an access token adds to its own claims."""
    return {
        "SubjectNameID": professional.national_id,
        "SubjectRole": [f"{professional.profession_code}^{_ROLES}"],
        "preferred_username": professional.national_id,
        "username": professional.national_id,
    }


def _exercise(professional: SandboxProfessional) -> dict[str, Any]:
    has_speciality = professional.speciality_code is not None
    return {
        "codeProfession": professional.profession_code,
        "codeCategorieProfessionnelle": _CATEGORY_CIVIL,
        "codeCiviliteDexercice": "",
        "nomDexercice": professional.family_name,
        "prenomDexercice": professional.given_name,
        "codeTypeSavoirFaire": "S" if has_speciality else "",
        "codeSavoirFaire": professional.speciality_code or "",
        "activities": [_activity(activity) for activity in professional.activities],
    }


def _activity(activity: Activity) -> dict[str, Any]:
    identifier = activity.structure.identifier
    finess = identifier[1:] if len(identifier) == 10 and identifier[0] == "1" else ""
    siret = identifier[1:] if len(identifier) == 15 and identifier[0] == "3" else ""
    return {
        "codeModeExercice": "S",
        "codeSecteurDactivite": activity.sector_code,
        "numeroFinessSite": finess,
        "numeroSiretSite": siret,
        "raisonSocialeSite": activity.structure.name,
        "ancienIdentifiantDeLaStructure": identifier,
        "identifiantTechniqueDeLaStructure": "",
    }
