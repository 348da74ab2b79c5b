"""A value found by its path is the one that pydicom reads there, whatever stands around it."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, JPEGBaseline8Bit
from tests.fakes.dicom_objects import encoded, made_up_object

from drimbox.errors import MalformedMessage, NotFound
from drimbox.standards.dicom.attribute_value import find_binary_value
from drimbox.standards.dicom.data_set import Encoding, read_data_set
from drimbox.standards.dicom.dicom_json import encode_dicom_json
from drimbox.standards.dicom.structured_report import parse_structured_report
from drimbox.standards.dicomweb.report_texts import encode_html, encode_plain_text


def object_with_values() -> Dataset:
    ds = made_up_object(1)
    inner, outer = Dataset(), Dataset()
    inner.EncapsulatedDocument = b"%PDF-1.4 in an item"
    outer.SourceImageSequence = Sequence([Dataset(), inner])
    ds.SourceImageSequence = Sequence([outer])
    ds.EncapsulatedDocument = b"%PDF-1.4 at the top "
    return ds


OCTETS = encoded(object_with_values())


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("00420011", b"%PDF-1.4 at the top ", id="at the top"),
        pytest.param("00420011".lower(), b"%PDF-1.4 at the top ", id="in lower case"),
        pytest.param("00082112/0/00082112/1/00420011", b"%PDF-1.4 in an item\0", id="in an item"),
        pytest.param("7FE00010", object_with_values().PixelData, id="behind all others"),
    ],
)
def test_a_value_is_found_by_its_path(path: str, expected: bytes) -> None:
    found = find_binary_value(memoryview(OCTETS), path)
    assert found.length == len(expected)
    if found.offset is None:
        assert found.octets == expected
    else:
        assert OCTETS[found.offset : found.offset + found.length] == expected


def test_a_value_of_an_implicit_data_set_is_found() -> None:
    ds = object_with_values()
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    octets = encoded(ds)
    found = find_binary_value(memoryview(octets), "00420011", Encoding.IMPLICIT_LITTLE)
    assert found.offset is not None
    assert octets[found.offset : found.offset + found.length] == ds.EncapsulatedDocument


def test_compressed_pixels_are_told_apart() -> None:
    octets = encoded(made_up_object(1, syntax=JPEGBaseline8Bit))
    assert find_binary_value(memoryview(octets), "7FE00010").is_encapsulated


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("00420012", id="not there"),
        pytest.param("00082112", id="a sequence"),
        pytest.param("00082112/0", id="an item"),
        pytest.param("00082112/7/00420011", id="an item too far"),
        pytest.param("00100010/0/00420011", id="an item of what is no sequence"),
        pytest.param("FFFFFFFF", id="behind the end"),
        pytest.param("0042001", id="half a tag"),
        pytest.param("", id="nothing"),
        pytest.param("../00420011", id="a way up"),
        pytest.param("٠٠٤٢٠٠١١", id="digits that are not ASCII"),
        pytest.param("/".join(["00082112/0"] * 200 + ["00420011"]), id="deeper than anything"),
    ],
)
def test_what_is_not_there_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        find_binary_value(memoryview(OCTETS), path)


@settings(max_examples=400, deadline=None)
@given(
    at=st.integers(0, len(OCTETS) - 1),
    octets=st.binary(min_size=1, max_size=8),
    end=st.integers(0, len(OCTETS)),
)
def test_a_damaged_object_ends_in_an_error_of_ours(at: int, octets: bytes, end: int) -> None:
    """D5: whatever a PACS gives, nothing but these is raised, and nothing hangs."""
    damaged = (OCTETS[:at] + octets + OCTETS[at + len(octets) :])[: end or None]
    for path in ("00420011", "00082112/0/00082112/1/00420011"):
        with contextlib.suppress(NotFound, MalformedMessage):
            find_binary_value(memoryview(damaged), path)
    try:
        data_set = read_data_set(damaged, Encoding.EXPLICIT_LITTLE)
        encode_dicom_json(data_set)
        report = parse_structured_report(data_set)
    except MalformedMessage:
        return
    assert encode_html(report).startswith(b"<!DOCTYPE html>")
    assert encode_plain_text(report).endswith(b"\n")
