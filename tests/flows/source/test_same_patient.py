"""Whether a study of the PACS is the patient's (SO.16)."""

from dataclasses import replace

import pytest
from tests.fakes.manifests import made_up_ins, made_up_patient

from drimbox.flows.source.same_patient import find_disagreement, normalised_name
from drimbox.model.patient import AssigningAuthority, Ins, InsAuthority, LocalPatientId
from drimbox.model.study import StudyPatient
from drimbox.model.uids import Oid

TRAITS = made_up_patient()
SITE = AssigningAuthority("SITE", Oid("1.2.3.1"))
IPP = LocalPatientId("IPP101", SITE)
INS = LocalPatientId(made_up_ins().value, AssigningAuthority(None, InsAuthority.NIR_TEST.oid))
LABELLED_INS = LocalPatientId(made_up_ins().value, AssigningAuthority("ASIP-SANTE-INS-NIR"))
OTHER_INS = LocalPatientId("162018885045327", INS.issuer)
NIA = LocalPatientId("162018885045327", AssigningAuthority(None, InsAuthority.NIA.oid))
KNOWN = StudyPatient(IPP, "PAQUERETTE^ZOE", "19790300", "F")
STRANGER = StudyPatient(LocalPatientId("OTHER", SITE), "DURAND^ANNE", "19600101", "F")


def identified(*others: LocalPatientId, patient: StudyPatient = KNOWN) -> StudyPatient:
    return replace(patient, other_patient_ids=others)


WITH_IPP = [
    pytest.param((IPP,), KNOWN, True, id="the same id from the same issuer"),
    pytest.param((IPP,), replace(KNOWN, patient_name="", birth_date=""), True, id="and no trait"),
    pytest.param((LocalPatientId("IPP101"),), KNOWN, True, id="the message names no issuer"),
    pytest.param(
        (IPP,), replace(KNOWN, patient_id=LocalPatientId("IPP101")), True, id="nor does the PACS"
    ),
    pytest.param(
        (IPP,),
        replace(KNOWN, patient_id=LocalPatientId("IPP101", AssigningAuthority("site"))),
        True,
        id="the PACS names the issuer by its name",
    ),
    pytest.param((LocalPatientId("OLD", SITE), IPP), KNOWN, True, id="one of two ids"),
    pytest.param((IPP,), STRANGER, False, id="another id"),
    pytest.param((IPP,), identified(INS, patient=STRANGER), False, id="another id, even with INS"),
    pytest.param((IPP,), replace(KNOWN, patient_id=None), False, id="no id in the PACS"),
    pytest.param(
        (LocalPatientId("IPP101", AssigningAuthority("SITE", Oid("1.2.3.2"))),),
        KNOWN,
        False,
        id="the same id from another issuer",
    ),
    pytest.param((IPP,), identified(OTHER_INS), False, id="the same id but another INS"),
    pytest.param((IPP,), identified(NIA), True, id="a number of another authority is no INS clash"),
]
WITHOUT_IPP = [
    pytest.param((), identified(INS, patient=STRANGER), True, id="the INS under its OID"),
    pytest.param((), identified(LABELLED_INS, patient=STRANGER), True, id="the INS by its label"),
    pytest.param((), replace(STRANGER, patient_id=INS), True, id="the INS as Patient ID"),
    pytest.param((), KNOWN, True, id="name, birth date and sex"),
    pytest.param(
        (), replace(KNOWN, patient_name="Lagrange^Marie"), True, id="used names, other letters"
    ),
    pytest.param(
        (), replace(KNOWN, patient_name="PAQUERETTE^ZOE MARIE ANNE"), True, id="all given names"
    ),
    pytest.param((), replace(KNOWN, patient_name="PAQUERETTE^ZOE=ideogram"), True, id="PN groups"),
    pytest.param((), identified(OTHER_INS), False, id="another INS, whatever the traits"),
    pytest.param((), STRANGER, False, id="another name"),
    pytest.param((), replace(KNOWN, birth_date="19790301"), False, id="another birth date"),
    pytest.param((), replace(KNOWN, sex="M"), False, id="another sex"),
    pytest.param((), replace(KNOWN, sex=""), False, id="no sex"),
    pytest.param((), replace(KNOWN, birth_date=""), False, id="no birth date"),
    pytest.param((), replace(KNOWN, patient_name=""), False, id="no name"),
    pytest.param((), replace(KNOWN, patient_name="PAQUERETTE"), False, id="no given name"),
    pytest.param((), replace(KNOWN, patient_name="PAQUERETTE^ANNE"), False, id="another given"),
]


@pytest.mark.requirement("SO.16")
@pytest.mark.parametrize(("identifiers", "found", "agrees"), WITH_IPP + WITHOUT_IPP)
def test_a_study_is_the_patients_only_when_sure(
    identifiers: tuple[LocalPatientId, ...], found: StudyPatient, agrees: bool
) -> None:
    reason = find_disagreement(TRAITS, identifiers, found, is_local_patient_id_required=False)
    assert (reason is None) == agrees
    for value in (TRAITS.family_name, IPP.value, INS.value, OTHER_INS.value):
        assert value not in (reason or "")


@pytest.mark.parametrize(("identifiers", "found", "agrees"), WITH_IPP)
def test_a_site_may_demand_the_local_id(
    identifiers: tuple[LocalPatientId, ...], found: StudyPatient, agrees: bool
) -> None:
    reason = find_disagreement(TRAITS, identifiers, found, is_local_patient_id_required=True)
    assert (reason is None) == agrees


@pytest.mark.parametrize(("identifiers", "found", "agrees"), WITHOUT_IPP)
def test_a_site_that_demands_the_local_id_takes_nothing_else(
    identifiers: tuple[LocalPatientId, ...], found: StudyPatient, agrees: bool
) -> None:
    del agrees
    assert find_disagreement(TRAITS, identifiers, found, is_local_patient_id_required=True)


def test_a_test_number_is_not_the_same_number_in_production() -> None:
    production = replace(TRAITS, ins=Ins(INS.value, InsAuthority.NIR))
    found = identified(INS, patient=STRANGER)
    assert find_disagreement(production, (), found, is_local_patient_id_required=False)


@pytest.mark.parametrize(
    ("name", "normalised"),
    [
        ("PÂQUERETTE", "PAQUERETTE"),
        ("d'Essai", "D ESSAI"),
        ("D’ESSAI", "D ESSAI"),
        ("Marie-Ange", "MARIE ANGE"),
        ("  Lecœur  Noël ", "LECOEUR NOEL"),
        ("", ""),
    ],
)
def test_names_are_compared_without_what_software_changes(name: str, normalised: str) -> None:
    assert normalised_name(name) == normalised
