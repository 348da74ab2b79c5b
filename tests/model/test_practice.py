"""Situation d'exercice: Struct_IdNat in its five forms."""

import pytest

from drimbox.errors import InvalidValue
from drimbox.model.practice import Situation


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1990781013", id="1 + FINESS"),
        pytest.param("12A0000014", id="1 + FINESS of Corsica"),
        pytest.param("2123456789", id="2 + SIREN"),
        pytest.param("312345678901234", id="3 + SIRET"),
        pytest.param("499700100045001", id="4 + RPPS-rang"),
        pytest.param("12345678901234", id="a bare technical number"),
    ],
)
def test_the_forms_of_the_specification_exist(text: str) -> None:
    assert Situation(text).value == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "199078101",
        "19907810133",
        "21234567890",
        "3123",
        "5123456789",
        "1990781013\n",
        "１990781013",
    ],
)
def test_any_other_form_cannot_exist(text: str) -> None:
    with pytest.raises(InvalidValue):
        Situation(text)
