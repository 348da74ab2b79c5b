"""What a local system asks by C-FIND, as pydicom writes it."""

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from tests.fakes.dicom_objects import encoded

from drimbox.errors import InvalidValue
from drimbox.model.retrieval import QueryLevel
from drimbox.standards.dicom.data_set import read_data_set
from drimbox.standards.dicom.query_identifier import ReceivedQuery, parse_query
from drimbox.standards.dicom.transfer_syntaxes import encoding_of

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]


def received(
    level: str, syntax: str = ImplicitVRLittleEndian, *, has_patients: bool = False, **keys: object
) -> ReceivedQuery:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(ds, keyword, value)
    identifier = read_data_set(encoded(ds), encoding_of(syntax))
    return parse_query(identifier, has_patients=has_patients)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_keys_are_text_and_those_of_16_bits_numbers(syntax: str) -> None:
    keys = {"Rows": 512, "Columns": None, "InstanceNumber": "7", "PatientName": "DUP*"}
    query = received("IMAGE", syntax, StudyInstanceUID="1.2", SeriesDescription="*", **keys).query
    assert query.level is QueryLevel.IMAGE
    assert query.matching == {
        "00280010": "512",
        "00200013": "7",
        "00100010": "DUP*",
        "0020000D": "1.2",
    }


def test_each_model_has_its_levels() -> None:
    assert received("PATIENT", has_patients=True).query.level is QueryLevel.STUDY
    for level in ("PATIENT", "WORLD", ""):
        with pytest.raises(InvalidValue):
            received(level)


def test_an_answer_has_the_keys_that_came_and_are_supported() -> None:
    asked = received("STUDY", PatientID="", StudyDate="", PatientComments="")
    supported = frozenset({"00100020", "00080020"})
    assert not asked.has_only(supported)
    assert asked.has_only(supported | {"00104000"})
    (answer,) = asked.answers(({"00100020": {"vr": "LO", "Value": ["IPP1"]}},), "BOX", supported)
    assert {f"{tag:08X}": value for tag, (_, value) in answer.items()} == {
        "00080005": b"ISO_IR 192",
        "00080020": b"",
        "00080052": b"STUDY",
        "00080054": b"BOX",
        "00100020": b"IPP1",
    }
