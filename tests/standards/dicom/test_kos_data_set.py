"""What is read of a KOS is what the reader of whole data sets, and pydicom, find in it."""

import io
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.manifests import made_up_manifest

from drimbox.errors import MalformedMessage
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.data_set import DataSet, Encoding, read_data_set
from drimbox.standards.dicom.data_set_encoding import encode_data_set
from drimbox.standards.dicom.kos import encode_kos, parse_kos
from drimbox.standards.dicom.kos_data_set import read_kos_data_set
from drimbox.standards.dicom.part10 import data_set_octets, parse_file_meta
from drimbox.standards.dicom.transfer_syntaxes import encoding_of

_LITTLE = Encoding.EXPLICIT_LITTLE
_ENCODED = encode_kos(made_up_manifest())
_DATA_SET = data_set_octets(_ENCODED, parse_file_meta(_ENCODED))


def read_by_pydicom(content: bytes) -> pydicom.FileDataset:
    return pydicom.dcmread(io.BytesIO(content))


def same_but_the_tree(read: DataSet, whole: DataSet) -> bool:
    """Tell whether only content items behind the text were left out."""
    tree, all_of_it = (one.get(tags.CONTENT_SEQUENCE, ("SQ", []))[1] for one in (read, whole))
    rest = {tag: element for tag, element in read.items() if tag != tags.CONTENT_SEQUENCE}
    whole_rest = {tag: element for tag, element in whole.items() if tag != tags.CONTENT_SEQUENCE}
    return rest == whole_rest and tree == all_of_it[: len(tree)]


def written(*, implicit: bool = False, little: bool = True, undefined: bool = False) -> bytes:
    """Write our own KOS again by pydicom, in another encoding."""
    kos = read_by_pydicom(_ENCODED)
    syntax = {
        (True, True): pydicom.uid.ImplicitVRLittleEndian,
        (False, True): pydicom.uid.ExplicitVRLittleEndian,
        (False, False): pydicom.uid.ExplicitVRBigEndian,
    }[implicit, little]
    kos.file_meta.TransferSyntaxUID = syntax
    if undefined:
        for element in kos.iterall():
            if element.VR == "SQ":
                element.is_undefined_length = True
                for item in element.value:
                    item.is_undefined_length_sequence_item = True
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, kos, implicit_vr=implicit, little_endian=little)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(written(), id="explicit little endian"),
        pytest.param(written(undefined=True), id="sequences of undefined length"),
        pytest.param(written(implicit=True), id="implicit"),
        pytest.param(written(little=False), id="big endian"),
    ],
)
def test_every_encoding_makes_the_same_manifest(content: bytes) -> None:
    assert parse_kos(content) == parse_kos(_ENCODED)


@pytest.mark.parametrize("name", ["kos/kos-two-mr-series.dcm", "xds/xdm-KA202401/KOS_1_1.DCM"])
def test_pydicom_finds_the_same_in_the_samples(samples: Path, name: str) -> None:
    content = (samples / name).read_bytes()
    kos = read_by_pydicom(content)
    manifest = parse_kos(content)
    assert manifest.study_instance_uid == kos.StudyInstanceUID
    assert [
        (series.series_instance_uid, i.sop_instance_uid, i.sop_class_uid, i.instance_number)
        for series in manifest.series
        for i in series.instances
    ] == [
        (
            series.SeriesInstanceUID,
            i.ReferencedSOPInstanceUID,
            i.ReferencedSOPClassUID,
            i.get("InstanceNumber"),
        )
        for study in kos.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for i in series.ReferencedSOPSequence
    ]
    meta = parse_file_meta(content)
    octets, encoding = data_set_octets(content, meta), encoding_of(meta.transfer_syntax_uid)
    assert same_but_the_tree(read_kos_data_set(octets, encoding), read_data_set(octets, encoding))


def test_goes_on_to_a_text_that_does_not_stand_first() -> None:
    whole = read_data_set(_DATA_SET, _LITTLE)
    tree = whole[tags.CONTENT_SEQUENCE][1]
    assert isinstance(tree, list)
    moved = {**whole, tags.CONTENT_SEQUENCE: ("SQ", [*tree[1:3], tree[0], *tree[3:]])}
    read = read_kos_data_set(encode_data_set(moved), _LITTLE)
    assert read[tags.CONTENT_SEQUENCE] == ("SQ", [*tree[1:3], tree[0]])


def test_what_stands_behind_the_tree_is_read() -> None:
    whole = read_data_set(_DATA_SET, _LITTLE)
    whole[0x70010010] = "LO", b"AFTER THE TREE"
    read = read_kos_data_set(encode_data_set(whole), _LITTLE)
    assert read[0x70010010] == ("LO", b"AFTER THE TREE")


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(_DATA_SET) - 1), st.integers(0, 255)), max_size=6),
    st.integers(100, len(_DATA_SET)) | st.just(len(_DATA_SET)),
)
def test_of_altered_octets_the_same_is_read(changes: list[tuple[int, int]], length: int) -> None:
    content = bytearray(_DATA_SET)
    for position, value in changes:
        content[position] = value
    octets = bytes(content[:length])
    try:
        whole = read_data_set(octets, _LITTLE)
    except MalformedMessage:
        # A fault in the tree alone is not looked for; any other is told here too.
        try:
            read_kos_data_set(octets, _LITTLE)
        except MalformedMessage:
            return
        end_of_evidence = _DATA_SET.index(b"\x40\x00\x30\xa7SQ")
        assert any(position >= end_of_evidence for position, _ in changes)
        return
    assert same_but_the_tree(read_kos_data_set(octets, _LITTLE), whole)
