"""The token request, grant by grant and field by field (RFC 6749, 7523, 7636, 8693, 8707)."""

import pytest

from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    NotAuthenticated,
    UnsupportedMessage,
)
from drimbox.standards.iua.client_assertion import CLIENT_ASSERTION_TYPE
from drimbox.standards.iua.iti71_get_access_token import (
    ACCESS_TOKEN_TYPE,
    JWT_TYPE,
    AssertionGrant,
    ClientCredentials,
    ClientGrant,
    CodeGrant,
    ExchangeGrant,
    Grant,
    GrantType,
    encode_token_answer,
    encode_token_error,
    parse_token_request,
)

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
    assert request.credentials == ClientCredentials(None, "a.b.c")
    assert request.grant == ClientGrant()


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


CODE = {
    "grant_type": GrantType.AUTHORIZATION_CODE.value,
    "client_id": "app",
    "code": "the-code",
    "redirect_uri": "https://app.test/back",
    "code_verifier": "v" * 43,
}
ASSERTION = {"grant_type": GrantType.JWT_BEARER.value, "assertion": "a.b.c"}
EXCHANGE = {
    "grant_type": GrantType.TOKEN_EXCHANGE.value,
    "client_id": "db2.test",
    "subject_token": "psc",
    "subject_token_type": ACCESS_TOKEN_TYPE,
}
ACTOR = {"actor_token": "d.e.f", "actor_token_type": JWT_TYPE}


@pytest.mark.parametrize(
    ("fields", "grant"),
    [
        pytest.param(CODE, CodeGrant("the-code", "https://app.test/back", "v" * 43), id="code"),
        pytest.param(ASSERTION, AssertionGrant("a.b.c"), id="assertion"),
        pytest.param(EXCHANGE, ExchangeGrant("psc"), id="exchange"),
        pytest.param(
            EXCHANGE | ACTOR | {"launch": "context", "subject_token_type": JWT_TYPE},
            ExchangeGrant("psc", "d.e.f", "context"),
            id="exchange, everything",
        ),
    ],
)
def test_each_grant_is_read(fields: dict[str, str], grant: Grant) -> None:
    assert parse_token_request(fields.items()).grant == grant


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        *(
            pytest.param(CODE | {name: ""}, MalformedMessage, id=f"a code without {name}")
            for name in ("code", "redirect_uri", "code_verifier")
        ),
        pytest.param(CODE | {"code_verifier": "v" * 42}, MalformedMessage, id="42 characters"),
        pytest.param(CODE | {"code_verifier": "v" * 129}, MalformedMessage, id="129 characters"),
        pytest.param(CODE | {"code_verifier": "é" * 43}, MalformedMessage, id="not ASCII"),
        pytest.param(CODE | {"client_id": ""}, NotAuthenticated, id="a code of no client"),
        pytest.param(ASSERTION | {"assertion": ""}, MalformedMessage, id="no assertion"),
        pytest.param(EXCHANGE | {"subject_token": ""}, MalformedMessage, id="no subject_token"),
        pytest.param(EXCHANGE | {"subject_token_type": ""}, MalformedMessage, id="of no type"),
        pytest.param(
            EXCHANGE | {"subject_token_type": "saml2"}, InvalidValue, id="of another type"
        ),
        pytest.param(
            EXCHANGE | ACTOR | {"actor_token_type": ""}, InvalidValue, id="an actor of no type"
        ),
        pytest.param(
            EXCHANGE | {"actor_token_type": JWT_TYPE}, InvalidValue, id="the type of no actor"
        ),
        pytest.param(EXCHANGE | {"client_id": ""}, NotAuthenticated, id="an exchange by nobody"),
    ],
)
def test_a_grant_needs_what_its_standard_says(
    fields: dict[str, str], error: type[DrimboxError]
) -> None:
    with pytest.raises(error):
        parse_token_request(fields.items())


def test_an_assertion_may_stand_for_its_client() -> None:
    assert parse_token_request(ASSERTION.items()).credentials is None
    both = parse_token_request((ASSERTION | {"client_id": "dpi"}).items())
    assert both.credentials == ClientCredentials("dpi")


def test_the_audience_of_an_exchange_is_checked_as_a_resource_is() -> None:
    pairs = [*EXCHANGE.items(), ("audience", "https://a.test"), ("resource", "https://b.test")]
    assert parse_token_request(pairs).resources == ("https://a.test", "https://b.test")


def test_a_description_has_only_the_characters_of_the_rfc() -> None:
    error = encode_token_error("invalid_request", 'a "quoted\\" é\r\nword')
    assert error == {"error": "invalid_request", "error_description": "a quoted word"}
    assert encode_token_error("invalid_request") == {"error": "invalid_request"}
