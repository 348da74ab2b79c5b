"""The authorization request and where its answer goes (RFC 6749 4.1, RFC 7636, SMART)."""

import pytest

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.standards.iua.authorization_request import (
    AnswerAddress,
    answer_url,
    check_redirect_uri,
    find_state,
    parse_answer_address,
    parse_authorization_request,
)

ASKED = [
    ("response_type", "code"),
    ("client_id", "app"),
    ("redirect_uri", "https://app.test/back"),
    ("scope", "patient/*.rs launch"),
    ("state", "s"),
    ("code_challenge", "c" * 43),
    ("code_challenge_method", "S256"),
    ("launch", "the-context"),
    ("aud", "https://box.test/fhir"),
    ("unknown", "is left out"),
]


def test_a_request_is_read() -> None:
    request = parse_authorization_request(ASKED)
    assert (request.client_id, request.redirect_uri) == ("app", "https://app.test/back")
    assert request.scopes == {"patient/*.rs", "launch"}
    assert (request.state, request.launch) == ("s", "the-context")
    assert request.resources == ("https://box.test/fhir",)
    assert repr(request) == "AuthorizationRequest()"


@pytest.mark.parametrize("name", ["state", "scope", "launch", "code_challenge", "aud"])
def test_no_parameter_comes_twice(name: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_authorization_request([*ASKED, (name, "another")])


def test_where_to_answer_is_read_whatever_else_is_wrong() -> None:
    address = parse_answer_address([*ASKED[1:3], ("scope", "a"), ("scope", "b")])
    assert address == AnswerAddress("app", "https://app.test/back")


@pytest.mark.parametrize(
    ("states", "found"),
    [(["a"], "a"), ([], None), (["a", "b"], None), ([""], None), (["x" * 1025], None)],
)
def test_a_state_goes_back_only_where_there_is_one(states: list[str], found: str | None) -> None:
    assert find_state([("state", state) for state in states]) == found


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://app.test/back", "https://app.test/back?code=a%20b%26c%3Dd"),
        ("https://app.test/back?x=1", "https://app.test/back?x=1&code=a%20b%26c%3Dd"),
    ],
)
def test_the_answer_joins_the_query_that_is_there(uri: str, url: str) -> None:
    assert answer_url(uri, {"code": "a b&c=d", "state": None}) == url


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.test/back", "https://app.test", "https://app.test:8443/a?b=c",
        "http://localhost:3000/back", "http://127.0.0.1/", "http://[::1]:9/",
    ],
)  # fmt: skip
def test_an_address_may_be_registered(uri: str) -> None:
    check_redirect_uri(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.test/back", "https://app.test/#x", "javascript:alert(1)", "app:/back", "",
        "https://user@app.test/", "https:///back", "//app.test/", "https://app.test/a b",
        "http://localhost.evil.test/", "http://127.0.0.1.evil.test/", "https://é.test/",
    ],
)  # fmt: skip
def test_no_other_may(uri: str) -> None:
    with pytest.raises(InvalidValue):
        check_redirect_uri(uri)
