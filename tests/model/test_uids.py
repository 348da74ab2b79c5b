"""UIDs: what PS3.5 9.1 allows exists, anything else cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID

from drimbox.errors import InvalidValue
from drimbox.model.uids import Oid, SeriesInstanceUid, StudyInstanceUid


@pytest.mark.parametrize(
    "text",
    [
        "1.2",
        "0.0",
        "2.25.329800735698586629295641978511506172918",
        "1.2.840.10008.1.2.1",
        "1." + "1" * 62,
    ],
)
def test_a_valid_uid_is_built_and_stays_a_text(text: str) -> None:
    assert StudyInstanceUid(text) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("1", id="one component"),
        pytest.param("3.1", id="a root that ISO has not"),
        pytest.param("1.02", id="a leading zero"),
        pytest.param("1..2", id="an empty component"),
        pytest.param("1.2.", id="a dot at the end"),
        pytest.param("1." + "1" * 63, id="65 characters"),
        pytest.param("1.2\n", id="a line feed"),
        pytest.param("1.2\x00", id="the padding of DICOM"),
        pytest.param("1.٢", id="a digit that is not ASCII"),
        pytest.param("../1.2", id="a path"),
        pytest.param("1.2/../3", id="a path inside"),
    ],
)
def test_what_is_no_uid_cannot_exist(text: str) -> None:
    with pytest.raises(InvalidValue) as error:
        StudyInstanceUid(text)
    assert len(text) < 3 or text not in str(error.value)


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@given(st.text(alphabet="0123456789.", max_size=70))
def test_agrees_with_pydicom(text: str) -> None:
    try:
        Oid(text)
    except InvalidValue:
        is_ours = False
    else:
        is_ours = True
    # pydicom also takes a single component, and any first arc.
    is_theirs = UID(text).is_valid and "." in text and text[0] in "012" and text[1] == "."
    assert is_ours == is_theirs


def test_two_kinds_of_uid_are_two_types() -> None:
    assert type(StudyInstanceUid("1.2")) is not type(SeriesInstanceUid("1.2"))
