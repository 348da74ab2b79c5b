"""SOAP faults, of version 1.2 (section 5.4) and, for the proxies on the way, 1.1 (section 4.4)."""

from dataclasses import dataclass

from lxml import etree

from drimbox.standards.soap.envelope import SOAP, SOAP_1_1, Envelope

_NS = {"s": SOAP}
_SERVERS_FAULT = frozenset({"Receiver", "Server"})


@dataclass(frozen=True, slots=True)
class SoapFault:
    """Who is at fault and why.

    code is the local name of the fault code (Sender, Receiver...; Client, Server in 1.1), subcode
    its refinement, also a local name. reason is the partner's free text: it may quote a patient, so
    it never goes to a log.
    """

    code: str
    subcode: str | None
    reason: str

    @property
    def is_receivers(self) -> bool:
        """True when the partner says that the fault is its own: trying later may help."""
        return self.code in _SERVERS_FAULT


def find_fault(envelope: Envelope) -> SoapFault | None:
    """Return the fault that the body is, if it is one."""
    body = envelope.body
    if body.tag == f"{{{SOAP}}}Fault":
        return SoapFault(
            code=_local(body.find("s:Code/s:Value", _NS)) or "",
            subcode=_local(body.find("s:Code/s:Subcode/s:Value", _NS)),
            reason=_text(body.find("s:Reason/s:Text", _NS)),
        )
    if body.tag == f"{{{SOAP_1_1}}}Fault":
        code, _, subcode = (_local(body.find("faultcode")) or "").partition(".")
        return SoapFault(code, subcode or None, _text(body.find("faultstring")))
    return None


def _text(element: etree._Element | None) -> str:
    return "" if element is None else (element.text or "").strip()


def _local(element: etree._Element | None) -> str | None:
    """Return the local part of a QName written as text."""
    return _text(element).rpartition(":")[2] or None
