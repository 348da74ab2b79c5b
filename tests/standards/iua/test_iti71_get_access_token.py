"""The token request, field by field (RFC 6749 4.4.2, RFC 8707)."""

import pytest

from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    NotAuthenticated,
    UnsupportedMessage,
)
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE
from drimbox.standards.iua.iti71_get_access_token import encode_token_answer, parse_token_request

FIELDS = {
    "grant_type": "client_credentials",
    "client_assertion_type": CLIENT_ASSERTION_TYPE,
    "client_assertion": "a.b.c",
    "scope": "system/ImagingStudy.rs ITI-67",
}


def test_a_request_is_read() -> None:
    resources = [("resource", "https://box.test/fhir"), ("resource", "https://box.test/dicom-web")]
    request = parse_token_request([*FIELDS.items(), *resources])
    assert request.scopes == {"system/ImagingStudy.rs", "ITI-67"}
    assert request.resources == ("https://box.test/fhir", "https://box.test/dicom-web")
    assert request.credentials.assertion == "a.b.c"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        pytest.param({"grant_type": ""}, MalformedMessage, id="no grant"),
        pytest.param({"grant_type": "password"}, UnsupportedMessage, id="another grant"),
        pytest.param({"client_assertion": ""}, NotAuthenticated, id="no assertion"),
        pytest.param({"client_assertion_type": "saml"}, NotAuthenticated, id="another proof"),
        pytest.param({"scope": 'a"b'}, InvalidValue, id="a quote in a scope"),
        pytest.param({"scope": "a  b"}, InvalidValue, id="two spaces"),
        pytest.param({"scope": "é"}, InvalidValue, id="not ASCII"),
        pytest.param({"scope": "a " * 65 + "a"}, InvalidValue, id="sixty-six scopes"),
        pytest.param({"requested_token_type": "saml2"}, MalformedMessage, id="a SAML token"),
    ],
)
def test_a_fault_has_its_error(changes: dict[str, str], error: type[DrimboxError]) -> None:
    with pytest.raises(error):
        parse_token_request((FIELDS | changes).items())


@pytest.mark.parametrize("name", ["scope", "grant_type", "client_assertion"])
def test_a_parameter_must_not_come_twice(name: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_token_request([*FIELDS.items(), (name, FIELDS[name])])


def test_the_answer_names_what_was_granted() -> None:
    answer = encode_token_answer("t", expires_in=300, scopes={"b", "a"})
    assert answer == {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "a b",
    }
