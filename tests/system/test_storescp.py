"""dcmtk's storescp as an export destination: it holds us to the letter of PS3.8."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian, RLELossless
from tests.fakes.conditions import until
from tests.fakes.dicom_objects import encoded, made_up_object
from tests.system.ports import free_port

from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.adapters.pixel_worker_process.instance_transcoder import FileTranscoder
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.settings.partners import ExportDestination

pytestmark = [pytest.mark.anyio, pytest.mark.system]


@contextlib.contextmanager
def storescp(folder: Path, *options: str) -> Iterator[int]:
    if shutil.which("storescp") is None:
        pytest.skip("dcmtk is not installed: apt-get install dcmtk")
    port = free_port()
    there = ("--output-directory", str(folder), str(port))
    with subprocess.Popen(["storescp", *options, *there]) as server:
        try:
            yield port
        finally:
            server.terminate()


def destination(port: int) -> ExportDestination:
    return ExportDestination(name="Console", host="127.0.0.1", port=port, ae_title="ANY")


def read_folder(folder: Path) -> dict[str, Dataset]:
    return {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, folder.iterdir())}


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def streams(objects: list[Dataset], chunk_size: int) -> AsyncIterator[InstanceStream]:
    for ds in objects:
        yield InstanceStream(
            SopClassUid(ds.SOPClassUID),
            SopInstanceUid(ds.SOPInstanceUID),
            TransferSyntaxUid(ds.file_meta.TransferSyntaxUID),
            in_chunks(encoded(ds), chunk_size),
        )


async def in_chunks(octets: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(octets), size):
        yield octets[start : start + size]


@pytest.mark.requirement("CO.60")
@pytest.mark.parametrize("maximum_pdu", [4096, 16383, 131072])
@pytest.mark.parametrize("chunk_size", [1, 1001, 1_000_000])
async def test_what_the_network_cut_at_odd_places_is_taken(
    tmp_path: Path, maximum_pdu: int, chunk_size: int
) -> None:
    """PS3.8 E.1: fragments have an even number of octets; what a Source sends is cut anywhere."""
    objects = [made_up_object(number, side=64) for number in (1, 2)]
    counts: list[int] = []
    with storescp(tmp_path, "--max-pdu", str(maximum_pdu)) as port:
        await until(lambda: is_listening(port))
        storage = DimseStorage(destination(port))
        await storage.store(streams(objects, chunk_size), on_stored=counts.append)
    assert counts == [1, 2]
    arrived = read_folder(tmp_path)
    for sent in objects:
        assert arrived[sent.SOPInstanceUID].PixelData == sent.PixelData


@pytest.fixture
async def transcoder(tmp_path: Path) -> AsyncIterator[FileTranscoder]:
    pool = PixelWorkerPool(workers=1, deadline_seconds=20, temporary_directory=tmp_path)
    yield FileTranscoder(pool)
    await pool.stop()


def rle_object() -> Dataset:
    image = made_up_object(3)
    image.compress(RLELossless, generate_instance_uid=False)
    return image


@pytest.mark.requirement("CO.74")
async def test_who_takes_implicit_vr_alone_gets_it(
    tmp_path_factory: pytest.TempPathFactory, transcoder: FileTranscoder
) -> None:
    """PS3.5 10.1: it is the one transfer syntax that every AE takes."""
    folder = tmp_path_factory.mktemp("console")
    objects = [made_up_object(1), made_up_object(2, syntax=ImplicitVRLittleEndian), rle_object()]
    counts: list[int] = []
    with storescp(folder, "--implicit") as port:
        await until(lambda: is_listening(port))
        storage = DimseStorage(destination(port), transcoder=transcoder)
        await storage.store(streams(objects, 1001), on_stored=counts.append)
    assert counts == [1, 2, 3]
    arrived = read_folder(folder)
    for number in (1, 2, 3):
        sent = made_up_object(number)
        there = arrived[sent.SOPInstanceUID]
        assert there.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
        # Bits Stored is 12: what stands above is no part of a pixel.
        pixels = [np.frombuffer(ds.PixelData, "<u2") & 0xFFF for ds in (there, sent)]
        assert np.array_equal(*pixels)
        del there.PixelData, sent.PixelData
        assert {e.tag: e.value for e in there} == {e.tag: e.value for e in sent}
