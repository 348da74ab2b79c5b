"""recordTarget of a CDA: the INS by its OID, the local ids, the identity traits (INS/va1.36)."""

from lxml import etree

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.patient import (
    AssigningAuthority,
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
)
from drimbox.standards.cda.header_elements import attribute, find, find_all, read_oid, text_of

_INS_ROOTS = frozenset(authority.value for authority in InsAuthority)


def read_patient(role: etree._Element) -> PatientTraits:
    """Read a patientRole.

    Raises:
        MalformedMessage: no INS, or no patient.
        InvalidValue: a trait that its type does not allow.
    """
    patient = find(role, "cda:patient")
    if patient is None:
        raise MalformedMessage("missing", where="CDA patientRole/patient")
    name = find(patient, "cda:name")
    birth_given_names = _birth_given_names(name)
    return PatientTraits(
        ins=_read_ins(role),
        family_name=_named(name, "family", "BR") or _named(name, "family", None),
        given_name=_named(name, "given", "BR") or next(iter(birth_given_names), ""),
        gender=_read_gender(patient),
        birth_date=_read_birth_date(patient),
        birth_place=_read_birth_place(patient),
        birth_given_names=birth_given_names,
        used_family_name=_named(name, "family", "CL") or _named(name, "family", "SP") or None,
        used_given_name=_named(name, "given", "CL") or None,
    )


def read_local_patient_ids(role: etree._Element) -> tuple[LocalPatientId, ...]:
    """Read every identifier that is not an INS."""
    found = []
    for identifier in find_all(role, "cda:id"):
        value, root = attribute(identifier, "extension"), attribute(identifier, "root")
        if not value or root in _INS_ROOTS:
            continue
        oid, name = read_oid(root), attribute(identifier, "assigningAuthorityName") or None
        issuer = AssigningAuthority(name, oid) if oid or name else None
        found.append(LocalPatientId(value, issuer))
    return tuple(found)


def _read_ins(role: etree._Element) -> Ins:
    """Find the INS by the OID of its authority, wherever it stands among the identifiers."""
    for identifier in find_all(role, "cda:id"):
        root = attribute(identifier, "root")
        if root in _INS_ROOTS:
            return Ins(attribute(identifier, "extension"), InsAuthority(root))
    raise MalformedMessage("no INS", where="CDA patientRole/id")


def _named(name: etree._Element | None, part: str, qualifier: str | None) -> str:
    """Return the first part of a name with that qualifier (None: without any)."""
    if name is None:
        return ""
    parts = find_all(name, f"cda:{part}")
    return next((text_of(p) for p in parts if p.get("qualifier") == qualifier), "")


def _birth_given_names(name: etree._Element | None) -> tuple[str, ...]:
    """Return every given name of birth: the unqualified ones hold the list, BR only the first."""
    if name is None:
        return ()
    unqualified = [text_of(g) for g in find_all(name, "cda:given") if g.get("qualifier") is None]
    names = " ".join(unqualified) or _named(name, "given", "BR")
    return tuple(names.split())


def _read_gender(patient: etree._Element) -> Gender:
    try:
        return Gender(attribute(find(patient, "cda:administrativeGenderCode"), "code"))
    except ValueError:
        raise InvalidValue("CDA administrativeGenderCode", "M or F") from None


def _read_birth_date(patient: etree._Element) -> BirthDate:
    """Read a TS of any precision: what it does not say is 00."""
    value = attribute(find(patient, "cda:birthTime"), "value")
    return BirthDate(value[:8].ljust(8, "0") if value else value)


def _read_birth_place(patient: etree._Element) -> District | None:
    county = text_of(find(patient, "cda:birthplace/cda:place/cda:addr/cda:county"))
    return District(county) if county else None
