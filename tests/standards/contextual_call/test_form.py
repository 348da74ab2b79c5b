"""A form body as octets: what is read, what is given up, which names may be logged."""

import pytest

from drimbox.errors import TooLarge
from drimbox.standards.contextual_call.form import is_form, parse_form, unknown_names


def _pairs(body: bytes) -> list[tuple[str, str | None]]:
    return [(p.name, p.value) for p in parse_form(body)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"a=1&b=2", [("a", "1"), ("b", "2")], id="two"),
        pytest.param(b"&&a=1&", [("a", "1")], id="empty pairs are passed over"),
        pytest.param(b"a=b=c", [("a", "b=c")], id="the first = separates"),
        pytest.param(b"a", [("a", "")], id="a name without ="),
        pytest.param(b"=1", [("", "1")], id="a value without name"),
        pytest.param(b"a+b=c+d", [("a b", "c d")], id="+ is a space"),
        pytest.param(b"a=%2B%26%3D", [("a", "+&=")], id="percent-encoded separators"),
        pytest.param(b"a=%C3%A9", [("a", "é")], id="UTF-8"),
        pytest.param(b"a=\xc3\xa9", [("a", "é")], id="raw UTF-8"),
        pytest.param(b"a=%E9", [("a", "é")], id="ISO-8859-1"),
        pytest.param(b"a=%zz", [("a", None)], id="a broken escape"),
        pytest.param(b"a=%4", [("a", None)], id="half an escape"),
        pytest.param(b"a=%00", [("a", "\0")], id="a NUL is left to the rules"),
    ],
)
def test_a_body_is_split(body: bytes, expected: list[tuple[str, str | None]]) -> None:
    assert _pairs(body) == expected


def test_too_many_parameters_are_refused() -> None:
    assert len(parse_form(b"a=1&" * 128)) == 128
    with pytest.raises(TooLarge):
        parse_form(b"a=1&" * 129)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/x-www-form-urlencoded", True),
        ("Application/X-WWW-Form-Urlencoded;charset=UTF-8", True),
        (" application/x-www-form-urlencoded ; charset=iso-8859-1", True),
        ("application/x-www-form-urlencodedx", False),
        ("multipart/form-data", False),
        ("", False),
        (None, False),
    ],
)
def test_the_content_type_of_a_form(content_type: str | None, expected: bool) -> None:
    assert is_form(content_type) is expected


def test_only_names_that_cannot_be_values_gone_astray_may_be_logged() -> None:
    body = b"Color=blue&Color=red&DUPONT&2790351215189=x&Le+nom=x&Patient.gender=F&Empty="
    assert unknown_names(parse_form(body)) == ("Color",)
