"""The professionals of the sandbox: numbers that hold, rights that differ."""

from datetime import UTC, datetime

import pytest

from drimbox.errors import NotFound
from drimbox.sandbox.patients.establishments import (
    ESTABLISHMENTS,
    SandboxEstablishment,
    luhn_digit,
)
from drimbox.sandbox.patients.professionals import (
    ONCOLOGIST_WITH_TWO_PLACES,
    PROFESSIONALS,
    SECRETARY,
    SandboxProfessional,
    get_professional,
)
from drimbox.settings.partners import OpenIdProviderSettings

_ALLOWED = OpenIdProviderSettings.model_fields["allowed_professions"].default


@pytest.mark.parametrize(
    ("digits", "control"),
    [
        pytest.param("7992739871", "3", id="the example everyone prints"),
        pytest.param("73282932", "0", id="a SIREN of a public administration"),
        pytest.param("0000", "0", id="nothing but zeros"),
    ],
)
def test_the_control_digit_is_luhns(digits: str, control: str) -> None:
    assert luhn_digit(digits) == control


@pytest.mark.parametrize("professional", PROFESSIONALS, ids=lambda p: p.family_name)
def test_an_rpps_is_eleven_test_digits_with_its_control_digit(
    professional: SandboxProfessional,
) -> None:
    rpps = professional.rpps
    assert (len(rpps), rpps[:3]) == (11, "997")
    assert luhn_digit(rpps[:-1]) == rpps[-1]


def test_no_two_share_an_rpps() -> None:
    assert len({p.rpps for p in PROFESSIONALS}) == len(PROFESSIONALS)


@pytest.mark.parametrize("establishment", ESTABLISHMENTS, ids=lambda e: e.name)
def test_an_establishment_has_finess_and_siret_with_their_control_digits(
    establishment: SandboxEstablishment,
) -> None:
    finess, siret = establishment.finess, establishment.siret
    assert (len(finess), len(siret)) == (9, 14)
    assert luhn_digit(finess[:-1]) == finess[-1]
    assert luhn_digit(siret[:8]) == siret[8]
    assert luhn_digit(siret[:-1]) == siret[-1]


def test_only_the_secretary_has_a_profession_without_right_to_images() -> None:
    refused = [p for p in PROFESSIONALS if p.profession_code not in _ALLOWED]
    assert refused == [SECRETARY]


def test_one_professional_must_choose_a_place() -> None:
    kinds = [situation.value[0] for situation in ONCOLOGIST_WITH_TWO_PLACES.situations]
    assert kinds == ["1", "4"]


def test_signing_in_gives_what_the_box_knows_of_a_professional() -> None:
    instant = datetime(2026, 11, 24, 9, tzinfo=UTC)
    signed_in = SECRETARY.signed_in(instant)
    assert signed_in.rpps == SECRETARY.rpps
    assert signed_in.authenticated_at == instant
    assert signed_in.activities == SECRETARY.activities


@pytest.mark.parametrize("form", ["rpps", "national_id"])
def test_a_professional_is_found_by_either_number(form: str) -> None:
    assert get_professional(getattr(SECRETARY, form)) is SECRETARY


def test_an_unknown_number_is_not_found() -> None:
    with pytest.raises(NotFound):
        get_professional("99999999999")
