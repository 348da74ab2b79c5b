"""Matching of PS3.4 C.2.2.2, type by type."""

import time

import pytest

from drimbox.standards.dicomweb.attribute_matching import matches, matches_wildcards

ROW = {
    "00080020": {"vr": "DA", "Value": ["20260102"]},
    "00080030": {"vr": "TM", "Value": ["093000"]},
    "00080061": {"vr": "CS", "Value": ["CT", "SR"]},
    "00080050": {"vr": "SH", "Value": ["ACC1"]},
    "00081030": {"vr": "LO"},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "PÂQUERETTE^ZOÉ", "Ideographic": "雛菊"}]},
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00200013": {"vr": "IS", "Value": [7]},
    "00400275": {"vr": "SQ", "Value": [{"00400009": {"vr": "SH", "Value": ["SPS1"]}}, {}]},
}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({}, True, id="no key"),
        pytest.param({"00080050": ""}, True, id="universal"),
        pytest.param({"00080050": "*", "00081030": "*"}, True, id="universal by a star"),
        pytest.param({"00080050": "ACC1"}, True, id="a single value"),
        pytest.param({"00080050": "acc1"}, False, id="case counts"),
        pytest.param({"00080050": "ACC"}, False, id="a part is not the whole"),
        pytest.param({"00080050": "A*1"}, True, id="a star"),
        pytest.param({"00080050": "ACC?"}, True, id="a question mark"),
        pytest.param({"00081030": "x"}, False, id="an empty attribute"),
        pytest.param({"00081080": "x"}, False, id="an absent attribute"),
        pytest.param({"00100010": "paquerette^zoe"}, True, id="a name without case or accents"),
        pytest.param({"00100010": "PÂQUERETTE*"}, True, id="the beginning of a name"),
        pytest.param({"00100010": "雛菊"}, True, id="another group of the name"),
        pytest.param({"00100010": "DUPONT*"}, False, id="another name"),
        pytest.param({"00080061": "SR"}, True, id="one of several values"),
        pytest.param({"00080061": "MR\\CT"}, True, id="one of several modalities"),
        pytest.param({"00080061": "MR\\US"}, False, id="none of several modalities"),
        pytest.param({"0020000D": "1.2.9\\1.2.3"}, True, id="a list of UIDs"),
        pytest.param({"0020000D": "1.2"}, False, id="another UID"),
        pytest.param({"00200013": "07"}, True, id="the same number"),
        pytest.param({"00200013": "8"}, False, id="another number"),
        pytest.param({"00080020": "20260102"}, True, id="that day"),
        pytest.param({"00080020": "20260101-20260102"}, True, id="a range with its ends"),
        pytest.param({"00080020": "-20260101"}, False, id="before"),
        pytest.param({"00080020": "20260103-"}, False, id="after"),
        pytest.param({"00080030": "09-0930"}, True, id="times to the minute"),
        pytest.param({"00080030": "0931-"}, False, id="later"),
        pytest.param({"00400275.00400009": "SPS?"}, True, id="an attribute of an item"),
        pytest.param({"00400275.00400009": "X"}, False, id="no such item"),
        pytest.param(
            {"00080020": "20260101-20260103", "00080030": "1000-1100"},
            True,
            id="a range of instants, wider than its times",
        ),
        pytest.param(
            {"00080020": "20260102-20260103", "00080030": "1000-1100"},
            False,
            id="an instant before the range",
        ),
        pytest.param(
            {"00080020": "20260102", "00080030": "1000-1100"}, False, id="a day, and times in it"
        ),
    ],
)
def test_each_kind_of_matching(keys: dict[str, str], expected: bool) -> None:
    assert matches(ROW, keys) is expected


def test_wildcards_take_no_exponential_time() -> None:
    start = time.thread_time()
    assert not matches_wildcards("a" * 256, "*a" * 100 + "b")
    assert time.thread_time() - start < 1
