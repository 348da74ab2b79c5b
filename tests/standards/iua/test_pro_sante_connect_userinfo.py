"""Userinfo of Pro Santé Connect, as published and as it varies."""

import json
from pathlib import Path

import pytest
from tests.fakes.fake_clock import START

from drimbox.errors import MalformedMessage
from drimbox.model.practice import Activity, Professional, Structure
from drimbox.standards.iua.pro_sante_connect_userinfo import parse_userinfo


def _parse(**claims: object) -> Professional:
    return parse_userinfo({"SubjectNameID": "899700218896"} | claims, authenticated_at=START)


def _exercise(profession: str, **members: object) -> dict[str, object]:
    return {"codeProfession": profession, "nomDexercice": "N", "prenomDexercice": "P"} | members


def test_the_published_sample_is_read(samples: Path) -> None:
    claims = json.loads((samples / "xds/ans-psc-poc/psc-userinfo.json").read_bytes())
    assert parse_userinfo(claims, authenticated_at=START) == Professional(
        national_id="899700218896",
        family_name="SPECIALISTE0021889",
        given_name="ROBERT",
        profession_code="10",
        speciality_code=None,
        activities=(),
        authenticated_at=START,
    )


def test_each_place_of_practice_is_an_activity() -> None:
    activities = [
        {
            "numeroFinessSite": "750000018",
            "raisonSocialeSite": "CHU",
            "codeSecteurDactivite": "SA01",
        },
        {"numeroSiretSite": "12345678900011", "raisonSocialeSite": "CABINET"},
        {"ancienIdentifiantDeLaStructure": "499700000000001"},
        {"identifiantTechniqueDeLaStructure": "R10000000198413"},
        {"numeroFinessSite": "750000018", "raisonSocialeSite": "CHU AGAIN"},
        {},
    ]
    professional = _parse(SubjectRefPro={"exercices": [_exercise("10", activities=activities)]})
    assert professional.activities == (
        Activity(Structure("1750000018", "CHU"), "SA01"),
        Activity(Structure("312345678900011", "CABINET"), ""),
        Activity(Structure("499700000000001", ""), ""),
    )


def test_the_exercise_of_the_role_counts() -> None:
    exercises = [
        _exercise("70", activities=[{"numeroFinessSite": "750000018"}]),
        _exercise("10", codeSavoirFaire="SM44", activities=[{"numeroFinessSite": "690000012"}]),
        _exercise("10", activities=[{"numeroFinessSite": "330000012"}]),
    ]
    professional = _parse(
        SubjectRole=["10^1.2.250.1.213.1.1.5.5"], SubjectRefPro={"exercices": exercises}
    )
    assert (professional.profession_code, professional.speciality_code) == ("10", "SM44")
    assert [a.structure.identifier for a in professional.activities] == ["1690000012", "1330000012"]


def test_without_activities_the_organisation_is_the_place() -> None:
    professional = _parse(
        SubjectOrganizationID="1750000018",
        SubjectOrganization="CHU",
        Secteur_Activite="SA01^1.2.250.1.71.4.2.4",
    )
    assert professional.activities == (Activity(Structure("1750000018", "CHU"), "SA01"),)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({}, id="an introspection answer"),
        pytest.param({"SubjectRefPro": None}, id="SubjectRefPro is null"),
        pytest.param({"SubjectRefPro": {"exercices": "none"}}, id="exercices is no list"),
        pytest.param({"SubjectRefPro": {"exercices": [1, None]}}, id="exercices of nothing"),
        pytest.param({"SubjectRole": 10}, id="a role that is a number"),
        pytest.param({"SubjectOrganizationID": "not one"}, id="an organisation we cannot name"),
    ],
)
def test_what_is_missing_is_left_empty(claims: dict[str, object]) -> None:
    professional = _parse(given_name="ROBERT", family_name="X", **claims)
    assert (professional.family_name, professional.profession_code) == ("X", "")
    assert professional.activities == ()
    assert professional.rpps == "99700218896"


def test_without_a_national_identifier_nobody_is_known() -> None:
    with pytest.raises(MalformedMessage):
        parse_userinfo({"given_name": "ROBERT"}, authenticated_at=START)
