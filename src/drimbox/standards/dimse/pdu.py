"""Protocol data units of an association (PS3.8 section 9.3, annex D; PS3.7 annex D.3).

| type 1 | reserved 1 | length 4 | body |                                    every PDU, big endian
P-DATA-TF body: | length 4 | presentation context 1 | flags 1 | fragment |   one or several PDVs
"""

import struct
from dataclasses import dataclass
from enum import Enum, IntEnum

from drimbox.errors import MalformedMessage

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
PDU_HEADER = struct.Struct(">BxI")
PDV_HEADER = struct.Struct(">IBB")
DATA_HEADER = struct.Struct(">BxIIBB")
"""A P-DATA-TF and its first PDV."""
_ITEM_HEADER = struct.Struct(">BxH")
_ASSOCIATE_FIXED = struct.Struct(">HH16s16s32x")
MAX_CONTEXTS = 128
MAX_AE_TITLE_LENGTH = 16

PDV_IS_COMMAND = 1
PDV_IS_LAST = 2


class PduType(IntEnum):
    """PS3.8 table 9-1 and following."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA_TF = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


class ContextResult(Enum):
    """PS3.8 table 9-18."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    NO_REASON = 2
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 3
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 4


@dataclass(frozen=True, slots=True)
class ProposedContext:
    """One presentation context of an A-ASSOCIATE-RQ; context_id is odd, 1 to 255."""

    context_id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContextAnswer:
    """One presentation context of an A-ASSOCIATE-AC; transfer_syntax matters when accepted."""

    context_id: int
    result: ContextResult
    transfer_syntax: str = ""


@dataclass(frozen=True, slots=True)
class RoleSelection:
    """Which roles the requestor takes for one SOP class (PS3.7 D.3.3.4)."""

    sop_class_uid: str
    is_scu: bool
    is_scp: bool


@dataclass(frozen=True, slots=True)
class ExtendedNegotiation:
    """Service class application information (PS3.7 D.3.3.5)."""

    sop_class_uid: str
    information: bytes


@dataclass(frozen=True, slots=True)
class UserInformation:
    """What both sides tell each other; a maximum_pdu of 0 means any length."""

    maximum_pdu: int
    implementation_class_uid: str
    implementation_version_name: str = ""
    roles: tuple[RoleSelection, ...] = ()
    extended: tuple[ExtendedNegotiation, ...] = ()


@dataclass(frozen=True, slots=True)
class AssociateRequest:
    """A-ASSOCIATE-RQ."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ProposedContext, ...]
    user_information: UserInformation


@dataclass(frozen=True, slots=True)
class AssociateAccept:
    """A-ASSOCIATE-AC; the titles are those of the request, sent back."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[ContextAnswer, ...]
    user_information: UserInformation


@dataclass(frozen=True, slots=True)
class AssociateReject:
    """A-ASSOCIATE-RJ (PS3.8 table 9-21)."""

    result: int
    source: int
    reason: int

    @property
    def is_transient(self) -> bool:
        return self.result == 2


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """A-RELEASE-RQ."""


@dataclass(frozen=True, slots=True)
class ReleaseReply:
    """A-RELEASE-RP."""


@dataclass(frozen=True, slots=True)
class Abort:
    """A-ABORT (PS3.8 table 9-26)."""

    source: int = 0
    reason: int = 0


ControlPdu = (
    AssociateRequest | AssociateAccept | AssociateReject | ReleaseRequest | ReleaseReply | Abort
)


def encode_pdu(pdu: ControlPdu) -> bytes:
    """Write any PDU but P-DATA-TF."""
    match pdu:
        case AssociateRequest():
            contexts = b"".join(_encode_proposed(context) for context in pdu.contexts)
            return _frame(PduType.ASSOCIATE_RQ, _encode_associate(pdu, contexts))
        case AssociateAccept():
            contexts = b"".join(_encode_answer(context) for context in pdu.contexts)
            return _frame(PduType.ASSOCIATE_AC, _encode_associate(pdu, contexts))
        case AssociateReject():
            return _frame(PduType.ASSOCIATE_RJ, bytes((0, pdu.result, pdu.source, pdu.reason)))
        case ReleaseRequest():
            return _frame(PduType.RELEASE_RQ, bytes(4))
        case ReleaseReply():
            return _frame(PduType.RELEASE_RP, bytes(4))
        case Abort():
            return _frame(PduType.ABORT, bytes((0, 0, pdu.source, pdu.reason)))


def _frame(kind: PduType, body: bytes) -> bytes:
    return PDU_HEADER.pack(kind, len(body)) + body


def _encode_associate(pdu: AssociateRequest | AssociateAccept, contexts: bytes) -> bytes:
    called, calling = _ae_octets(pdu.called_ae_title), _ae_octets(pdu.calling_ae_title)
    fixed = _ASSOCIATE_FIXED.pack(1, 0, called, calling)
    application = _item(0x10, APPLICATION_CONTEXT)
    return fixed + application + contexts + _encode_user_information(pdu.user_information)


def _ae_octets(title: str) -> bytes:
    return title.encode("latin-1", "replace")[:MAX_AE_TITLE_LENGTH].ljust(MAX_AE_TITLE_LENGTH)


def _item(kind: int, content: bytes) -> bytes:
    return _ITEM_HEADER.pack(kind, len(content)) + content


def _encode_proposed(context: ProposedContext) -> bytes:
    syntaxes = b"".join(_item(0x40, uid.encode("ascii")) for uid in context.transfer_syntaxes)
    abstract = _item(0x30, context.abstract_syntax.encode("ascii"))
    return _item(0x20, bytes((context.context_id, 0, 0, 0)) + abstract + syntaxes)


def _encode_answer(context: ContextAnswer) -> bytes:
    syntax = _item(0x40, context.transfer_syntax.encode("ascii"))
    return _item(0x21, bytes((context.context_id, 0, context.result.value, 0)) + syntax)


def _encode_user_information(user: UserInformation) -> bytes:
    items = [
        _item(0x51, user.maximum_pdu.to_bytes(4, "big")),
        _item(0x52, user.implementation_class_uid.encode("ascii")),
    ]
    for role in user.roles:
        uid = role.sop_class_uid.encode("ascii")
        content = len(uid).to_bytes(2, "big") + uid + bytes((role.is_scu, role.is_scp))
        items.append(_item(0x54, content))
    items.append(_item(0x55, user.implementation_version_name.encode("ascii")))
    for extended in user.extended:
        uid = extended.sop_class_uid.encode("ascii")
        items.append(_item(0x56, len(uid).to_bytes(2, "big") + uid + extended.information))
    return _item(0x50, b"".join(items))


def encode_data_pdu(context_id: int, fragment: bytes | memoryview, flags: int) -> bytes:
    """Write a P-DATA-TF of one PDV."""
    length = len(fragment)
    return b"".join(
        (
            DATA_HEADER.pack(PduType.DATA_TF, length + 6, length + 2, context_id, flags),
            fragment,
        )
    )


def parse_pdu(kind: PduType, body: bytes) -> ControlPdu:
    """Read any PDU but P-DATA-TF.

    Raises:
        MalformedMessage: lengths that do not fit, or an item that is not what its type says.
    """
    try:
        return _parse_pdu(kind, body)
    except (struct.error, IndexError, ValueError) as error:
        raise MalformedMessage("a PDU does not hold what its type says", where=kind.name) from error


def _parse_pdu(kind: PduType, body: bytes) -> ControlPdu:
    match kind:
        case PduType.ASSOCIATE_RQ:
            return _parse_request(body)
        case PduType.ASSOCIATE_AC:
            return _parse_accept(body)
        case PduType.ASSOCIATE_RJ:
            return AssociateReject(body[1], body[2], body[3])
        case PduType.RELEASE_RQ:
            return ReleaseRequest()
        case PduType.RELEASE_RP:
            return ReleaseReply()
        case PduType.ABORT:
            return Abort(body[2], body[3])
        case PduType.DATA_TF:
            raise ValueError("P-DATA-TF is read by the upper layer")


def _items(content: bytes) -> list[tuple[int, bytes]]:
    items, offset = [], 0
    while offset < len(content):
        kind, length = _ITEM_HEADER.unpack_from(content, offset)
        offset += 4
        if offset + length > len(content):
            raise ValueError("an item runs past its end")
        items.append((kind, content[offset : offset + length]))
        offset += length
    return items


def _parse_associate(body: bytes) -> tuple[str, str, list[tuple[int, bytes]]]:
    _, _, called, calling = _ASSOCIATE_FIXED.unpack_from(body)
    return _ae_text(called), _ae_text(calling), _items(body[_ASSOCIATE_FIXED.size :])


def _ae_text(octets: bytes) -> str:
    return octets.decode("latin-1").strip(" \0")


def _parse_request(body: bytes) -> AssociateRequest:
    called, calling, items = _parse_associate(body)
    contexts = tuple(_parse_proposed(content) for kind, content in items if kind == 0x20)
    return AssociateRequest(called, calling, contexts, _parse_user_information(items))


def _parse_accept(body: bytes) -> AssociateAccept:
    called, calling, items = _parse_associate(body)
    contexts = tuple(_parse_answer(content) for kind, content in items if kind == 0x21)
    return AssociateAccept(called, calling, contexts, _parse_user_information(items))


def _uid(octets: bytes) -> str:
    return octets.decode("ascii").rstrip("\0 ")


def _parse_proposed(content: bytes) -> ProposedContext:
    items = _items(content[4:])
    abstract = next((_uid(value) for kind, value in items if kind == 0x30), "")
    syntaxes = tuple(_uid(value) for kind, value in items if kind == 0x40)
    return ProposedContext(content[0], abstract, syntaxes)


def _parse_answer(content: bytes) -> ContextAnswer:
    result = ContextResult(content[2])
    # PS3.8 9.3.3.2: the transfer syntax of a refused context is not significant.
    if result is not ContextResult.ACCEPTANCE:
        return ContextAnswer(content[0], result)
    syntax = next((_uid(value) for kind, value in _items(content[4:]) if kind == 0x40), "")
    return ContextAnswer(content[0], result, syntax)


def _parse_user_information(items: list[tuple[int, bytes]]) -> UserInformation:
    content = next((value for kind, value in items if kind == 0x50), b"")
    maximum, class_uid, version = 0, "", ""
    roles, extended = [], []
    for kind, value in _items(content):
        match kind:
            case 0x51:
                maximum = int.from_bytes(value, "big")
            case 0x52:
                class_uid = _uid(value)
            case 0x54:
                uid, rest = _counted(value)
                roles.append(RoleSelection(uid, bool(rest[0]), bool(rest[1])))
            case 0x55:
                version = _ae_text(value)
            case 0x56:
                extended.append(ExtendedNegotiation(*_counted(value)))
    return UserInformation(maximum, class_uid, version, tuple(roles), tuple(extended))


def _counted(value: bytes) -> tuple[str, bytes]:
    length = int.from_bytes(value[:2], "big")
    if 2 + length > len(value):
        raise ValueError("a counted UID runs past its end")
    return _uid(value[2 : 2 + length]), value[2 + length :]
