"""The contextual call's Tableau 1 (TRA.04), parameter by parameter, and its printed examples.

Each row of the tables below is one decision; the specification's own slips are rows too.
"""

import unicodedata
from urllib.parse import quote_plus, urlencode

import pytest
from tests.fakes.consultation_site import CALL

from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.contextual_call import (
    OPTIONAL,
    PRODUCTION_AUTHORITIES,
    REQUIRED,
    TEST_AUTHORITIES,
    ContextualCall,
    MalformedCall,
    check_call,
)
from drimbox.model.imaging_codes import ANATOMIC_REGIONS, MODALITIES
from drimbox.model.patient import Gender, InsAuthority, ins_control_key
from drimbox.standards.contextual_call.form import parse_form

pytestmark = pytest.mark.requirement("TRA.04")

_NIR = "2790351215189"
_CORSE_DU_SUD = "279032A215189"
_HAUTE_CORSE = "279032B215189"

# The two examples as printed in section 4.6.1, their line breaks taken out.
_EXAMPLE_WITH_STUDY = (
    "Patient.identifier.value=123456&Patient.identifier.system&1.2.250.1.213.1.4.8"
    "&Patient.name.family=DUPONT&Patient.name.given=JEAN&Patient.gender=M"
    "&Patient.birthDate=19780512&Address.district=75056&StudyInstanceUID=1.2.3.4.5"
    "&InformationEtOppositionConsultation=no&PatientID=42&PatientIDIssuer=IPP"
)
_EXAMPLE_WITH_CRITERIA = (
    "Patient.identifier.value=123456&Patient.identifier.system&1.2.250.1.213.1.4.8"
    "&Patient.name.family=DUPONT&Patient.name.given=JEAN&Patient.gender=M"
    "&Patient.birthDate=19780512&Address.district=75056&Modality=CT&StudyDate=-20220910"
    "&InformationEtOppositionConsultation=no&PatientID=42&PatientIDIssuer=IPP"
)


def _read(
    body: str | bytes, authorities: frozenset[InsAuthority] = TEST_AUTHORITIES
) -> ContextualCall:
    octets = body if isinstance(body, bytes) else body.encode()
    return check_call(parse_form(octets), authorities)


def _body(**changes: str | None) -> str:
    values = CALL | changes
    return urlencode({name: value for name, value in values.items() if value is not None})


def _faults(
    body: str | bytes, authorities: frozenset[InsAuthority] = TEST_AUTHORITIES
) -> list[str | None]:
    with pytest.raises(MalformedCall) as raised:
        _read(body, authorities)
    return [fault.parameter for fault in raised.value.faults]


def test_the_required_parameters_are_enough() -> None:
    call = _read(_body())
    assert call.patient.family_name == "PAQUERETTE"
    assert call.patient.gender is Gender.FEMALE
    assert call.patient.birth_date.value == "19790300"
    assert call.local_patient_id.value == "C001-2026"
    assert call.criteria.is_empty
    assert call.situation is None


@pytest.mark.parametrize("name", REQUIRED)
def test_each_required_parameter_is_missed(name: str) -> None:
    assert _faults(_body(**{name: None})) == [name]


@pytest.mark.parametrize("name", REQUIRED)
def test_an_empty_required_parameter_is_a_missing_one(name: str) -> None:
    assert _faults(_body(**{name: "  "})) == [name]


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_empty_optional_parameter_is_absent(name: str) -> None:
    assert _read(_body(**{name: ""})) == _read(_body())


def test_every_fault_is_told_at_once_in_the_order_of_the_table() -> None:
    assert _faults("Modality=XX&Patient.gender=X") == [*REQUIRED, "Modality"]


def test_no_fault_ever_tells_the_value() -> None:
    body = _body(**{"Patient.name.family": "SECRET^NAME", "Patient.birthDate": "SECRET"})
    with pytest.raises(MalformedCall) as raised:
        _read(body)
    told = str(raised.value) + "".join(f.rule for f in raised.value.faults)
    assert "SECRET" not in told


_ACCEPTED = [
    pytest.param({"Patient.identifier.value": _NIR + ins_control_key(_NIR)}, id="a NIR"),
    pytest.param(
        {"Patient.identifier.value": _CORSE_DU_SUD + ins_control_key(_CORSE_DU_SUD)},
        id="a NIR of Corse-du-Sud, 2A counting as 19",
    ),
    pytest.param(
        {"Patient.identifier.value": _HAUTE_CORSE + ins_control_key(_HAUTE_CORSE)},
        id="a NIR of Haute-Corse, 2B counting as 18",
    ),
    *(
        pytest.param({"Patient.identifier.system": a.value}, id=f"authority {a.name} in test")
        for a in InsAuthority
    ),
    pytest.param({"Patient.name.family": "D'ÉTÉ DE LA TOUR-MAUBOURG"}, id="a name as people have"),
    pytest.param({"Patient.gender": "M"}, id="masculine"),
    pytest.param({"Patient.birthDate": "19790000"}, id="a birth date without day or month"),
    pytest.param({"Patient.birthDate": "20000229"}, id="a birth date on a leap day"),
    pytest.param({"Address.district": "99341"}, id="born in another country"),
    pytest.param({"Address.district": "2B033"}, id="born in Haute-Corse"),
    pytest.param({"StudyInstanceUID": "1.2.250.1.999.7"}, id="a study"),
    pytest.param({"Modality": "CT"}, id="one modality"),
    pytest.param({"Modality": "CT,MR, US"}, id="modalities separated by commas"),
    pytest.param({"AnatomicRegion": "67734004"}, id="one region"),
    pytest.param({"StudyDate": "20220910"}, id="one day"),
    pytest.param({"StudyDate": "20220910-20221231"}, id="a range of days"),
    pytest.param({"StudyDate": "-20220910"}, id="until a day"),
    pytest.param({"StudyDate": "20220910-"}, id="from a day"),
    pytest.param({"AccessionNumber": "260914000101"}, id="an accession number"),
    pytest.param(
        {"AccessionNumber": "1", "AccessionNumberIssuer": "1.2.250.1.999.10.2"},
        id="an accession number with its issuer",
    ),
    pytest.param({"Situation": "1990782024"}, id="1 and a FINESS"),
    pytest.param({"Situation": "12A0782024"}, id="1 and a FINESS of Corsica"),
    pytest.param({"Situation": "2999000209"}, id="2 and a SIREN"),
    pytest.param({"Situation": "399900020900018"}, id="3 and a SIRET"),
    pytest.param({"Situation": "499700100321001"}, id="4 and an RPPS-rang"),
    pytest.param({"Situation": "99700100321001"}, id="a bare technical number"),
    pytest.param({"PatientIDIssuer": "CHU&1.2.250.1.999.1&ISO"}, id="the whole CX-4"),
    pytest.param({"PatientIDIssuer": "1.2.250.1.999.1"}, id="the OID of the IPP's authority"),
    pytest.param({"PatientIDIssuer": "&1.2.250.1.999.1&ISO"}, id="a CX-4 without name"),
    pytest.param({"PatientIDIssuer": "1.2.250.1.999.1&ISO"}, id="an OID and its type"),
    pytest.param({"PatientIDIssuer": "CHU"}, id="the name of the IPP's authority"),
    pytest.param({"PatientIDIssuer": "CHU^1.2.250.1.999.1^ISO"}, id="a CX-4 with carets"),
    pytest.param({"PatientIDIssuer": "CHU&chu.test&DNS"}, id="an authority known by another type"),
]


@pytest.mark.parametrize("changes", _ACCEPTED)
def test_accepts(changes: dict[str, str]) -> None:
    assert isinstance(_read(_body(**changes)), ContextualCall)


_REFUSED = [
    pytest.param({"Patient.identifier.value": "123456"}, id="an INS of six digits"),
    pytest.param({"Patient.identifier.value": "279035121518900"}, id="a wrong control key"),
    pytest.param({"Patient.identifier.value": "2790351215189"}, id="an INS without its key"),
    pytest.param({"Patient.identifier.value": "2 79 03 51 215 189 31"}, id="an INS with spaces"),
    pytest.param({"Patient.identifier.value": "٢٧٩٠٣٥١٢١٥١٨٩٣١"}, id="digits of another script"),
    pytest.param({"Patient.identifier.system": "1.2.250.1.213.1.4.2"}, id="the authority of INS-C"),
    pytest.param({"Patient.identifier.system": "NIR"}, id="an authority by name"),
    pytest.param({"Patient.name.family": "DUPONT^JEAN"}, id="a name with a caret"),
    pytest.param({"Patient.name.family": "DUPONT\r\nX"}, id="a name with a line break"),
    pytest.param({"Patient.name.given": "J" * 101}, id="a name too long"),
    pytest.param({"Patient.gender": "F M"}, id="two genders"),
    pytest.param({"Patient.gender": "female"}, id="a FHIR gender"),
    pytest.param({"Patient.gender": "I"}, id="an unknown gender"),
    pytest.param({"Patient.birthDate": "12/04/1961"}, id="a birth date with slashes"),
    pytest.param({"Patient.birthDate": "19611304"}, id="a thirteenth month"),
    pytest.param({"Patient.birthDate": "19610230"}, id="the 30th of February"),
    pytest.param({"Patient.birthDate": "19610229"}, id="a leap day in a year without one"),
    pytest.param({"Patient.birthDate": "1961"}, id="a year alone"),
    pytest.param({"Address.district": "Paris"}, id="a place by name"),
    pytest.param({"Address.district": "750"}, id="a code too short"),
    pytest.param({"InformationEtOppositionConsultation": "no"}, id="the word of the examples"),
    pytest.param({"InformationEtOppositionConsultation": "NonOpposé"}, id="half a word"),
    pytest.param({"InformationEtOppositionConsultation": "brisDeGlace"}, id="no break-glass"),
    pytest.param({"PatientID": "A\\B"}, id="an IPP with a backslash"),
    pytest.param({"PatientID": "1" * 65}, id="an IPP too long"),
    pytest.param({"PatientIDIssuer": "&&"}, id="an authority without name nor OID"),
    pytest.param({"PatientIDIssuer": "CHU&not-an-oid&ISO"}, id="an OID that is none"),
    pytest.param({"StudyInstanceUID": "1.2.03"}, id="a UID with a leading zero"),
    pytest.param({"StudyInstanceUID": "../../etc"}, id="a path for a UID"),
    pytest.param({"Modality": "XX"}, id="a modality of no value set"),
    pytest.param({"Modality": "CT,XX"}, id="one modality good, one not"),
    pytest.param({"AnatomicRegion": "69536005"}, id="a region that left the value set"),
    pytest.param({"AnatomicRegion": "thorax"}, id="a region by name"),
    pytest.param({"StudyDate": "-"}, id="a range without ends"),
    pytest.param({"StudyDate": "20221231-20220910"}, id="a range backwards"),
    pytest.param({"StudyDate": "20220931"}, id="a day that no calendar has"),
    pytest.param({"StudyDate": "2022-09-10"}, id="an ISO date"),
    pytest.param({"AccessionNumber": "1" * 65}, id="an accession number too long"),
    pytest.param({"AccessionNumberIssuer": "A&B&ISO"}, id="an issuer that is no OID"),
    pytest.param({"Situation": "5990782024"}, id="a kind of structure that is none"),
    pytest.param({"Situation": "199078202"}, id="a FINESS too short"),
]


@pytest.mark.parametrize("changes", _REFUSED)
def test_refuses_and_names_the_parameter(changes: dict[str, str]) -> None:
    assert _faults(_body(**changes)) == list(changes)


@pytest.mark.parametrize(
    ("authority", "accepted"),
    [
        (InsAuthority.NIR, True),
        (InsAuthority.NIA, True),
        (InsAuthority.NIR_TEST, False),
        (InsAuthority.NIR_DEMO, False),
    ],
)
@pytest.mark.requirement("INS")
def test_production_knows_two_authorities_only(authority: InsAuthority, accepted: bool) -> None:
    body = _body(**{"Patient.identifier.system": authority.value})
    if accepted:
        assert _read(body, PRODUCTION_AUTHORITIES).patient.ins.authority is authority
    else:
        assert _faults(body, PRODUCTION_AUTHORITIES) == ["Patient.identifier.system"]


# What the specification prints in two ways, and what older callers send.
_ALIASES = [
    pytest.param("Patient.identifieur.value", "Patient.identifier.value", id="as Tableau 1 prints"),
    pytest.param(
        "InformationEtConsentement",
        "InformationEtOppositionConsultation",
        id="as the ANS test target has named it",
    ),
    pytest.param("patient.birthdate", "Patient.birthDate", id="in lower case"),
    pytest.param(
        "informationetoppositionconsultation",
        "InformationEtOppositionConsultation",
        id="the opposition in lower case",
    ),
    pytest.param("PATIENTID", "PatientID", id="in upper case"),
]


@pytest.mark.parametrize(("alias", "name"), _ALIASES)
def test_a_known_spelling_is_the_same_parameter(alias: str, name: str) -> None:
    assert _read(_body(**{name: None, alias: CALL[name]})) == _read(_body())


def test_the_accession_number_issuer_may_lose_an_s() -> None:
    issuer = _read(_body(AccessionNumberIsuer="1.2.3")).criteria.accession_number_issuer
    assert issuer is not None
    assert issuer.universal_id == "1.2.3"


def test_one_parameter_under_two_spellings_with_two_values_is_malformed() -> None:
    body = _body(InformationEtConsentement="InforméEtOpposé")
    assert _faults(body) == ["InformationEtOppositionConsultation"]


def test_one_parameter_twice_with_one_value_is_no_fault() -> None:
    assert _read(_body() + "&Patient.gender=F") == _read(_body())


@pytest.mark.parametrize(
    "name", [n for n in (*REQUIRED, *OPTIONAL) if n not in {"Modality", "AnatomicRegion"}]
)
def test_a_parameter_twice_with_two_values_is_a_fault(name: str) -> None:
    valid = CALL | {
        "StudyInstanceUID": "1.2.3",
        "AccessionNumber": "1",
        "AccessionNumberIssuer": "1.2",
        "StudyDate": "20200101",
        "Situation": "1990782024",
    }
    body = urlencode(valid) + f"&{name}={quote_plus(valid[name])}9"
    assert _faults(body) == [name]


def test_modalities_and_regions_may_repeat_and_each_counts_once() -> None:
    body = _body(Modality="CT,MR") + "&Modality=US&Modality=CT&AnatomicRegion=774007"
    criteria = _read(body + "&AnatomicRegion=67734004").criteria
    assert criteria.modalities == ("CT", "MR", "US")
    assert criteria.anatomic_regions == ("774007", "67734004")


def test_an_unknown_name_is_ignored() -> None:
    assert _read(_body(Color="blue")) == _read(_body())


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("InforméEtNonOpposé", InformationEtOppositionConsultation.INFORME_ET_NON_OPPOSE),
        ("InforméEtOpposé", InformationEtOppositionConsultation.INFORME_ET_OPPOSE),
        ("N/A", InformationEtOppositionConsultation.NOT_COLLECTED),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-8 decomposed"])
def test_the_three_words_of_consent_however_encoded(
    word: str, meaning: InformationEtOppositionConsultation, encoding: str
) -> None:
    form = "NFD" if encoding.endswith("decomposed") else "NFC"
    octets = unicodedata.normalize(form, word).encode(encoding.split(maxsplit=1)[0])
    body = _body(InformationEtOppositionConsultation=None).encode()
    body += b"&InformationEtOppositionConsultation=" + quote_plus(octets).encode()
    assert _read(body).consent is meaning


def test_octets_that_were_not_percent_encoded_are_read_too() -> None:
    body = _body(InformationEtOppositionConsultation=None).encode()
    body += b"&InformationEtOppositionConsultation=" + "InforméEtOpposé".encode("iso-8859-1")
    assert _read(body).consent is InformationEtOppositionConsultation.INFORME_ET_OPPOSE


def test_a_broken_percent_encoding_is_a_fault_of_its_parameter() -> None:
    body = _body(**{"Patient.name.family": None}) + "&Patient.name.family=DU%PONT"
    assert _faults(body) == ["Patient.name.family"]


def test_the_issuer_of_the_ipp_is_taken_apart() -> None:
    issuer = _read(_body()).local_patient_id.issuer
    assert issuer is not None
    assert (issuer.namespace_id, issuer.universal_id) == ("CLINIQUE-ESSAIS", "1.2.250.1.999.20.1")


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(_EXAMPLE_WITH_STUDY, id="the first printed example"),
        pytest.param(_EXAMPLE_WITH_CRITERIA, id="the second printed example"),
    ],
)
def test_a_printed_example_of_the_specification_is_malformed_by_its_own_table(
    example: str,
) -> None:
    """Without `=` after the system, with `no` for the consent, with an INS of six digits."""
    assert _faults(example) == [
        "Patient.identifier.value",
        "Patient.identifier.system",
        "InformationEtOppositionConsultation",
    ]


def test_both_value_sets_are_the_official_ones(samples: object) -> None:
    from lxml import etree

    for name, ours in (
        ("JDV_ModaliteAcquisition_CISIS", MODALITIES),
        ("JDV_RegionAnatomique_CISIS", ANATOMIC_REGIONS),
    ):
        document = etree.parse(f"{samples}/jdv/{name}.xml")
        codes = {concept.get("code") for concept in document.iter("{*}Concept")}
        assert codes == set(ours)
