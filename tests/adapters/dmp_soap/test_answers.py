"""What each answer of the DMP means (ITI TF-3 4.2.4, WS-Security 1.1.1 section 12)."""

import pytest

from drimbox.adapters.dmp_soap.answers import raise_failure, raise_fault
from drimbox.errors import Conflict, DrimboxError, RejectedByPartner, Unavailable
from drimbox.ports.dmp import (
    DmpAtFault,
    DmpForbids,
    DmpMisunderstands,
    DmpRefusesUser,
    TooManyDocuments,
)
from drimbox.standards.soap.fault import SoapFault
from drimbox.standards.xds.registry_errors import RegistryError, RegistryResponse, ResponseStatus


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        ("XDSRegistryBusy", Unavailable),
        ("XDSRepositoryBusy XDSRegistryNotAvailable", Unavailable),
        ("XDSDuplicateUniqueIdInRegistry", Conflict),
        ("LocalPolicyRestrictionError", DmpForbids),
        ("XDSTooManyResults", TooManyDocuments),
        ("XDSStoredQueryMissingParam", DmpMisunderstands),
        ("XDSStoredQueryParamNumber", DmpMisunderstands),
        ("XDSStoredQueryParamNumber XDSStoredQueryMissingParam", DmpMisunderstands),
        ("XDSUnknownStoredQuery", DmpMisunderstands),
        ("XDSRegistryError", RejectedByPartner),
        ("XDSRepositoryError", RejectedByPartner),
        ("XDSTooManyResults XDSRegistryError", RejectedByPartner),
        ("DMPSomethingOfItsOwn", RejectedByPartner),
        ("", RejectedByPartner),
    ],
)
def test_an_error_code_means_one_thing(codes: str, error: type[DrimboxError]) -> None:
    errors = tuple(RegistryError(code, "") for code in codes.split())
    with pytest.raises(DrimboxError) as caught:
        raise_failure(RegistryResponse(ResponseStatus.FAILURE, errors))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("code", "subcode", "error"),
    [
        ("Receiver", None, DmpAtFault),
        ("Server", None, DmpAtFault),
        ("Sender", "MessageExpired", Unavailable),
        ("Receiver", "MessageExpired", Unavailable),
        ("Sender", "FailedAuthentication", DmpRefusesUser),
        ("Sender", "InvalidSecurityToken", DmpRefusesUser),
        ("Receiver", "InvalidSecurity", DmpRefusesUser),
        ("Sender", None, RejectedByPartner),
        ("Sender", "ActionNotSupported", RejectedByPartner),
    ],
)
def test_a_fault_means_one_thing(code: str, subcode: str | None, error: type[DrimboxError]) -> None:
    with pytest.raises(DrimboxError) as caught:
        raise_fault(SoapFault(code, subcode, "1 79 03 75 DUPONT: not this one"))
    assert type(caught.value) is error
    assert "DUPONT" not in str(caught.value), "the reason may quote a patient"
