"""HL7 v2 data types that reports carry (chapter 2.A): CX, XCN, XON, HD, CWE, TS, ED."""

import binascii
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from types import MappingProxyType
from typing import Self

from drimbox.errors import InvalidValue
from drimbox.model.patient import AssigningAuthority
from drimbox.model.uids import Oid
from drimbox.standards.hl7v2.faults import unknown_value, wrong_type
from drimbox.standards.hl7v2.message import Field

_TIMESTAMP = re.compile(
    r"([0-9]{4})([0-9]{2})?([0-9]{2})?([0-9]{2})?([0-9]{2})?([0-9]{2})?(?:\.[0-9]{1,6})?"
    r"(?:([+-])([0-9]{2})([0-9]{2}))?\Z",
    re.ASCII,
)
_WHITE_SPACE = b" \t\r\n"

# The first digit of a national identifier names its kind (Annexe transverse "Source des données").
_NATIONAL_PREFIX = MappingProxyType(
    {"ADELI": "0", "FINEG": "1", "FINEJ": "1", "FINESS": "1", "SIREN": "2", "SIRET": "3"}
)
_RPPS_PREFIX = "8"


@dataclass(frozen=True, slots=True)
class Cx:
    """Extended composite id: value^^^authority^type."""

    value: str
    authority: AssigningAuthority | None
    identifier_type: str

    @classmethod
    def read(cls, field: Field) -> Self:
        return cls(field.text(1), read_authority(field, 4), field.text(5))


@dataclass(frozen=True, slots=True)
class Xcn:
    """Extended composite id and name of a person; identifier is the national one where it can be.

    XCN-13 IDNPS is a whole national identifier, RPPS and ADELI want their first digit.
    """

    identifier: str
    family_name: str
    given_name: str
    authority: AssigningAuthority | None

    @classmethod
    def read(cls, field: Field) -> Self:
        bare, kind = field.text(1), field.text(13)
        if kind == "RPPS" and len(bare) == 11:
            bare = _RPPS_PREFIX + bare
        elif kind == "ADELI" and len(bare) == 9:
            bare = _NATIONAL_PREFIX[kind] + bare
        return cls(bare, field.text(2), field.text(3), read_authority(field, 9))


@dataclass(frozen=True, slots=True)
class Xon:
    """Extended composite name and id of an organisation; identifier is a Struct_IdNat if it can.

    XON-7 IDNST is whole; FINEG, FINEJ, SIREN and SIRET want the digit of their kind.
    """

    name: str
    identifier: str
    authority: AssigningAuthority | None

    @classmethod
    def read(cls, field: Field) -> Self:
        bare = field.text(10) or field.text(3)
        prefix = _NATIONAL_PREFIX.get(field.text(7), "")
        return cls(field.text(1), prefix + bare if bare else "", read_authority(field, 6))


def read_authority(field: Field, component: int) -> AssigningAuthority | None:
    """Read an HD; a universal id that is no OID is left out."""
    name = field.text(component, 1) or None
    universal_id = field.text(component, 2)
    try:
        oid = Oid(universal_id) if universal_id else None
    except InvalidValue:
        oid = None
    return AssigningAuthority(name, oid) if name or oid else None


def parse_timestamp(text: str, local_zone: tzinfo) -> datetime:
    """Read a TS or DTM, of any precision; without an offset it is local time.

    Raises:
        InvalidValue: not YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ], or no such instant.
    """
    match = _TIMESTAMP.match(text)
    if match is None:
        raise InvalidValue("timestamp", "YYYY[MM[DD[HH[MM[SS[.S]]]]]][+/-ZZZZ]")
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        moment = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=local_zone,
        )
        if sign:
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            moment = moment.replace(tzinfo=timezone(-offset if sign == "-" else offset))
    except ValueError:
        raise InvalidValue("timestamp", "an instant that exists") from None
    return moment


def encode_timestamp(moment: datetime) -> str:
    """Write an aware instant with its offset, to the second."""
    return f"{moment:%Y%m%d%H%M%S%z}"


def decode_encapsulated(field: Field) -> bytes:
    """Return the octets of an ED: ^type^subtype^Base64^data.

    Raises:
        MessageFault: another encoding, or data that is not base64.
    """
    if field.text(4).casefold() != "base64":
        raise unknown_value("Base64", f"{field.where}.4")
    encoded = field.component(5).octets
    if any(space in encoded for space in _WHITE_SPACE):
        encoded = encoded.translate(None, delete=_WHITE_SPACE)
    try:
        octets = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error:
        raise wrong_type("not base64", f"{field.where}.5") from None
    if not octets:
        raise wrong_type("no data", f"{field.where}.5")
    return octets
