"""From what the DMP answers to our errors: what may succeed later, what never will.

| answer                                      | error             |
|---------------------------------------------|-------------------|
| duplicate uniqueId, other hash or size      | Conflict          |
| busy, not available, deprecated meanwhile   | Unavailable       |
| SOAP fault of the receiver, or VIHF too old | Unavailable       |
| any other error code, SOAP fault of ours    | RejectedByPartner |
"""

from typing import NoReturn

import structlog

from drimbox.errors import Conflict, RejectedByPartner, Unavailable
from drimbox.standards.soap.fault import SoapFault
from drimbox.standards.xds.registry_errors import (
    RegistryResponse,
    ResponseStatus,
    Severity,
    describe,
)

PARTNER = "DMP"
# WS-Security: the next try carries a fresh assertion.
_PASSING_SUBCODES = frozenset({"MessageExpired"})
_log = structlog.get_logger(__name__)


def check_success(response: RegistryResponse) -> None:
    """Accept nothing but Success; warnings go to the log.

    Raises:
        Conflict: the DMP holds this document or submission set already.
        Unavailable: every error is one that passes.
        RejectedByPartner: otherwise.
    """
    warnings = [error for error in response.errors if error.severity is Severity.WARNING]
    if warnings:
        _log.warning("dmp_warned", codes=describe(warnings))
    if response.status is not ResponseStatus.SUCCESS:
        raise_failure(response)


def raise_failure(response: RegistryResponse) -> NoReturn:
    """Raise what the errors of a failure mean; see the table."""
    failures = response.failures or response.errors
    codes = describe(failures)
    if any(error.is_duplicate for error in failures):
        raise Conflict(f"{PARTNER} holds it already: {codes}")
    if failures and all(error.is_retryable for error in failures):
        raise Unavailable(PARTNER, f"cannot now: {codes}")
    raise RejectedByPartner(PARTNER, codes)


def raise_fault(fault: SoapFault) -> NoReturn:
    """Raise what a SOAP fault means; its text stays out, it may quote a patient."""
    code = f"{fault.code}/{fault.subcode}" if fault.subcode else fault.code or "fault"
    if fault.is_receivers or fault.subcode in _PASSING_SUBCODES:
        raise Unavailable(PARTNER, f"is at fault: {code}")
    raise RejectedByPartner(PARTNER, code)
