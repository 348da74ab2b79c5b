"""The Patient of FR Core INS: whole, and opaque where it is named."""

from typing import Any

import pytest
from tests.fakes.fhir_validation import check
from tests.fakes.imaging_records import IPP
from tests.fakes.manifests import made_up_ins, made_up_patient

from drimbox.errors import NotFound
from drimbox.model.imaging_record import Subject
from drimbox.model.patient import (
    BirthDate,
    District,
    Gender,
    InsAuthority,
    LocalPatientId,
    PatientTraits,
)
from drimbox.standards.fhir.patient import FrCoreRelease, encode_patient
from drimbox.standards.fhir.patient_ids import PatientIds


def encode(traits: PatientTraits, local: LocalPatientId | None = IPP) -> dict[str, Any]:
    patient = encode_patient(Subject("p-1", traits, local))
    check(patient)
    return patient


def test_the_ins_travels_with_its_five_traits() -> None:
    patient = encode(made_up_patient())
    ins, ipp = patient["identifier"]
    assert ins["system"] == "urn:oid:1.2.250.1.213.1.4.10"
    assert ins["value"] == made_up_ins().value
    assert ipp["type"]["coding"][0]["code"] == "PI"
    assert (ipp["system"], ipp["value"]) == ("urn:oid:1.2.250.1.999.20.1", "C001-2026")
    official, usual = patient["name"]
    assert (official["family"], official["given"]) == ("PÂQUERETTE", ["ZOÉ"])
    assert official["extension"][0]["valueString"] == "ZOÉ MARIE ANNE"
    assert (usual["family"], usual["given"]) == ("LAGRANGE", ["MARIE"])
    assert patient["gender"] == "female"
    place = patient["extension"][1]["valueAddress"]
    assert place["district"] == "2A004"
    assert place["extension"][0]["valueCoding"]["code"] == "2A004"


@pytest.mark.parametrize(
    ("release", "system", "code"),
    [("2.1", "fr-core-cs-v2-0445", "VALI"), ("2.2", "fr-core-cs-identity-status", "QUAL")],
)
def test_a_qualified_identity_is_told_in_the_words_of_the_release(
    release: str, system: str, code: str
) -> None:
    patient: dict[str, Any] = encode_patient(
        Subject("p-1", made_up_patient(), IPP), FrCoreRelease(release)
    )
    check(patient)
    status = patient["extension"][0]["extension"][0]["valueCoding"]
    assert status["system"].endswith(f"/{system}")
    assert status["code"] == code


@pytest.mark.parametrize(
    ("district", "table"),
    [("2A004", "R13-CommuneOM"), ("97105", "R13-CommuneOM"), ("99109", "R20-Pays")],
)
def test_a_birth_place_is_a_commune_or_a_country(district: str, table: str) -> None:
    patient = encode(made_up_patient(birth_place=District(district)))
    coding = patient["extension"][1]["valueAddress"]["extension"][0]["valueCoding"]
    assert coding["code"] == district
    assert table in coding["system"]


@pytest.mark.parametrize(
    ("authority", "use", "code"),
    [
        (InsAuthority.NIR, "official", "INS-NIR"),
        (InsAuthority.NIA, "temp", "INS-NIA"),
        (InsAuthority.NIR_TEST, "official", "INS-NIR-TEST"),
        (InsAuthority.NIR_DEMO, "official", "INS-NIR-DEMO"),
    ],
)
def test_each_authority_has_its_slice(authority: InsAuthority, use: str, code: str) -> None:
    ins = encode(made_up_patient(ins=made_up_ins(authority)))["identifier"][0]
    assert (ins["use"], ins["type"]["coding"][0]["code"]) == (use, code)
    assert ins["system"] == f"urn:oid:{authority.value}"


@pytest.mark.parametrize(
    ("value", "written"),
    [("19790324", "1979-03-24"), ("19790300", "1979-03"), ("19790000", "1979")],
)
def test_a_birth_date_is_as_precise_as_it_is_known(value: str, written: str) -> None:
    assert encode(made_up_patient(birth_date=BirthDate(value)))["birthDate"] == written


def test_what_a_call_does_not_tell_is_not_made_up() -> None:
    traits = made_up_patient(
        gender=Gender.MALE,
        birth_place=None,
        birth_given_names=(),
        used_family_name=None,
        used_given_name=None,
    )
    patient = encode(traits, None)
    assert len(patient["identifier"]) == len(patient["name"]) == len(patient["extension"]) == 1
    assert patient["name"][0]["extension"][0]["valueString"] == "ZOÉ"


def test_an_id_of_the_source_is_opaque_stable_and_the_box_s_own() -> None:
    ids = PatientIds(b"a" * 64)
    sealed = ids.seal(made_up_ins())
    assert len(sealed) == 64
    assert made_up_ins().value not in sealed
    assert PatientIds(b"a" * 64).seal(made_up_ins()) == sealed
    assert ids.open(sealed) == made_up_ins()
    assert PatientIds(b"b" * 64).seal(made_up_ins()) != sealed


@pytest.mark.parametrize("authority", list(InsAuthority))
def test_an_id_keeps_the_authority(authority: InsAuthority) -> None:
    ids = PatientIds(b"a" * 64)
    assert ids.open(ids.seal(made_up_ins(authority))) == made_up_ins(authority)


@pytest.mark.parametrize("identifier", ["", "x", "00" * 32, "zz" * 32, "é" * 64, "0" * 65])
def test_an_id_that_is_not_ours_names_nobody(identifier: str) -> None:
    with pytest.raises(NotFound):
        PatientIds(b"a" * 64).open(identifier)
