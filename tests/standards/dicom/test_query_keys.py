"""Identifiers ask for the level they name and for all that a publication needs."""

import pytest
from tests.fakes.dicom_objects import decoded

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import QueryLevel, TargetResource
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.query_keys import (
    STUDY_KEYS,
    encode_identifier,
    parse_instance,
    parse_study,
    retrieve_identifier,
)

STUDY, SERIES = StudyInstanceUid("1.2.3"), SeriesInstanceUid("1.2.3.4")


def test_a_study_is_asked_for_its_issuers_too() -> None:
    keys = {tags.STUDY_INSTANCE_UID: str(STUDY)}
    identifier = decoded(encode_data_set(encode_identifier(QueryLevel.STUDY, keys, STUDY_KEYS)))
    assert (identifier.QueryRetrieveLevel, identifier.StudyInstanceUID) == ("STUDY", "1.2.3")
    assert identifier.IssuerOfAccessionNumberSequence[0].UniversalEntityID == ""
    other = identifier.OtherPatientIDsSequence[0]
    assert (other.PatientID, other.IssuerOfPatientIDQualifiersSequence[0].UniversalEntityID) == (
        "",
        "",
    )
    assert identifier.PatientName == ""
    assert "SpecificCharacterSet" not in identifier


@pytest.mark.parametrize(
    ("name", "character_set"), [("PÂQUERETTE*", "ISO_IR 100"), ("ŒUVRE*", "ISO_IR 192")]
)
def test_a_name_is_asked_in_a_character_set_that_has_it(name: str, character_set: str) -> None:
    keys = {tags.PATIENT_NAME: name}
    identifier = decoded(encode_data_set(encode_identifier(QueryLevel.STUDY, keys)))
    assert (identifier.PatientName, identifier.SpecificCharacterSet) == (name, character_set)


def test_a_number_of_16_bits_is_asked_for_as_such() -> None:
    keys = {tags.ROWS: "512", tags.INSTANCE_NUMBER: "3"}
    identifier = decoded(encode_data_set(encode_identifier(QueryLevel.IMAGE, keys, [tags.COLUMNS])))
    assert (identifier.Rows, identifier.InstanceNumber, identifier.Columns) == (512, 3, None)
    with pytest.raises(InvalidValue):
        encode_identifier(QueryLevel.IMAGE, {tags.ROWS: "65536"})


@pytest.mark.parametrize(
    ("target", "level", "keys"),
    [
        (TargetResource(STUDY), "STUDY", 1),
        (TargetResource(STUDY, SERIES), "SERIES", 2),
        (TargetResource(STUDY, SERIES, SopInstanceUid("1.2.3.4.5")), "IMAGE", 3),
    ],
)
def test_a_retrieval_names_unique_keys_only(target: TargetResource, level: str, keys: int) -> None:
    identifier = decoded(encode_data_set(retrieve_identifier(target)))
    assert identifier.QueryRetrieveLevel == level
    assert len(identifier) == 1 + keys


@pytest.mark.parametrize(
    ("issuer", "expected"), [("HOPITAL", "HOPITAL"), ("1.2.250.1.5", "&1.2.250.1.5&ISO")]
)
def test_a_pacs_that_names_no_issuer_gets_the_one_of_the_settings(
    issuer: str, expected: str
) -> None:
    answer: DataSet = {
        tags.STUDY_INSTANCE_UID: ("UI", b"1.2.3\0"),
        tags.PATIENT_ID: ("LO", b"IPP1"),
        tags.ACCESSION_NUMBER: ("SH", b"A1"),
    }
    study = parse_study(Attributes(answer), [], default_issuer=issuer)
    assert study.patient.patient_id is not None
    assert study.patient.patient_id.issuer is not None
    assert study.patient.patient_id.issuer.hierarchic_designator == expected
    assert study.accession_number == AccessionNumber("A1", None)


def test_an_answer_without_valid_uids_is_no_instance() -> None:
    answer: DataSet = {tags.SOP_INSTANCE_UID: ("UI", b"1.2.3\0")}
    assert parse_instance(Attributes(answer)) is None
