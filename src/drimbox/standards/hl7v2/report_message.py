"""From octets to the envelope of a report, whichever message carries it."""

from collections.abc import Callable
from types import MappingProxyType

from drimbox.standards.hl7v2 import mdm_t02, oru_r01
from drimbox.standards.hl7v2.faults import ErrorCondition, MessageFault
from drimbox.standards.hl7v2.header import Header, read_header
from drimbox.standards.hl7v2.message import Message, parse_message
from drimbox.standards.hl7v2.report_envelope import ReportEnvelope

_Parser = Callable[[Message, Header], ReportEnvelope]
_PARSERS: MappingProxyType[str, _Parser] = MappingProxyType(
    {mdm_t02.MESSAGE_CODE: mdm_t02.parse_mdm, oru_r01.MESSAGE_CODE: oru_r01.parse_oru}
)


def parse_report_message(content: bytes) -> ReportEnvelope:
    """Read an MDM or ORU message that carries a report.

    Raises:
        MessageFault: not such a message, or one that breaks the profile.
        InvalidValue: an identifier that its type does not allow.
    """
    message = parse_message(content)
    header = read_header(message)
    parse = _PARSERS.get(header.message_code)
    if parse is None:
        raise MessageFault(
            "MDM or ORU", where="MSH-9.1", condition=ErrorCondition.UNSUPPORTED_MESSAGE_TYPE
        )
    return parse(message, header)
