"""Implicit VR says what Explicit VR said, as pydicom reads it, on its own collection of files."""

import io
import warnings
from collections.abc import AsyncIterator

import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from tests.fakes.dicom_objects import CT, decoded, encoded, made_up_object
from tests.fakes.pydicom_corpus import corpus_names, corpus_object

from drimbox.errors import MalformedMessage
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom.implicit_vr import implicit_instance
from drimbox.standards.dicom.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN

pytestmark = pytest.mark.anyio
EXPLICIT = TransferSyntaxUid(ExplicitVRLittleEndian)


async def as_implicit(octets: bytes, chunk_size: int) -> bytes:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(octets), chunk_size):
            yield octets[start : start + chunk_size]

    instance = InstanceStream(SopClassUid(CT), SopInstanceUid("1.2.3"), EXPLICIT, chunks())
    converted = implicit_instance(instance)
    assert converted.transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN
    return b"".join([chunk async for chunk in converted.chunks])


def explicit_corpus() -> list[str]:
    return [
        name
        for name in corpus_names()
        if corpus_object(name).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    ]


def values(ds: Dataset) -> dict[str, object]:
    """Return what is said, of sequences item by item; how private elements are is not told."""
    return {
        str(e.tag): [values(item) for item in e.value] if e.VR == "SQ" else e.value
        for e in ds
        if not e.tag.is_private and e.tag.element
    }


@pytest.mark.parametrize("name", explicit_corpus())
@pytest.mark.parametrize("chunk_size", [1000, 10_000_000])
async def test_every_value_is_as_it_was(name: str, chunk_size: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = corpus_object(name)
        octets = encoded(image)
        implicit = await as_implicit(octets, chunk_size)
        expected = values(decoded(octets))
        assert values(decoded(implicit, IMPLICIT_VR_LITTLE_ENDIAN)) == expected


async def test_private_elements_keep_their_octets() -> None:
    image = made_up_object(1)
    block = image.private_block(0x0019, "DRIMBOX TEST", create=True)
    block.add_new(0x01, "OB", b"\1\2\3\4")
    block.add_new(0x02, "LO", "ÉTÉ")
    implicit = await as_implicit(encoded(image), 1000)
    read = pydicom.dcmread(io.BytesIO(implicit), force=True)
    assert read[0x0019, 0x1001].value == b"\1\2\3\4"
    assert read[0x0019, 0x1002].value == "ÉTÉ ".encode("latin-1")


async def test_encapsulated_pixels_have_no_implicit_form() -> None:
    image = made_up_object(1, syntax=pydicom.uid.JPEGBaseline8Bit)
    with pytest.raises(MalformedMessage):
        await as_implicit(encoded(image), 1000)
