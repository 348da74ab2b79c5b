"""DIMSE messages: the command set (PS3.7 sections 6.3 and 9.3, annex E).

A command set is always Implicit VR Little Endian, group 0000 only; (0000,0000) tells its length.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from drimbox.errors import MalformedMessage

_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")

NO_DATA_SET = 0x0101
HAS_DATA_SET = 0x0001
PRIORITY_MEDIUM = 0

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"


class CommandField(IntEnum):
    """(0000,0100)."""

    C_STORE_RQ = 0x0001
    C_STORE_RSP = 0x8001
    C_GET_RQ = 0x0010
    C_GET_RSP = 0x8010
    C_FIND_RQ = 0x0020
    C_FIND_RSP = 0x8020
    C_MOVE_RQ = 0x0021
    C_MOVE_RSP = 0x8021
    C_ECHO_RQ = 0x0030
    C_ECHO_RSP = 0x8030
    C_CANCEL_RQ = 0x0FFF


@dataclass(frozen=True, slots=True)
class SubOperations:
    """Counts of a C-GET or C-MOVE response; None where the peer does not tell."""

    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One command set; sop_class_uid and sop_instance_uid are the Affected ones.

    message_id is Message ID of a request, Message ID Being Responded To of a response or cancel.
    """

    field: CommandField
    message_id: int
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    status: int | None = None
    has_data_set: bool = False
    move_destination: str = ""
    move_originator_ae_title: str = ""
    move_originator_message_id: int | None = None
    sub_operations: SubOperations = SubOperations()

    @property
    def is_response(self) -> bool:
        return bool(self.field & 0x8000)


def encode_command(command: Command) -> bytes:
    """Write the command set."""
    is_answer = command.is_response or command.field is CommandField.C_CANCEL_RQ
    elements = {
        0x0002: command.sop_class_uid.encode("ascii"),
        0x0100: _US.pack(command.field),
        0x0120 if is_answer else 0x0110: _US.pack(command.message_id),
        0x0600: command.move_destination.encode("ascii"),
        0x0700: _US.pack(PRIORITY_MEDIUM) if _has_priority(command.field) else b"",
        0x0800: _US.pack(HAS_DATA_SET if command.has_data_set else NO_DATA_SET),
        0x0900: b"" if command.status is None else _US.pack(command.status),
        0x1000: command.sop_instance_uid.encode("ascii"),
        0x1020: _optional_us(command.sub_operations.remaining),
        0x1021: _optional_us(command.sub_operations.completed),
        0x1022: _optional_us(command.sub_operations.failed),
        0x1023: _optional_us(command.sub_operations.warning),
        0x1030: command.move_originator_ae_title.encode("ascii"),
        0x1031: _optional_us(command.move_originator_message_id),
    }
    body = b"".join(_encode(element, value) for element, value in elements.items() if value)
    return _encode(0x0000, len(body).to_bytes(4, "little")) + body


def _has_priority(field: CommandField) -> bool:
    return field in {
        CommandField.C_STORE_RQ,
        CommandField.C_FIND_RQ,
        CommandField.C_GET_RQ,
        CommandField.C_MOVE_RQ,
    }


def _optional_us(value: int | None) -> bytes:
    return b"" if value is None else _US.pack(value)


_AE_ELEMENTS = frozenset({0x0600, 0x1030})


def _encode(element: int, value: bytes) -> bytes:
    if len(value) & 1:
        value += b" " if element in _AE_ELEMENTS else b"\0"
    return _ELEMENT.pack(0, element, len(value)) + value


def parse_command(octets: bytes | bytearray) -> Command:
    """Read a command set.

    Raises:
        MalformedMessage: not a command set, one without a known Command Field, or a text in it that
            no answer could repeat: UIDs and AE titles are ASCII (PS3.5 6.1.2.2, 6.2).
    """
    elements = _elements(octets)
    try:
        field = CommandField(_us(elements, 0x0100) or 0)
    except ValueError as error:
        raise MalformedMessage("no Command Field that we know", where="(0000,0100)") from error
    is_answer = bool(field & 0x8000) or field is CommandField.C_CANCEL_RQ
    return Command(
        field=field,
        message_id=_us(elements, 0x0120 if is_answer else 0x0110) or 0,
        sop_class_uid=_text(elements, 0x0002),
        sop_instance_uid=_text(elements, 0x1000),
        status=_us(elements, 0x0900),
        has_data_set=_us(elements, 0x0800) not in {None, NO_DATA_SET},
        move_destination=_text(elements, 0x0600),
        move_originator_ae_title=_text(elements, 0x1030),
        move_originator_message_id=_us(elements, 0x1031),
        sub_operations=SubOperations(*(_us(elements, e) for e in range(0x1020, 0x1024))),
    )


def _elements(command_set: bytes | bytearray) -> dict[int, bytes]:
    octets, elements, offset = bytes(command_set), dict[int, bytes](), 0
    while offset < len(octets):
        if len(octets) - offset < _ELEMENT.size:
            raise MalformedMessage("a command element is cut short (PS3.7 6.3.1)")
        group, element, length = _ELEMENT.unpack_from(octets, offset)
        value = offset + _ELEMENT.size
        offset = value + length
        if group != 0 or offset > len(octets):
            raise MalformedMessage("not a command element (PS3.7 6.3.1)")
        elements[element] = octets[value:offset]
    return elements


def _us(elements: dict[int, bytes], element: int) -> int | None:
    value = elements.get(element, b"")
    return int(_US.unpack(value)[0]) if len(value) == 2 else None


def _text(elements: dict[int, bytes], element: int) -> str:
    try:
        return elements.get(element, b"").decode("ascii").strip(" \0")
    except UnicodeDecodeError as error:
        raise MalformedMessage("not ASCII", where=f"(0000,{element:04X})") from error
