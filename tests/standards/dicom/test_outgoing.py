"""What leaves the box: Explicit VR, identifiers changed, every pixel as it was."""

import contextlib
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
from tests.fakes.dicom_objects import decoded, encoded, made_up_object
from tests.fakes.manifests import made_up_ins

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.model.patient import AssigningAuthority, LocalPatientId
from drimbox.model.uids import Oid, TransferSyntaxUid
from drimbox.standards.dicom.element_stream import MAX_HELD
from drimbox.standards.dicom.outgoing import (
    IdentifierWriter,
    OutgoingDataSet,
    OutgoingIdentity,
    outgoing_syntax,
)

WITH_INS = OutgoingIdentity(ins=made_up_ins())
UNCHANGED = OutgoingIdentity()
EXPORTED = OutgoingIdentity(
    local_patient_id=LocalPatientId("IPP-7", AssigningAuthority("HOPITAL B", Oid("1.2.250.1.7")))
)


def rewritten(
    octets: bytes, syntax: str, identity: OutgoingIdentity, *, piece: int = 10_000
) -> bytes:
    outgoing = OutgoingDataSet(TransferSyntaxUid(syntax), IdentifierWriter(identity))
    out = []
    for start in range(0, len(octets), piece):
        out += outgoing.feed(octets[start : start + piece])
    out += outgoing.finish()
    return b"".join(out)


def rich_object(syntax: str = ExplicitVRLittleEndian) -> Dataset:
    """Build an object with what conversions stumble on."""
    ds = made_up_object(1, syntax=syntax, side=100)
    block = ds.private_block(0x0009, "SYNTH PRIVATE", create=True)
    block.add_new(0x10, "OB", bytes(range(256)) * 2)
    ds.LossyImageCompression = "00"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "Thorax"
    nested = Dataset()
    nested.PurposeOfReferenceCodeSequence = Sequence([code])
    nested.ReferencedSOPInstanceUID = "1.2.3"
    ds.SourceImageSequence = Sequence([nested, Dataset()])
    lut = Dataset()
    lut.LUTDescriptor, lut.LUTData = [3, 0, 16], b"\1\0\2\0\3\0"
    lut.ModalityLUTType = "US"
    ds.ModalityLUTSequence = Sequence([lut])
    ds.PixelRepresentation = 1
    ds.SmallestImagePixelValue, ds.PixelPaddingValue = -5, -2000
    ds["SmallestImagePixelValue"].VR = ds["PixelPaddingValue"].VR = "SS"
    ds.DataSetTrailingPadding = b"\0" * 20
    return ds


@pytest.mark.requirement("SO.39")
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit]
)
@pytest.mark.parametrize("piece", [1, 7, 500, 100_000])
def test_the_ins_is_there_once_and_the_rest_is_untouched(syntax: str, piece: int) -> None:
    before = made_up_object(1, syntax=syntax)
    after = decoded(rewritten(encoded(before), syntax, WITH_INS, piece=piece))
    (item,) = after.OtherPatientIDsSequence
    assert (item.PatientID, item.TypeOfPatientID) == (made_up_ins().value, "TEXT")
    qualifiers = item.IssuerOfPatientIDQualifiersSequence[0]
    assert qualifiers.UniversalEntityID == made_up_ins().authority.value
    del after.OtherPatientIDsSequence
    assert after == decoded(encoded(before), syntax)


@pytest.mark.requirement("SO.39")
def test_identifiers_that_were_there_stay_and_none_comes_twice() -> None:
    before = made_up_object(1)
    other = Dataset()
    other.PatientID, other.IssuerOfPatientID = "X1", "ÉTABLISSEMENT"
    before.OtherPatientIDsSequence = Sequence([other])
    once = rewritten(encoded(before), ExplicitVRLittleEndian, WITH_INS)
    ids = decoded(once).OtherPatientIDsSequence
    assert [item.PatientID for item in ids] == ["X1", made_up_ins().value]
    assert ids[0].IssuerOfPatientID == "ÉTABLISSEMENT"
    assert rewritten(once, ExplicitVRLittleEndian, WITH_INS) == once


def test_explicit_octets_pass_as_they_came_when_nothing_changes() -> None:
    octets = encoded(rich_object())
    assert rewritten(octets, ExplicitVRLittleEndian, UNCHANGED) == octets


@pytest.mark.requirement("SO.41")
@pytest.mark.parametrize("piece", [1, 64, 5_000, 1_000_000])
def test_implicit_becomes_explicit_and_says_the_same(piece: int) -> None:
    before = rich_object(ImplicitVRLittleEndian)
    octets = rewritten(encoded(before), ImplicitVRLittleEndian, UNCHANGED, piece=piece)
    after = decoded(octets)
    assert after["SmallestImagePixelValue"].VR == "SS"
    assert after.SmallestImagePixelValue == -5
    assert after["PixelData"].VR == "OW"
    assert after[0x0009, 0x1010].VR == "UN"
    after[0x0009, 0x1010].VR = "OB"
    assert after.to_json_dict() == decoded(encoded(rich_object())).to_json_dict()


@pytest.mark.parametrize("piece", [1, 3, 10_001])
def test_big_endian_becomes_little_word_by_word(piece: int) -> None:
    before = rich_object(ExplicitVRBigEndian)
    octets = rewritten(encoded(before), ExplicitVRBigEndian, WITH_INS, piece=piece)
    after = decoded(octets)
    swapped = np.frombuffer(before.PixelData, "<u2").byteswap().tobytes()
    assert after.PixelData == swapped
    assert after.PatientName == before.PatientName
    assert after.Rows == 100
    assert after.PixelPaddingValue == -2000
    assert after.DataSetTrailingPadding == bytes(20)


def test_deflated_is_inflated() -> None:
    octets = encoded(made_up_object(1))
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    deflated = deflater.compress(octets) + deflater.flush()
    assert rewritten(deflated, DeflatedExplicitVRLittleEndian, UNCHANGED, piece=9) == octets


def test_a_deflated_bomb_is_refused() -> None:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    pixels = b"\xe0\x7f\x10\x00OW\0\0" + (200 * 1024 * 1024).to_bytes(4, "little")
    parts = [deflater.compress(pixels)]
    parts += [deflater.compress(bytes(1024 * 1024)) for _ in range(200)]
    bomb = b"".join(parts) + deflater.flush()
    with pytest.raises(MalformedMessage, match="inflates"):
        rewritten(bomb, DeflatedExplicitVRLittleEndian, UNCHANGED)


@pytest.mark.parametrize(
    ("syntax", "expected"),
    [
        (ImplicitVRLittleEndian, ExplicitVRLittleEndian),
        (ExplicitVRBigEndian, ExplicitVRLittleEndian),
        (DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian),
        (JPEGBaseline8Bit, JPEGBaseline8Bit),
    ],
)
def test_only_what_is_no_layout_of_pixels_changes_its_syntax(syntax: str, expected: str) -> None:
    assert outgoing_syntax(TransferSyntaxUid(syntax)) == expected


@pytest.mark.requirement("CO.77")
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit]
)
def test_an_export_has_the_local_id_and_keeps_the_former_one(syntax: str) -> None:
    before = made_up_object(1, syntax=syntax)
    after = decoded(rewritten(encoded(before), syntax, EXPORTED, piece=50))
    assert (after.PatientID, after.IssuerOfPatientID) == ("IPP-7", "HOPITAL B")
    qualifiers = after.IssuerOfPatientIDQualifiersSequence[0]
    assert qualifiers.UniversalEntityID == "1.2.250.1.7"
    (former,) = after.OtherPatientIDsSequence
    assert (former.PatientID, former.IssuerOfPatientID) == ("IPP50", "HOPITAL")
    assert after.PatientName == before.PatientName
    assert after.PixelData == before.PixelData


def test_an_issuer_of_the_former_id_does_not_stay_with_the_new_one() -> None:
    bare = OutgoingIdentity(local_patient_id=LocalPatientId("IPP-8"))
    after = decoded(rewritten(encoded(made_up_object(1)), ExplicitVRLittleEndian, bare))
    assert after.PatientID == "IPP-8"
    assert "IssuerOfPatientID" not in after


def test_an_id_that_the_character_set_lacks_is_refused() -> None:
    foreign = OutgoingIdentity(local_patient_id=LocalPatientId("ИПП"))
    with pytest.raises(InvalidValue):
        rewritten(encoded(made_up_object(1)), ExplicitVRLittleEndian, foreign)


def without_identifiers(ds: Dataset) -> None:
    del ds.PatientID, ds.IssuerOfPatientID


def ends_with_the_patient(ds: Dataset) -> None:
    for element in list(ds):
        if element.tag > 0x00100040:
            del ds[element.tag]


@pytest.mark.parametrize("strip", [without_identifiers, ends_with_the_patient])
def test_the_ins_is_inserted_whatever_is_missing(strip: Callable[[Dataset], None]) -> None:
    ds = made_up_object(1)
    strip(ds)
    after = decoded(rewritten(encoded(ds), ExplicitVRLittleEndian, WITH_INS, piece=11))
    assert after.OtherPatientIDsSequence[0].PatientID == made_up_ins().value


def test_a_sequence_without_end_is_refused_within_bounds() -> None:
    header = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff"
    item = b"\xfe\xff\x00\xe0\x00\x00\x00\x00"
    with pytest.raises(MalformedMessage, match="more than"):
        rewritten(header + item * (MAX_HELD // 8 + 10), ExplicitVRLittleEndian, UNCHANGED)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_data_set_cut_short_is_refused(syntax: str) -> None:
    octets = encoded(made_up_object(1, syntax=syntax))
    cut = 300 if syntax == ExplicitVRLittleEndian else len(octets) - 10
    with pytest.raises(MalformedMessage):
        rewritten(octets[:cut], syntax, WITH_INS)


HEADS = {
    syntax: encoded(made_up_object(1, syntax=syntax, side=4))
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
}


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(HEADS)),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=8),
    st.integers(1, 600),
)
def test_hostile_octets_only_ever_make_a_malformed_message(
    syntax: str, changes: list[tuple[int, int]], piece: int
) -> None:
    octets = bytearray(HEADS[syntax])
    for position, value in changes:
        octets[position % len(octets)] = value
    with contextlib.suppress(MalformedMessage):
        rewritten(bytes(octets), syntax, WITH_INS, piece=piece)


@pytest.mark.parametrize("identity", [WITH_INS, EXPORTED, UNCHANGED], ids=["ins", "ipp", "none"])
@pytest.mark.parametrize("piece", [64, 700, 2_000, 5_000])
def test_the_same_leaves_whether_the_head_comes_at_once_or_in_pieces(
    identity: OutgoingIdentity, piece: int
) -> None:
    octets = encoded(rich_object())
    at_once = rewritten(octets, ExplicitVRLittleEndian, identity, piece=len(octets))
    assert rewritten(octets, ExplicitVRLittleEndian, identity, piece=piece) == at_once


def test_each_instance_has_its_own_identifiers() -> None:
    first, second = made_up_object(1), made_up_object(2)
    second.PatientID = "OTHER"
    identifiers = IdentifierWriter(WITH_INS)
    syntax = TransferSyntaxUid(ExplicitVRLittleEndian)
    found = []
    for ds in (first, second, first):
        outgoing = OutgoingDataSet(syntax, identifiers)
        octets = b"".join([*outgoing.feed(encoded(ds)), *outgoing.finish()])
        found.append(decoded(octets).PatientID)
    assert found == [first.PatientID, "OTHER", first.PatientID]
