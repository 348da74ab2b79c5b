"""What was read of one instance never changes what is read of the next."""

from struct import pack

from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from tests.fakes.dicom_objects import encoded, made_up_object

from drimbox.errors import MalformedMessage
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.data_set import DataSetReader, Encoding
from drimbox.standards.dicom.dicom_json import encode_dicom_json
from drimbox.standards.dicom.metadata_rows import InstanceHead, MetadataRows

SYNTAX = TransferSyntaxUid(ExplicitVRLittleEndian)


def slice_of(number: int, *, character_set: str | None = "ISO_IR 100") -> bytes:
    """Return an image with what rows are made of: runs, sequences, private and frame elements."""
    ds = made_up_object(number)
    ds.PatientName, ds.StudyDescription = "DURAND^Zoé", "Thorax"
    ds.InstitutionName, ds.Manufacturer, ds.StationName = "CH", "SYNTH", "CT1"
    ds.private_block(0x0009, "SYNTH PRIVATE", create=True).add_new(0x10, "LO", "private")
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "1", "Thorax"
    ds.AnatomicRegionSequence = Sequence([item])
    ds.SliceThickness, ds.KVP, ds.ImageType = "1.5", "120", ["ORIGINAL", "PRIMARY"]
    ds.InstanceNumber, ds.SliceLocation = number, float(number)
    if character_set is None:
        del ds.SpecificCharacterSet
        ds.PatientName = "DURAND^Zoe"
    else:
        ds.SpecificCharacterSet = character_set
    return encoded(ds)


FIRST, SECOND = slice_of(1), slice_of(2)
Changes = list[tuple[int, int]]
CHANGES = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=3)


def read(rows: MetadataRows, octets: bytes) -> InstanceHead | None:
    try:
        return rows.read(octets, SYNTAX, lambda path: f"/bulkdata/{path}")
    except MalformedMessage:
        return None


def warm() -> MetadataRows:
    """Return rows that know a series: what stands together is known from the second slice on."""
    rows = MetadataRows()
    assert all(read(rows, octets) is not None for octets in (FIRST, SECOND, FIRST))
    return rows


@example([(268, 116)])  # an element that swallows those behind it
@given(CHANGES)
def test_a_slice_is_read_as_if_it_were_the_first(changes: Changes) -> None:
    octets = bytearray(SECOND)
    for position, value in changes:
        octets[position % len(octets)] = value
    assert read(warm(), bytes(octets)) == read(MetadataRows(), bytes(octets))


def test_group_lengths_are_passed_over() -> None:
    """PS3.18 F.2.2: they are not part of the JSON model; old files have one a group."""
    length = pack("<HH2sHL", 0x0008, 0x0000, b"UL", 4, 1234)
    expected = read(MetadataRows(), FIRST)
    assert expected is not None
    found = read(warm(), length + FIRST)
    assert found is not None
    assert found.row == expected.row
    data_set = DataSetReader(length + FIRST, Encoding.EXPLICIT_LITTLE).read(0, len(FIRST) + 12)
    assert 0x00080000 in data_set
    assert "00080000" not in encode_dicom_json(data_set)


def test_the_same_octets_are_other_words_in_another_character_set() -> None:
    rows = warm()
    for character_set in ("ISO_IR 192", None, "ISO_IR 100", "ISO_IR 101"):
        octets = slice_of(3, character_set=character_set)
        assert read(rows, octets) == read(MetadataRows(), octets)
