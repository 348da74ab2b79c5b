"""Attribute matching, rule by rule (PS3.4 C.2.2.2)."""

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from drimbox.sandbox.pacs.matching import matches

_ROWS = [
    ("PatientID", "LO", "IPP1", "IPP1", True, "a single value equals"),
    ("PatientID", "LO", "IPP1", "IPP12", False, "a single value is not a prefix"),
    ("PatientID", "LO", "ipp1", "IPP1", False, "an identifier keeps its case"),
    ("PatientID", "LO", "", "IPP1", True, "an empty key matches anything"),
    ("PatientID", "LO", "IPP1", None, False, "an absent value matches no key"),
    ("PatientID", "LO", "IPP*", "IPP12", True, "a star stands for any text"),
    ("PatientID", "LO", "IPP?", "IPP12", False, "a question mark stands for one character"),
    ("PatientID", "LO", "I.P*", "IPP1", False, "a dot is a dot"),
    ("PatientName", "PN", "demo-emile*", "DEMO-ÉMILE^ZOÉ", True, "case and accents of names"),
    ("PatientName", "PN", "DEMO-ÉMILE^ZOÉ^^", "DEMO-ÉMILE^ZOÉ", True, "trailing carets"),
    ("PatientName", "PN", "DEMO-ÉMILE", "DEMO-ÉMILE^ZOÉ", False, "a whole name is wanted"),
    ("StudyDate", "DA", "20260914", "20260914", True, "one day"),
    ("StudyDate", "DA", "20260901-20260930", "20260914", True, "a range of days"),
    ("StudyDate", "DA", "20260901-20260930", "20261001", False, "out of the range"),
    ("StudyDate", "DA", "-20260913", "20260914", False, "until"),
    ("StudyDate", "DA", "20260914-", "20260914", True, "from, that day included"),
    ("StudyTime", "TM", "10-11", "101500.25", True, "a range of hours"),
    ("StudyTime", "TM", "1000-1015", "101500.25", True, "the last minute counts whole"),
    ("StudyTime", "TM", "1016-", "101500.25", False, "after"),
    ("StudyInstanceUID", "UI", "1.2.3", "1.2.3", True, "one UID"),
    ("StudyInstanceUID", "UI", ["1.2.4", "1.2.3"], "1.2.3", True, "a list of UIDs"),
    ("StudyInstanceUID", "UI", "1.2", "1.2.3", False, "a UID has no wildcard"),
    ("ModalitiesInStudy", "CS", "SR", ["CT", "SR"], True, "any of several values"),
    ("SeriesNumber", "IS", "2", "2", True, "a number"),
]


@pytest.mark.parametrize(
    ("keyword", "vr", "key", "value", "expected"),
    [pytest.param(*row[:5], id=row[5]) for row in _ROWS],
)
def test_a_key_matches(
    keyword: str, vr: str, key: object, value: object, *, expected: bool
) -> None:
    found = None if value is None else DataElement(keyword, vr, value)
    assert matches(DataElement(keyword, vr, key), found) is expected


def _issuer(universal_id: str, kind: str = "ISO") -> Dataset:
    item = Dataset()
    item.UniversalEntityID, item.UniversalEntityIDType = universal_id, kind
    return item


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param([_issuer("1.2")], True, id="one item matches in all its keys"),
        pytest.param([_issuer("1.3")], False, id="no item matches"),
        pytest.param([_issuer("1.2", "DNS")], False, id="one of two keys differs"),
        pytest.param([_issuer("", "")], True, id="an item of empty keys matches anything"),
        pytest.param([], True, id="an empty sequence matches anything"),
    ],
)
def test_a_sequence_matches(key: list[Dataset], *, expected: bool) -> None:
    tag = "IssuerOfAccessionNumberSequence"
    found = DataElement(tag, "SQ", Sequence([_issuer("9.9"), _issuer("1.2")]))
    assert matches(DataElement(tag, "SQ", Sequence(key)), found) is expected


def test_a_sequence_that_is_absent_matches_only_empty_keys() -> None:
    tag = "OtherPatientIDsSequence"
    assert not matches(DataElement(tag, "SQ", Sequence([_issuer("1.2")])), None)
    assert matches(DataElement(tag, "SQ", Sequence([_issuer("", "")])), None)
