"""Whose images these are: read at the head of a stream, which then goes on whole (CO.68)."""

from collections.abc import AsyncIterator

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from tests.fakes.dicom_objects import decoded, encoded, made_up_object
from tests.fakes.manifests import made_up_ins

from drimbox.errors import MalformedMessage
from drimbox.model.patient import AssigningAuthority, Ins, InsAuthority, LocalPatientId
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import Oid, SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom.outgoing import OutgoingIdentity, outgoing_instance
from drimbox.standards.dicom.patient_identifiers import IdentityReader

pytestmark = pytest.mark.anyio


def stream(ds: Dataset, *, piece: int = 100) -> InstanceStream:
    async def chunks() -> AsyncIterator[bytes]:
        octets = encoded(ds)
        for start in range(0, len(octets), piece):
            yield octets[start : start + piece]

    return InstanceStream(
        SopClassUid(ds.SOPClassUID),
        SopInstanceUid(ds.SOPInstanceUID),
        TransferSyntaxUid(ds.file_meta.TransferSyntaxUID),
        chunks(),
    )


def qualified(oid: str) -> Sequence:
    item = Dataset()
    item.UniversalEntityID, item.UniversalEntityIDType = oid, "ISO"
    return Sequence([item])


def other_id(value: str, *, oid: str | None = None, issuer: str | None = None) -> Dataset:
    item = Dataset()
    item.PatientID, item.TypeOfPatientID = value, "TEXT"
    if oid:
        item.IssuerOfPatientIDQualifiersSequence = qualified(oid)
    if issuer:
        item.IssuerOfPatientID = issuer
    return item


@pytest.mark.requirement("CO.68")
@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit]
)
@pytest.mark.parametrize("piece", [1, 100, 100_000])
async def test_the_ins_of_received_images_is_read_and_the_stream_stays_whole(
    syntax: str, piece: int
) -> None:
    ds = made_up_object(1, syntax=syntax)
    sent = outgoing_instance(stream(ds, piece=piece), OutgoingIdentity(ins=made_up_ins()))
    found, again = await IdentityReader().read(sent)
    assert found.patient.ins == (made_up_ins(),)
    assert (found.study_instance_uid, found.series_instance_uid, found.sop_instance_uid) == (
        ds.StudyInstanceUID,
        ds.SeriesInstanceUID,
        ds.SOPInstanceUID,
    )
    assert found.patient.patient_id == LocalPatientId("IPP50", AssigningAuthority("HOPITAL"))
    whole = decoded(b"".join([chunk async for chunk in again.chunks]))
    assert whole.PixelData == ds.PixelData


NIR = InsAuthority.NIR.value


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(
            other_id(made_up_ins().value, oid=NIR),
            Ins(made_up_ins().value, InsAuthority.NIR),
            id="by its OID",
        ),
        pytest.param(
            other_id(made_up_ins().value, issuer="ASIP-SANTE-INS-NIR"),
            Ins(made_up_ins().value, InsAuthority.NIR),
            id="by the label of its issuer, which names no test authority",
        ),
        pytest.param(
            other_id(made_up_ins().value, issuer=InsAuthority.NIA.value),
            Ins(made_up_ins().value, InsAuthority.NIA),
            id="by an OID where the label should be",
        ),
        pytest.param(other_id("123456789012345", oid=NIR), None, id="not with a wrong key"),
        pytest.param(other_id(made_up_ins().value, oid="1.2.3"), None, id="not of another OID"),
        pytest.param(other_id(made_up_ins().value), None, id="not without an authority"),
    ],
)
async def test_an_ins_is_told_from_other_identifiers(item: Dataset, expected: Ins | None) -> None:
    ds = made_up_object(1)
    ds.OtherPatientIDsSequence = Sequence([other_id("X1", oid="1.2.4"), item])
    identity, _ = await IdentityReader().read(stream(ds))
    found = identity.patient
    assert found.ins == (() if expected is None else (expected,))
    assert found.other_patient_ids[0] == LocalPatientId(
        "X1", AssigningAuthority(universal_id=Oid("1.2.4"))
    )


async def test_images_of_nobody_have_no_identifier() -> None:
    ds = made_up_object(1)
    del ds.PatientID
    identity, _ = await IdentityReader().read(stream(ds))
    found = identity.patient
    assert (found.patient_id, found.other_patient_ids, found.ins) == (None, (), ())
    assert repr(found) == "PatientIdentifiers()"


async def test_each_image_is_read_for_itself() -> None:
    reader = IdentityReader()
    other = made_up_object(2)
    other.OtherPatientIDsSequence = Sequence([other_id(made_up_ins().value, oid=NIR)])
    found = [
        (await reader.read(stream(ds)))[0] for ds in (made_up_object(1), other, made_up_object(1))
    ]
    assert [bool(one.patient.ins) for one in found] == [False, True, False]
    assert found[1].sop_instance_uid == other.SOPInstanceUID


async def test_identifiers_behind_sixteen_mebibytes_are_not_looked_for() -> None:
    """A Source that hides them behind a large private element must not fill our memory (N8)."""
    ds = made_up_object(1)
    ds.private_block(0x0009, "HIDING", create=True).add_new(1, "OB", bytes(17 * 1024 * 1024))
    with pytest.raises(MalformedMessage):
        await IdentityReader().read(stream(ds, piece=1024 * 1024))
