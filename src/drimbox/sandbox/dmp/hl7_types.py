"""HL7 v2 data types inside XDS metadata (ITI TF-3 4.2.3.1.7), with the French identifiers."""

import re
from datetime import UTC, datetime
from typing import Final

from drimbox.errors import InvalidValue
from drimbox.model.patient import Ins, InsAuthority
from drimbox.model.uids import Oid

_CX: Final = re.compile(r"([^^&]+)\^\^\^&([0-9.]+)&ISO\^([A-Z]{2,5})\Z")
_PERSON: Final = re.compile(
    r"[^^&]+\^[^^&]+\^[^^&]*\^\^\^\^\^\^&([0-9.]+)&ISO\^([DUL])\^\^\^(IDNPS|EI|NH)\Z"
)
_INSTITUTION: Final = re.compile(
    r"[^^&]+\^\^\^\^\^&([0-9.]+)&ISO\^(IDNST|SIREN)\^\^\^([0-9A-Za-z/-]+)\Z"
)
_CXI: Final = re.compile(r"([^^&]+)\^\^\^(?:&([0-9.]+)&ISO)?\^(urn:[a-zA-Z0-9:.-]+)\Z")
_STRUCT_ID: Final = re.compile(r"(?:1[0-9A-Z]{9}|2[0-9]{9}|3[0-9]{14}|4[0-9]{14}|[0-9]{14})\Z")
_DTM: Final = re.compile(r"[0-9]{4}(?:[0-9]{2}){0,5}\Z", re.ASCII)

PERSON_AUTHORITY: Final = "1.2.250.1.71.4.2.1"
STRUCTURE_AUTHORITY: Final = "1.2.250.1.71.4.2.2"
INS_AUTHORITIES: Final = frozenset(authority.value for authority in InsAuthority)


def read_ins(patient_id: str) -> Ins | None:
    """Read a patientId `INS^^^&OID&ISO^NH`; None when it is not one."""
    match = _CX.match(patient_id)
    if not match or match[3] != "NH" or match[2] not in INS_AUTHORITIES:
        return None
    try:
        return Ins(match[1], InsAuthority(match[2]))
    except InvalidValue:
        return None


def read_cx(text: str) -> tuple[str, str, str] | None:
    """Read an identifier as (value, authority OID, type); None when it is not a CX."""
    match = _CX.match(text)
    return (match[1], match[2], match[3]) if match else None


def read_reference_id(text: str) -> tuple[str, str, str] | None:
    """Read a CXi as (value, issuer OID or "", kind); None when it is not one."""
    match = _CXI.match(text)
    return (match[1], match[2] or "", match[3]) if match else None


def is_person(text: str) -> bool:
    """Tell whether this is the XCN of a national person, a device (EI) or a patient (NH)."""
    match = _PERSON.match(text)
    return match is not None and (match[1] == PERSON_AUTHORITY or match[3] == "NH")


def is_institution(text: str) -> bool:
    """Tell whether this is the XON of a structure, by its Struct_IdNat."""
    match = _INSTITUTION.match(text)
    if not match:
        return False
    if match[2] == "IDNST":
        return match[1] == STRUCTURE_AUTHORITY and bool(_STRUCT_ID.match(match[3]))
    return True


def is_structure_identifier(text: str) -> bool:
    return bool(_STRUCT_ID.match(text))


def is_oid(text: str) -> bool:
    try:
        Oid(text)
    except InvalidValue:
        return False
    return True


def read_dtm(text: str) -> datetime | None:
    """Read a DTM in UTC, 4 to 14 digits; None when it is no DTM, or has an offset."""
    if not _DTM.match(text):
        return None
    complete = text + "00000101000000"[len(text) :]
    try:
        return datetime.strptime(complete, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
