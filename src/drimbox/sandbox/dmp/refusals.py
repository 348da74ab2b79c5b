"""How this DMP says no: a SOAP fault, or a RegistryResponse with its errors (ITI TF-3 4.2.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drimbox.sandbox.dmp.names import WSA, WSSE


@dataclass(frozen=True, slots=True)
class RegistryError:
    """One rs:RegistryError; context says the rule, location the object (an id or a uniqueId)."""

    code: str
    context: str
    location: str = ""


class ContentRefused(Exception):
    """The request is understood, what it asks is refused: answered with status Failure."""

    def __init__(self, *errors: RegistryError) -> None:
        super().__init__("; ".join(f"{e.code}: {e.context}" for e in errors))
        self.errors = errors


class Fault(Exception):
    """The message itself is refused: answered with a SOAP 1.2 fault.

    code is Sender, Receiver, MustUnderstand or VersionMismatch; subcode a (namespace, name).
    """

    def __init__(self, code: str, reason: str, subcode: tuple[str, str] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.subcode = subcode

    @property
    def http_status(self) -> int:
        """400 for a Sender fault, else 500 (SOAP 1.2 part 2, table 20)."""
        return 400 if self.code == "Sender" else 500


def sender_fault(reason: str) -> Fault:
    """Return a fault about how the message is made."""
    return Fault("Sender", reason)


def addressing_fault(name: str, reason: str) -> Fault:
    """Return one of the faults WS-Addressing predefines (SOAP binding, 6.4)."""
    return Fault("Sender", reason, (WSA, name))


def security_fault(name: str, reason: str) -> Fault:
    """Return one of the faults WS-Security predefines (SOAP message security, 12)."""
    return Fault("Sender", reason, (WSSE, name))


def not_understood(header: str) -> Fault:
    """Return the fault of a header with mustUnderstand that nobody here knows."""
    return Fault("MustUnderstand", f"header {header} is not understood")


def stop_at(errors: Iterable[RegistryError]) -> None:
    """Raise ContentRefused with every error a judge found, if it found any."""
    found = tuple(errors)
    if found:
        raise ContentRefused(*found)


def reported(code: str, reasons: Iterable[str], location: str = "") -> Iterator[RegistryError]:
    """Give the same code to a judge's plain reasons."""
    return (RegistryError(code, reason, location) for reason in reasons)
