"""What a DIMSE status means to us (PS3.7 annex C, PS3.4 tables B.2-1, C.4-1 to C.4-3)."""

from drimbox.errors import DrimboxError, RejectedByPartner, Unavailable

SUCCESS = 0x0000
CANCEL = 0xFE00
PENDING = frozenset({0xFF00, 0xFF01})
SUB_OPERATIONS_INCOMPLETE = 0xB000
OUT_OF_RESOURCES = 0xA700
SUB_OPERATIONS_NOT_PERFORMED = 0xA702
MOVE_DESTINATION_UNKNOWN = 0xA801
IDENTIFIER_DOES_NOT_MATCH = 0xA900
"""Of C-FIND and C-MOVE; of C-STORE: the data set is not what the command says."""

PROCESSING_FAILURE = 0x0110
INVALID_SOP_INSTANCE = 0x0117
NOT_AUTHORIZED = 0x0124
CANNOT_UNDERSTAND = 0xC000
UNRECOGNIZED_OPERATION = 0x0211
SOP_CLASS_NOT_SUPPORTED = 0x0122

_MEANINGS = {
    0x0110: "processing failure",
    0x0111: "duplicate SOP instance",
    0x0117: "invalid SOP instance",
    0x0122: "SOP class not supported",
    0x0124: "not authorized",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0xA700: "out of resources",
    0xA701: "out of resources, number of matches unknown",
    0xA702: "out of resources, sub-operations not performed",
    0xA801: "move destination unknown: the PACS must know our AE title, host and port",
    0xA900: "identifier does not match SOP class",
    0xB000: "sub-operations incomplete",
    0xFE00: "cancelled",
}

# Worth another try: the peer lacks room or a part of the work failed, the request was not wrong.
_PASSING = frozenset({0x0110, 0xA700, 0xA701, 0xA702, 0xB000, 0xFE00})


def is_warning(status: int) -> bool:
    """PS3.7 C.4: Bxxx, 0001, 0107 and 0116 warn, and the operation was done all the same."""
    return status & 0xF000 == 0xB000 or status in {0x0001, 0x0107, 0x0116}


def error_of(partner: str, status: int) -> DrimboxError:
    """Return what to raise for a status that is neither success, pending nor warning.

    Error Comment is left out: peers write patients into it.
    """
    if status in _PASSING:
        return Unavailable(partner, f"answered {status:04X} ({_meaning(status)})")
    return refusal(partner, status)


def refusal(partner: str, status: int) -> RejectedByPartner:
    """Return what to raise where any failure is a refusal, as that of an instance to store."""
    return RejectedByPartner(partner, f"{status:04X}", _meaning(status))


def _meaning(status: int) -> str:
    return _MEANINGS.get(status, "cannot understand" if status >= 0xC000 else "failure")
