"""A head that is only skimmed says what a head that is read says, whatever its octets."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian
from tests.fakes.dicom_objects import encoded, made_up_object
from tests.fakes.manifests import made_up_ins

from drimbox.errors import MalformedMessage
from drimbox.model.patient import LocalPatientId
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.outgoing import IdentifierWriter, OutgoingDataSet, OutgoingIdentity
from drimbox.standards.dicom.patient_identifiers import IdentityReader, InstanceIdentity
from drimbox.standards.dicom.skimming import Skimmed, skim

SYNTAX = TransferSyntaxUid(ExplicitVRLittleEndian)
WITH_INS = OutgoingIdentity(ins=made_up_ins())
OBJECT = made_up_object(1)
Changes = list[tuple[int, int]]
CHANGES = st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), max_size=3)


def rewritten(octets: bytes, writer: IdentifierWriter) -> bytes:
    outgoing = OutgoingDataSet(SYNTAX, writer)
    return b"".join([*outgoing.feed(octets), *outgoing.finish()])


FIRST = rewritten(encoded(OBJECT), IdentifierWriter(WITH_INS))


def changed(octets: bytes, wanted: Changes) -> bytes:
    result = bytearray(octets)
    for position, value in wanted:
        result[position % len(result)] = value
    return bytes(result)


def said(octets: bytes, reader: IdentityReader) -> InstanceIdentity | None:
    """Return what the reader finds; None where that is no data set."""

    async def chunks() -> AsyncIterator[bytes]:
        yield octets

    async def read() -> InstanceIdentity:
        uids = SopClassUid(OBJECT.SOPClassUID), SopInstanceUid(OBJECT.SOPInstanceUID)
        identity, again = await reader.read(InstanceStream(*uids, SYNTAX, chunks()))
        assert b"".join([chunk async for chunk in again.chunks]) == octets
        return identity

    try:
        return asyncio.run(read())
    except MalformedMessage:
        return None


@example([(140, 1)])
@given(CHANGES)
def test_identifiers_known_from_the_image_before_are_those_of_this_one(changes: Changes) -> None:
    octets, warm = changed(FIRST, changes), IdentityReader()
    assert said(FIRST, warm) is not None
    alone = said(octets, IdentityReader())
    # Where an item of a sequence is broken, reading finds nothing, and skimming passes over it.
    is_read = alone is not None and alone.series_instance_uid
    assert not is_read or said(octets, warm) == alone


@given(CHANGES)
def test_what_leaves_is_the_same_whatever_left_before(changes: Changes) -> None:
    octets, warm = changed(FIRST, changes), IdentifierWriter(WITH_INS)
    rewritten(FIRST, warm)
    try:
        alone = rewritten(octets, IdentifierWriter(WITH_INS))
    except MalformedMessage:
        return
    assert rewritten(octets, warm) == alone


def test_another_character_set_is_another_identity() -> None:
    """The same octets may be another name in it."""
    other = FIRST.replace(b"ISO_IR 100", b"ISO_IR 192")
    exported = OutgoingIdentity(local_patient_id=LocalPatientId("IPP-É"))
    writer = IdentifierWriter(exported)
    before, after = rewritten(FIRST, writer), rewritten(other, writer)
    assert "IPP-É".encode("latin-1") in before
    assert "IPP-É".encode() in after


def test_a_second_word_on_a_uid_counts_wherever_it_stands() -> None:
    """An image of a hostile Source must not be one here and another in the viewer (D6)."""
    reader = IdentityReader()
    assert said(FIRST, reader) is not None
    behind = FIRST.index(b"\x20\x00\x0e\x00")
    again = FIRST[:behind] + b"\x08\x00\x18\x00UI\x04\x001.9\0" + FIRST[behind:]
    found = said(again, reader)
    assert found is not None
    assert found.sop_instance_uid == "1.9"


def test_values_that_are_wanted_and_the_place_of_what_is_behind() -> None:
    head = b"\x08\x00\x18\x00UI\x02\x001\0" + b"\x09\x00\x10\x00OB\0\0\x02\0\0\0ab"
    octets = head + b"\x10\x00\x20\x00LO\x04\x00IPP1"
    wanted = frozenset({tags.SOP_INSTANCE_UID, tags.PATIENT_ID})
    found = skim(octets, tags.PATIENT_ID - 1, wanted)
    assert found == Skimmed({tags.SOP_INSTANCE_UID: b"1\0"}, len(head))


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x08\x00\x18\x00UI\x40\x001\0" + bytes(20), id="cut short"),
        pytest.param(b"\x08\x00\x18\x00??\x02\x001\0" + bytes(20), id="an unknown VR"),
        pytest.param(
            b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0" + bytes(20),
            id="a length that is not told",
        ),
    ],
)
def test_such_a_head_has_to_be_read(octets: bytes) -> None:
    assert skim(octets, tags.PATIENT_ID) is None
