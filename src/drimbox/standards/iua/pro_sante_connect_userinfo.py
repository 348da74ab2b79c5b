"""The userinfo of Pro Santé Connect: who signed in, with which profession, where.

Lenient: a professional may have no activity, empty names in SubjectRefPro, no SubjectRefPro at all
(introspection answers carry SubjectNameID and little else). Only a national identifier is required.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.practice import Activity, Professional, Situation, Structure

_MAX_TEXT = 256


def parse_userinfo(claims: Mapping[str, object], *, authenticated_at: datetime) -> Professional:
    """Read the claims of userinfo (or of an introspection answer).

    Where SubjectRefPro has several exercices, the one of SubjectRole counts, else the first; the
    activities are those of every exercice of that profession.

    Raises:
        MalformedMessage: no SubjectNameID and no preferred_username.
    """
    exercises = _list(_object(claims.get("SubjectRefPro")).get("exercices"))
    role = _role_code(claims)
    same = [e for e in exercises if role is None or _text(e, "codeProfession") == role]
    chosen = (same or exercises or [{}])[0]
    return Professional(
        national_id=_national_id(claims),
        family_name=_text(chosen, "nomDexercice") or _text(claims, "family_name"),
        given_name=_text(chosen, "prenomDexercice") or _text(claims, "given_name"),
        profession_code=_text(chosen, "codeProfession") or role or "",
        speciality_code=_text(chosen, "codeSavoirFaire") or None,
        activities=tuple(_activities(same or exercises)) or tuple(_subject_organization(claims)),
        authenticated_at=authenticated_at,
    )


def _national_id(claims: Mapping[str, object]) -> str:
    identifier = _text(claims, "SubjectNameID") or _text(claims, "preferred_username")
    if not identifier:
        raise MalformedMessage("neither SubjectNameID nor preferred_username", where="userinfo")
    return identifier


def _role_code(claims: Mapping[str, object]) -> str | None:
    # ["10^1.2.250.1.213.1.1.5.5"]: the profession comes first, the savoir-faire may follow.
    roles = claims.get("SubjectRole")
    first = roles[0] if isinstance(roles, list) and roles else roles
    return (first.partition("^")[0] or None) if isinstance(first, str) else None


def _activities(exercises: list[Mapping[str, object]]) -> Iterator[Activity]:
    seen: set[str] = set()
    for exercise in exercises:
        for activity in _list(exercise.get("activities")):
            identifier = _structure_identifier(activity)
            if identifier is None or identifier in seen:
                continue
            seen.add(identifier)
            name = _text(activity, "raisonSocialeSite") or _text(
                activity, "enseigneCommercialeSite"
            )
            yield Activity(Structure(identifier, name), _text(activity, "codeSecteurDactivite"))


def _structure_identifier(activity: Mapping[str, object]) -> str | None:
    """Return Struct_IdNat, from the first member that gives a valid one.

    ancienIdentifiantDeLaStructure is Struct_IdNat already; the others need their first digit.
    """
    for prefix, name in (
        ("1", "numeroFinessSite"),
        ("3", "numeroSiretSite"),
        ("", "ancienIdentifiantDeLaStructure"),
        ("2", "numeroSirenSite"),
        ("", "identifiantTechniqueDeLaStructure"),
    ):
        value = _text(activity, name)
        if value and _is_situation(prefix + value):
            return prefix + value
    return None


def _subject_organization(claims: Mapping[str, object]) -> Iterator[Activity]:
    identifier = _text(claims, "SubjectOrganizationID")
    if _is_situation(identifier):
        sector = _text(claims, "Secteur_Activite").partition("^")[0]
        yield Activity(Structure(identifier, _text(claims, "SubjectOrganization")), sector)


def _is_situation(value: str) -> bool:
    try:
        Situation(value)
    except InvalidValue:
        return False
    return True


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Mapping[str, object]]:
    return [v for v in value if isinstance(v, Mapping)] if isinstance(value, list) else []


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    return value.strip()[:_MAX_TEXT] if isinstance(value, str) else ""
