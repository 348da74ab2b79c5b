"""The patients of the sandbox: INS that hold and agree with the other traits."""

import pytest

from drimbox.model.patient import Gender, InsAuthority, ins_control_key
from drimbox.sandbox.patients.establishments import (
    CONSUMER_ESTABLISHMENT,
    SOURCE_ESTABLISHMENT,
)
from drimbox.sandbox.patients.identities import PATIENTS, SandboxPatient

each_patient = pytest.mark.parametrize(
    "patient", PATIENTS, ids=lambda p: p.traits.given_name.lower()
)


@each_patient
def test_the_ins_is_of_the_test_authority_and_its_key_holds(patient: SandboxPatient) -> None:
    ins = patient.traits.ins
    assert ins.authority is InsAuthority.NIR_TEST
    assert ins.value[13:] == ins_control_key(ins.value[:13])


@each_patient
def test_the_ins_says_sex_birth_month_and_birth_place(patient: SandboxPatient) -> None:
    traits = patient.traits
    number = traits.ins.value
    assert traits.birth_place is not None
    assert number[0] == {Gender.MALE: "1", Gender.FEMALE: "2"}[traits.gender]
    assert number[1:5] == traits.birth_date.value[2:6]
    assert number[5:10] == traits.birth_place.value


@each_patient
def test_nobody_can_take_the_name_for_a_real_one(patient: SandboxPatient) -> None:
    assert patient.traits.family_name.startswith("DEMO-")


@each_patient
def test_the_first_birth_given_name_is_the_given_name(patient: SandboxPatient) -> None:
    assert patient.traits.birth_given_names[0] == patient.traits.given_name


@each_patient
def test_each_establishment_has_its_own_number_for_the_patient(patient: SandboxPatient) -> None:
    at_source, at_consumer = patient.source_patient_id, patient.consumer_patient_id
    assert at_source.issuer == SOURCE_ESTABLISHMENT.patient_id_authority
    assert at_consumer.issuer == CONSUMER_ESTABLISHMENT.patient_id_authority
    assert at_source.value != at_consumer.value


def test_numbers_are_unique() -> None:
    for numbers in (
        {p.traits.ins.value for p in PATIENTS},
        {p.source_patient_id.value for p in PATIENTS},
        {p.consumer_patient_id.value for p in PATIENTS},
    ):
        assert len(numbers) == len(PATIENTS)


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("2A", id="South Corsica"),
        pytest.param("2B", id="North Corsica"),
        pytest.param("99", id="abroad"),
        pytest.param("97", id="overseas"),
    ],
)
def test_somebody_was_born_in(prefix: str) -> None:
    places = [p.traits.birth_place.value for p in PATIENTS if p.traits.birth_place]
    assert any(place.startswith(prefix) for place in places)


def test_somebody_uses_another_name_and_somebody_has_several_given_names() -> None:
    assert any(p.traits.used_family_name for p in PATIENTS)
    assert any(p.traits.used_given_name not in {None, p.traits.given_name} for p in PATIENTS)
    assert any(len(p.traits.birth_given_names) == 3 for p in PATIENTS)


def test_no_identity_shows_in_a_repr() -> None:
    assert repr(PATIENTS[0]) == "SandboxPatient()"
