"""Who a patient is: the INS and its key, the strict traits, the IPP and its authority."""

import pytest

from drimbox.errors import InvalidValue
from drimbox.model.patient import (
    AssigningAuthority,
    BirthDate,
    District,
    Gender,
    Ins,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
    ins_control_key,
)
from drimbox.model.uids import Oid

# Test identities that ANS publishes with its samples.
PUBLISHED = ("279035121518989", "162018885045327")
OID = Oid("1.2.250.1.999.1")


@pytest.mark.requirement("INS")
@pytest.mark.parametrize("number", PUBLISHED)
def test_published_test_numbers_have_the_key_that_we_compute(number: str) -> None:
    assert ins_control_key(number[:13]) == number[13:]
    assert Ins(number, InsAuthority.NIR_TEST).value == number


@pytest.mark.parametrize(
    ("number", "as_digits"),
    [("284072A004001", "2840719004001"), ("155032B033002", "1550318033002")],
    ids=["2A counts as 19", "2B counts as 18"],
)
def test_the_key_of_a_corsican_number(number: str, as_digits: str) -> None:
    key = f"{97 - int(as_digits) % 97:02d}"
    assert ins_control_key(number) == key
    assert Ins(number + key, InsAuthority.NIR).value == number + key


@pytest.mark.parametrize(
    "number",
    [
        pytest.param("279035121518988", id="a wrong key"),
        pytest.param("27903512151898", id="14 characters"),
        pytest.param("2790351215189891", id="16 characters"),
        pytest.param("27903512C518989", id="a letter that is no department"),
        pytest.param("123456", id="the printed example of the specification"),
        pytest.param("", id="empty"),
        pytest.param("２79035121518989", id="a digit that is not ASCII"),
    ],
)
@pytest.mark.requirement("INS")
def test_what_is_no_ins_cannot_exist_and_is_not_quoted(number: str) -> None:
    with pytest.raises(InvalidValue) as error:
        Ins(number, InsAuthority.NIR)
    assert not number or number not in str(error.value)


def test_identities_do_not_show_in_a_repr() -> None:
    traits = patient()
    shown = repr(traits) + repr(traits.ins) + repr(traits.birth_date) + repr(LocalPatientId("IPP7"))
    for secret in (PUBLISHED[0], "PAT-TROIS", "DOMINIQUE", "19790328", "IPP7"):
        assert secret not in shown


@pytest.mark.parametrize("text", ["19790328", "19790300", "19790000", "20240229"])
def test_a_birth_date_may_lack_its_day_or_month(text: str) -> None:
    assert BirthDate(text).value == text


@pytest.mark.parametrize("text", ["19791328", "19790132", "19790230", "1979-03-28", "", "17000101"])
def test_what_is_no_birth_date_cannot_exist(text: str) -> None:
    with pytest.raises(InvalidValue):
        BirthDate(text)


@pytest.mark.parametrize("text", ["75114", "2A004", "2B033", "99100", "97411"])
def test_a_birth_place_is_a_cog_code(text: str) -> None:
    assert District(text).value == text


@pytest.mark.parametrize("text", ["7511", "751145", "2C004", "PARIS", ""])
def test_what_is_no_cog_code_cannot_exist(text: str) -> None:
    with pytest.raises(InvalidValue):
        District(text)


@pytest.mark.parametrize("name", ["", "   ", "A^B", "A\\B", "A|B", "A=B", "A\x00B", "A" * 101])
def test_what_is_no_name_cannot_exist(name: str) -> None:
    with pytest.raises(InvalidValue):
        patient(family_name=name)


@pytest.mark.parametrize(
    ("one", "other", "agrees"),
    [
        pytest.param(AssigningAuthority("CH", OID), AssigningAuthority("ch"), True, id="name"),
        pytest.param(AssigningAuthority("CH", OID), AssigningAuthority(None, OID), True, id="OID"),
        pytest.param(
            AssigningAuthority("A", OID),
            AssigningAuthority("B", OID),
            True,
            id="OIDs win over names",
        ),
        pytest.param(
            AssigningAuthority("A", OID),
            AssigningAuthority("A", Oid("1.2.250.1.999.2")),
            False,
            id="another OID",
        ),
        pytest.param(AssigningAuthority("A"), AssigningAuthority("B"), False, id="another name"),
        pytest.param(AssigningAuthority("A"), None, True, id="nothing said"),
        pytest.param(
            AssigningAuthority("A"), AssigningAuthority(None, OID), True, id="nothing shared"
        ),
    ],
)
def test_authorities_agree_unless_they_contradict(
    one: AssigningAuthority, other: AssigningAuthority | None, agrees: bool
) -> None:
    assert one.agrees_with(other) is agrees
    if other is not None:
        assert other.agrees_with(one) is agrees


def test_an_authority_is_written_as_a_hierarchic_designator() -> None:
    assert AssigningAuthority("CH", OID).hierarchic_designator == f"CH&{OID}&ISO"
    assert AssigningAuthority(None, OID).hierarchic_designator == f"&{OID}&ISO"
    assert AssigningAuthority("CH").hierarchic_designator == "CH"
    with pytest.raises(InvalidValue):
        AssigningAuthority()


def test_production_tells_test_authorities() -> None:
    assert [a for a in InsAuthority if a.is_for_test] == [
        InsAuthority.NIR_TEST,
        InsAuthority.NIR_DEMO,
    ]


def patient(**changes: str) -> PatientTraits:
    return PatientTraits(
        ins=Ins(PUBLISHED[0], InsAuthority.NIR_TEST),
        family_name=changes.get("family_name", "PAT-TROIS"),
        given_name="DOMINIQUE",
        gender=Gender.FEMALE,
        birth_date=BirthDate("19790328"),
        birth_place=District("51215"),
    )
