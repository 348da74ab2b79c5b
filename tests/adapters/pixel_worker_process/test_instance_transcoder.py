"""An instance on its way through the jailed pool keeps its pixels, and leaves nothing behind."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import generate_frames
from tests.fakes.dicom_objects import SR, decoded, encoded, made_up_object

from drimbox.adapters.pixel_worker_process.instance_transcoder import FileTranscoder
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.errors import NotAcceptable
from drimbox.model.export_syntax import ExportSyntax
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid

pytestmark = pytest.mark.anyio
JPEG_LS = ExportSyntax.JPEG_LS.transfer_syntax_uid
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")


@pytest.fixture
async def transcoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FileTranscoder]:
    # Nothing goes to TMPDIR, which may be a disk where the copies are in memory.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not-there"))
    pool = PixelWorkerPool(workers=1, deadline_seconds=20, temporary_directory=tmp_path)
    yield FileTranscoder(pool)
    await pool.stop()
    assert not list(tmp_path.iterdir())  # noqa: ASYNC240


def stream(octets: bytes, sop_class: str) -> InstanceStream:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(octets), 1000):
            yield octets[start : start + 1000]

    uid = SopInstanceUid("1.2.250.1.999.50.1.1")
    return InstanceStream(SopClassUid(sop_class), uid, EXPLICIT, chunks())


async def octets_of(instance: InstanceStream) -> bytes:
    return b"".join([chunk async for chunk in instance.chunks])


@pytest.mark.requirement("CO.74")
async def test_pixels_are_the_same_in_the_other_syntax(transcoder: FileTranscoder) -> None:
    image = made_up_object(1)
    assert JPEG_LS is not None
    async with transcoder.received(stream(encoded(image), image.SOPClassUID)) as kept:
        brought = await kept.transcoded(JPEG_LS)
        ds = decoded(await octets_of(brought))
        assert await octets_of(kept.as_received()) == encoded(image)
    assert brought.transfer_syntax_uid == JPEG_LS
    (frame,) = generate_frames(ds.PixelData, number_of_frames=1)
    # Bits Stored is 12: what stands above is no part of a pixel.
    pixels = np.frombuffer(image.PixelData, np.uint16).reshape(32, 32) & 0x0FFF
    assert np.array_equal(imagecodecs.jpegls_decode(frame), pixels)
    assert ds.SOPInstanceUID == image.SOPInstanceUID


async def test_what_has_no_pixels_is_told(transcoder: FileTranscoder) -> None:
    report = made_up_object(1, sop_class=SR)
    assert JPEG_LS is not None
    async with transcoder.received(stream(encoded(report), SR)) as kept:
        with pytest.raises(NotAcceptable):
            await kept.transcoded(JPEG_LS)
        assert await octets_of(kept.as_received()) == encoded(report)
