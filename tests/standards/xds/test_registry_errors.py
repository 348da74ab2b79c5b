"""Registry responses: three statuses, known and foreign codes, errors and warnings apart."""

import pytest
from lxml import etree

from drimbox.errors import MalformedMessage, UnsupportedMessage
from drimbox.standards.xds.registry_errors import (
    DUPLICATES,
    RETRYABLE,
    ErrorCode,
    RegistryError,
    ResponseStatus,
    Severity,
    describe,
    parse_registry_response,
)

RS = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"


def _response(status: str, errors: str = "") -> etree._Element:
    return etree.fromstring(
        f'<rs:RegistryResponse xmlns:rs="{RS}" status="{status}">'
        f"<rs:RegistryErrorList>{errors}</rs:RegistryErrorList></rs:RegistryResponse>"
    )


@pytest.mark.parametrize("status", list(ResponseStatus))
def test_reads_each_status(status: ResponseStatus) -> None:
    assert parse_registry_response(_response(status.value)).status is status


@pytest.mark.parametrize("status", ["", "Done", "urn:x:Successful"])
def test_another_status_is_malformed(status: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_registry_response(_response(status))


def test_another_element_is_no_response() -> None:
    with pytest.raises(UnsupportedMessage):
        parse_registry_response(etree.fromstring("<a/>"))


def test_a_foreign_code_is_kept_as_text_and_not_worth_another_try() -> None:
    body = _response(
        ResponseStatus.FAILURE.value, '<rs:RegistryError errorCode="R166" codeContext="x"/>'
    )
    (error,) = parse_registry_response(body).errors
    assert error == RegistryError("R166", "x")
    assert error.known_code is None
    assert not error.is_retryable
    assert not error.is_duplicate


@pytest.mark.parametrize("severity", ["Warning", Severity.WARNING.value])
def test_a_warning_is_no_failure(severity: str) -> None:
    body = _response(
        ResponseStatus.SUCCESS.value,
        f'<rs:RegistryError errorCode="XDSExtraMetadataNotSaved" severity="{severity}"/>',
    )
    response = parse_registry_response(body)
    assert response.failures == ()
    assert [error.severity for error in response.errors] == [Severity.WARNING]


def test_what_may_pass_and_what_is_held_already_do_not_overlap() -> None:
    assert not RETRYABLE & DUPLICATES


@pytest.mark.parametrize("code", sorted(RETRYABLE, key=lambda code: code.value))
def test_retryable_codes_are_those_of_the_table(code: ErrorCode) -> None:
    assert RegistryError(code.value, "").is_retryable


def test_a_description_names_codes_once_and_no_context() -> None:
    errors = [RegistryError("A", "patient 1"), RegistryError("B", ""), RegistryError("A", "")]
    assert describe(errors) == "A, B"
    assert describe([]) == "no code"
