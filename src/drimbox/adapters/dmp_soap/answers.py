"""From what the DMP answers to our errors: what may succeed later, what never will.

| answer                                    | error             |
|-------------------------------------------|-------------------|
| duplicate uniqueId, other hash or size    | Conflict          |
| busy, not available, deprecated meanwhile | Unavailable       |
| VIHF too old                              | Unavailable       |
| SOAP fault of the receiver                | DmpAtFault        |
| SOAP fault of WS-Security                 | DmpRefusesUser    |
| local policy                              | DmpForbids        |
| too many results                          | TooManyDocuments  |
| a question that the registry cannot read  | DmpMisunderstands |
| any other error code, SOAP fault of ours  | RejectedByPartner |
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NoReturn

import structlog

from drimbox.errors import Conflict, DrimboxError, RejectedByPartner, Unavailable
from drimbox.ports.dmp import (
    DmpAtFault,
    DmpForbids,
    DmpMisunderstands,
    DmpRefusesUser,
    TooManyDocuments,
)
from drimbox.standards.soap.fault import SoapFault
from drimbox.standards.xds.registry_errors import (
    ErrorCode,
    RegistryError,
    RegistryResponse,
    ResponseStatus,
    Severity,
    describe,
)

PARTNER = "DMP"
# WS-Security: the next try carries a fresh assertion.
_PASSING_SUBCODES = frozenset({"MessageExpired"})
# WS-Security: SOAP Message Security 1.1.1, section 12.
_SECURITY_SUBCODES = frozenset(
    {
        "FailedAuthentication",
        "FailedCheck",
        "InvalidSecurity",
        "InvalidSecurityToken",
        "SecurityTokenUnavailable",
        "UnsupportedAlgorithm",
        "UnsupportedSecurityToken",
    }
)
_MEANINGS: Mapping[ErrorCode, type[RejectedByPartner]] = MappingProxyType(
    {
        ErrorCode.LOCAL_POLICY_RESTRICTION: DmpForbids,
        ErrorCode.TOO_MANY_RESULTS: TooManyDocuments,
        ErrorCode.STORED_QUERY_MISSING_PARAMETER: DmpMisunderstands,
        ErrorCode.STORED_QUERY_PARAMETER_NUMBER: DmpMisunderstands,
        ErrorCode.UNKNOWN_STORED_QUERY: DmpMisunderstands,
    }
)
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
    raise failure_of(response.failures or response.errors)


def failure_of(failures: Sequence[RegistryError]) -> DrimboxError:
    """Return what these errors mean together; see the table."""
    codes = describe(failures)
    if any(error.is_duplicate for error in failures):
        return Conflict(f"{PARTNER} holds it already: {codes}")
    if failures and all(error.is_retryable for error in failures):
        return Unavailable(PARTNER, f"cannot now: {codes}")
    return _rejection({error.known_code for error in failures})(PARTNER, codes)


def _rejection(codes: Collection[ErrorCode | None]) -> type[RejectedByPartner]:
    """Return what all the codes mean; what several mean together is told by none."""
    meanings = {_MEANINGS.get(code) if code is not None else None for code in codes}
    only = meanings.pop() if len(meanings) == 1 else None
    return only or RejectedByPartner


def raise_fault(fault: SoapFault) -> NoReturn:
    """Raise what a SOAP fault means; its text stays out, it may quote a patient."""
    code = f"{fault.code}/{fault.subcode}" if fault.subcode else fault.code or "fault"
    if fault.subcode in _PASSING_SUBCODES:
        raise Unavailable(PARTNER, f"is at fault: {code}")
    if fault.subcode in _SECURITY_SUBCODES:
        raise DmpRefusesUser(PARTNER, code)
    if fault.is_receivers:
        raise DmpAtFault(PARTNER, f"is at fault: {code}")
    raise RejectedByPartner(PARTNER, code)
