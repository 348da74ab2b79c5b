"""C-STORE: instances reach the destination as they are, and its refusals have their code."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)
from tests.fakes.dicom_objects import SC, SR, decoded, encoded, made_up_object
from tests.fakes.fake_images import FakeTranscoder
from tests.fakes.scripted_pacs import Peer, scripted_pacs

from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.errors import RejectedByPartner, TimedOut, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.sandbox.pacs.process import PacsProcess
from drimbox.settings.partners import ExportDestination
from drimbox.standards.dimse.pdu import AssociateReject

pytestmark = pytest.mark.anyio
SWAPPED = "1.2.250.1.999.51"
NOT_TAKEN = "1.2.840.10008.5.1.4.1.1.999"  # no SOP class of the standard


def destination(port: int, ae_title: str = "DEST") -> ExportDestination:
    return ExportDestination(name="Console", host="127.0.0.1", port=port, ae_title=ae_title)


async def streams(objects: Sequence[Dataset]) -> AsyncIterator[InstanceStream]:
    for ds in objects:
        yield InstanceStream(
            SopClassUid(ds.SOPClassUID),
            SopInstanceUid(ds.SOPInstanceUID),
            TransferSyntaxUid(ds.file_meta.TransferSyntaxUID),
            in_chunks(encoded(ds)),
        )


async def in_chunks(octets: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


def read_folder(folder: Path) -> dict[str, Dataset]:
    return {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, folder.rglob("*.dcm"))}


@pytest.mark.requirement("CO.60")
async def test_instances_of_several_kinds_arrive_as_they_left(tmp_path: Path) -> None:
    objects = [
        made_up_object(1, side=300),
        made_up_object(2, sop_class=SC, syntax=JPEGBaseline8Bit),
        made_up_object(3, syntax=ImplicitVRLittleEndian),
        made_up_object(1, series=9, sop_class=SR),
        made_up_object(4, side=300),
    ]
    counts: list[int] = []
    with PacsProcess("DEST", tmp_path) as pacs:
        storage = DimseStorage(destination(pacs.dicom_port))
        await storage.store(streams(objects), on_stored=counts.append)
    assert counts == [1, 2, 3, 4, 5]
    arrived = read_folder(tmp_path)
    for sent in objects:
        there = arrived[sent.SOPInstanceUID]
        assert there.file_meta.TransferSyntaxUID == sent.file_meta.TransferSyntaxUID
        there.is_decompressed = None
        assert encoded(there) == encoded(sent)


async def takes_only_explicit(peer: Peer) -> None:
    await peer.accept(refused_syntaxes={ImplicitVRLittleEndian, ExplicitVRBigEndian})
    context, request, octets = await peer.message()
    assert peer.layer.accepted[context] == ExplicitVRLittleEndian
    expected = np.frombuffer(made_up_object(1).PixelData, "<u2")
    if SWAPPED in request.sop_instance_uid:
        expected = expected.byteswap()
    status = 0 if decoded(octets).PixelData == expected.tobytes() else 0xC000
    peer.answer(context, request, status)
    await peer.finish()


@pytest.mark.parametrize(
    ("syntax", "study"),
    [
        pytest.param(ImplicitVRLittleEndian, "1.2.250.1.999.50", id="implicit"),
        # pydicom writes the octets of Pixel Data as they are: words swapped, to who reads them.
        pytest.param(ExplicitVRBigEndian, SWAPPED, id="big endian"),
    ],
)
async def test_what_it_does_not_take_is_made_explicit(syntax: str, study: str) -> None:
    stored: list[int] = []
    async with scripted_pacs(takes_only_explicit) as port:
        storage = DimseStorage(destination(port))
        ds = made_up_object(1, study=study, syntax=syntax)
        await storage.store(streams([ds]), on_stored=stored.append)
    assert stored == [1]


@pytest.mark.requirement("CO.74")
async def test_what_it_takes_only_uncompressed_is_decompressed() -> None:
    taken: list[str] = []

    async def takes_no_jpeg(peer: Peer) -> None:
        await peer.accept(refused_syntaxes={JPEGBaseline8Bit})
        context, request, _ = await peer.message()
        taken.append(peer.layer.accepted[context])
        peer.answer(context, request, 0)
        await peer.finish()

    image = made_up_object(2, sop_class=SC, syntax=JPEGBaseline8Bit)
    stored: list[int] = []
    async with scripted_pacs(takes_no_jpeg) as port:
        storage = DimseStorage(destination(port), transcoder=FakeTranscoder())
        await storage.store(streams([image]), on_stored=stored.append)
        assert (stored, taken) == ([1], [ExplicitVRLittleEndian])
        unreadable = FakeTranscoder({SopInstanceUid(image.SOPInstanceUID)})
        for transcoder in (unreadable, None):
            storage = DimseStorage(destination(port), transcoder=transcoder)
            with pytest.raises(RejectedByPartner) as refused:
                await storage.store(streams([image]), on_stored=stored.append)
            assert refused.value.code == "0122"


def answers(status: int) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.accept()
        while True:
            context, request, _ = await peer.message()
            peer.answer(context, request, status)

    return script


async def takes_no_such_class(peer: Peer) -> None:
    await peer.accept(refused={"1.2.840.10008.5.1.4.1.1.2"})
    await peer.finish()


async def test_a_warning_is_no_refusal() -> None:
    stored: list[int] = []
    async with scripted_pacs(answers(0xB007)) as port:
        storage = DimseStorage(destination(port))
        await storage.store(streams([made_up_object(1)]), on_stored=stored.append)
    assert stored == [1]


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param(answers(0xA700), "A700", id="out of resources"),
        pytest.param(answers(0xA900), "A900", id="not of its SOP class"),
        pytest.param(answers(0xC001), "C001", id="cannot understand"),
        pytest.param(takes_no_such_class, "0122", id="no context for it"),
    ],
)
async def test_a_refusal_has_its_code_and_stops_the_rest(
    script: Callable[[Peer], Awaitable[None]], code: str
) -> None:
    stored: list[int] = []
    async with scripted_pacs(script) as port:
        storage = DimseStorage(destination(port))
        with pytest.raises(RejectedByPartner) as raised:
            await storage.store(
                streams([made_up_object(1), made_up_object(2)]), on_stored=stored.append
            )
    assert (raised.value.code, stored) == (code, [])


async def reads_nothing(peer: Peer) -> None:
    await peer.accept()
    await asyncio.sleep(3600)


async def closes(peer: Peer) -> None:
    await peer.accept()
    await peer.reader.read(1)


async def is_full(peer: Peer) -> None:
    await peer.reject(AssociateReject(2, 3, 2))


@pytest.mark.parametrize(
    ("script", "error"),
    [
        pytest.param(reads_nothing, TimedOut, id="it reads nothing"),
        pytest.param(closes, Unavailable, id="it closes"),
        pytest.param(is_full, Unavailable, id="it has no association free"),
    ],
)
async def test_a_destination_that_fails_is_unavailable(
    script: Callable[[Peer], Awaitable[None]], error: type[Unavailable]
) -> None:
    async with scripted_pacs(script) as port:
        storage = DimseStorage(destination(port), idle_seconds=0.3)
        with pytest.raises(error):
            await storage.store(streams([made_up_object(1, side=3000)]), on_stored=print)


async def test_each_that_is_refused_is_told_and_the_others_are_sent(tmp_path: Path) -> None:
    objects = [
        made_up_object(1),
        made_up_object(2, sop_class=NOT_TAKEN),
        made_up_object(3),
        made_up_object(4, sop_class=NOT_TAKEN),
    ]
    stored: list[SopInstanceUid] = []
    refused: list[SopInstanceUid] = []
    with PacsProcess("DEST", tmp_path) as pacs:
        storage = DimseStorage(destination(pacs.dicom_port))
        await storage.store_each(
            streams(objects), on_stored=stored.append, on_refused=refused.append
        )
    uids = [SopInstanceUid(one.SOPInstanceUID) for one in objects]
    assert (stored, refused) == ([uids[0], uids[2]], [uids[1], uids[3]])
    assert set(read_folder(tmp_path)) == set(stored)


async def test_a_destination_that_opens_no_association_is_asked_once() -> None:
    asked = 0

    async def rejects(peer: Peer) -> None:
        nonlocal asked
        asked += 1
        await peer.reject(AssociateReject(1, 1, 3))

    async with scripted_pacs(rejects) as port:
        storage = DimseStorage(destination(port))
        with pytest.raises(RejectedByPartner):
            await storage.store_each(
                streams([made_up_object(n) for n in (1, 2, 3)]),
                on_stored=lambda _: pytest.fail("nothing was sent"),
                on_refused=lambda _: pytest.fail("it was not asked for this one"),
            )
    assert asked == 1
