r"""HL7 v2 data types inside XDS values: CX, CXi, XCN, XON, HD, DTM, and sourcePatientInfo.

ITI TF-3 4.2.3.1 (table 4.2.3.1.7-2). Inside a component the delimiters are escaped as HL7 v2 says:
`^` is `\S\`, `&` is `\T\`, `~` is `\R\`, `|` is `\F\`, and `\` is `\E\`.
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from drimbox.errors import InvalidValue
from drimbox.model.document_entry import ReferenceId
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
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.uids import Oid

_ESCAPES = {"\\": "\\E\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "|": "\\F\\"}
_UNESCAPES = {sequence: character for character, sequence in _ESCAPES.items()}
_ESCAPED = re.compile(r"\\[ESTRF]\\")
_DTM = re.compile(r"(\d{4,14})(?:\.\d+)?(?:([+-])(\d{2})(\d{2}))?\Z", re.ASCII)
_DTM_DEFAULTS = "00000101000000"


def escape(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def unescape(text: str) -> str:
    return _ESCAPED.sub(lambda match: _UNESCAPES[match.group()], text)


def encode_dtm(instant: datetime, zone: tzinfo = UTC) -> str:
    """Write an aware instant, to the second (TF-3 4.2.3.1.7-2, DTM): in UTC, as IHE wants it."""
    return instant.astimezone(zone).strftime("%Y%m%d%H%M%S")


def parse_dtm(text: str, zone: tzinfo = UTC) -> datetime:
    """Read a DTM of any precision; without an offset it is of the zone.

    Fractions and offsets are not in the IHE type but are met in official French samples.

    Raises:
        InvalidValue: not a DTM.
    """
    rule = "AAAA[MM[JJ[hh[mm[ss]]]]], UTC (TF-3 4.2.3.1.7)"
    match = _DTM.match(text.strip())
    if match is None or len(match.group(1)) % 2:
        raise InvalidValue("DTM", rule)
    digits, sign, hours, minutes = match.groups()
    try:
        naive = datetime.strptime(  # noqa: DTZ007 - the zone is set on the next lines
            digits + _DTM_DEFAULTS[len(digits) :], "%Y%m%d%H%M%S"
        )
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            zone = timezone(-offset if sign == "-" else offset)
        return naive.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidValue("DTM", rule) from None


def encode_coded_text(code: Code) -> str:
    """Write `code^display^system`, as authorSpecialty is in the DMP."""
    return "^".join(escape(part) for part in (code.value, code.display, str(code.system)))


def parse_coded_text(text: str) -> Code:
    """Read `code^display^system`; a bare text is its own code and display."""
    value, display, system = _components(text, 3)
    return Code(value, system, display or value)


def encode_source_patient_id(identifier: LocalPatientId | None, patient_id: str) -> str:
    """Write the IPP as CX of type PI; where there is none, the INS stands there as well.

    A CX of XDS names its authority by an OID and nothing else: an IPP whose issuer has none cannot
    be written (TF-3 4.2.3.1.7; CI-SIS, transmission of a CDA).
    """
    authority = _authority(identifier.issuer) if identifier else ""
    if identifier is None or not authority:
        return patient_id
    return f"{escape(identifier.value)}^^^{authority}^PI"


def parse_local_patient_id(text: str) -> LocalPatientId | None:
    """Read a CX; None when it holds no usable identifier."""
    value = _components(text, 1)[0]
    try:
        return LocalPatientId(value, _parse_authority(text, 3))
    except InvalidValue:
        return None


def parse_ins(text: str) -> Ins | None:
    """Read a CX; None when it is not a qualified INS."""
    authority = _parse_authority(text, 3)
    if authority is None or authority.universal_id is None:
        return None
    try:
        return Ins(_components(text, 1)[0], InsAuthority(str(authority.universal_id)))
    except (InvalidValue, ValueError):
        return None


def encode_reference_id(reference: ReferenceId) -> str:
    """Write a CXi: `id^^^authority^kind`; an authority without OID cannot be written."""
    return f"{escape(reference.value)}^^^{_authority(reference.issuer)}^{reference.kind}"


def parse_reference_id(text: str) -> ReferenceId:
    """Read a CXi; whatever it lacks is empty."""
    parts = _components(text, 5)
    return ReferenceId(parts[0], parts[4], _parse_authority(text, 3))


def encode_practitioner(person: Practitioner, *, is_device: bool) -> str:
    """Write an XCN: a person (name type D, IDNPS) or a device (name type U, EI)."""
    name_type, id_type = ("U", "EI") if is_device else ("D", "IDNPS")
    names = f"{escape(person.identifier)}^{escape(person.family_name)}^{escape(person.given_name)}"
    return f"{names}^^^^^^&{person.authority}&ISO^{name_type}^^^{id_type}"


def parse_practitioner(text: str) -> tuple[Practitioner, bool] | None:
    """Read an XCN and whether it is a device; None when it names nobody.

    An identifier whose authority is not told identifies nobody: it is dropped, the name is kept.
    """
    parts = _components(text, 13)
    identifier, family, given, authority = *parts[:3], _parse_authority(text, 8)
    if not any((identifier, family, given)):
        return None
    is_device = parts[9] == "U"
    if authority is None or authority.universal_id is None:
        return Practitioner("", family or identifier, given), is_device
    return Practitioner(identifier, family, given, authority.universal_id), is_device


def encode_structure(structure: Structure) -> str:
    """Write an XON: name, authority, IDNST, identifier."""
    authority = f"&{structure.authority}&ISO"
    return f"{escape(structure.name)}^^^^^{authority}^IDNST^^^{escape(structure.identifier)}"


def parse_structure(text: str) -> Structure | None:
    """Read an XON; None when it is empty. An identifier without its authority is dropped."""
    parts = _components(text, 10)
    name, authority, identifier = parts[0], _parse_authority(text, 5), parts[9]
    if not (name or identifier):
        return None
    if authority is None or authority.universal_id is None:
        return Structure("", name or identifier)
    return Structure(identifier, name, authority.universal_id)


def encode_source_patient_info(traits: PatientTraits) -> tuple[str, ...]:
    """Write the PID lines as the DMP wants them (xds-dmp 2.5)."""
    lines = [
        f"PID-5|{escape(traits.family_name)}^{escape(traits.given_name)}^^^^^L",
        f"PID-7|{traits.birth_date.value}",
        f"PID-8|{traits.gender.value}",
    ]
    if traits.birth_place is not None:
        lines.append(f"PID-11|^^^^^^BDL^^{traits.birth_place.value}")
    return tuple(lines)


def parse_source_patient_info(lines: tuple[str, ...], patient_id: str) -> PatientTraits | None:
    """Read the PID lines; the INS is in patientId, a CX.

    Metadata of others are often incomplete: None when they do not hold the strict traits.
    """
    ins = parse_ins(patient_id)
    fields = dict(line.split("|", 1) for line in lines if "|" in line)
    # PID-5 may repeat (~): the birth name comes first.
    family, given = _components(fields.get("PID-5", "").split("~")[0], 2)
    place = _components(fields.get("PID-11", ""), 9)
    if ins is None:
        return None
    try:
        return PatientTraits(
            ins=ins,
            family_name=family,
            given_name=given,
            gender=Gender(fields.get("PID-8", "")),
            birth_date=BirthDate(fields.get("PID-7", "")[:8]),
            birth_place=District(place[8]) if place[8] else None,
        )
    except (InvalidValue, ValueError):
        return None


def _authority(authority: AssigningAuthority | None) -> str:
    """Write an HD as XDS wants it: no name, an OID (TF-3 4.2.3.1.7)."""
    if authority is None or authority.universal_id is None:
        return ""
    return f"&{authority.universal_id}&ISO"


def _components(text: str, count: int) -> list[str]:
    """Split at ^ into exactly count components, unescaped."""
    parts = text.split("^")[:count]
    return [unescape(part) for part in parts] + [""] * (count - len(parts))


def _parse_authority(text: str, index: int) -> AssigningAuthority | None:
    """Read the HD that is component index (from 0) of text; an OID that is none is left out."""
    components = text.split("^")
    designator = components[index] if index < len(components) else ""
    namespace, universal_id, *_ = [*(unescape(part) for part in designator.split("&")), "", ""]
    try:
        oid = Oid(universal_id)
    except InvalidValue:
        oid = None
    if not namespace and oid is None:
        return None
    return AssigningAuthority(namespace or None, oid)
