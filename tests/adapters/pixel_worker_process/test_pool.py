"""Every syntax decodes to the pixels that were encoded; hostile codestreams end in an error."""

import asyncio
import io
import itertools
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, RLELossless

from drimbox.adapters.pixel_worker_process.picture_memory import PictureMemory
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.errors import MalformedMessage, NotAcceptable, NotFound, Unavailable
from drimbox.model.uids import TransferSyntaxUid
from drimbox.ports.pixel_worker import ImageFormat, Rendering

pytestmark = pytest.mark.anyio
NATIVE = TransferSyntaxUid("1.2.840.10008.1.2.1")
Array = NDArray[np.uint16]


@pytest.fixture
async def pool() -> AsyncIterator[PixelWorkerPool]:
    pool = PixelWorkerPool(workers=1, deadline_seconds=20)
    yield pool
    await pool.stop()


def gradient(rows: int = 40, columns: int = 64) -> Array:
    y, x = np.mgrid[0:rows, 0:columns]
    return (x * 50 + y * 7).astype(np.uint16)


def write(
    path: Path, frames: list[bytes], syntax: str = ExplicitVRLittleEndian, **attributes: object
) -> Path:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = UID(syntax)
    image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = "1.2.3"
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = 40, 64
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 12, 11, 0
    for keyword, value in attributes.items():
        setattr(image, keyword, value)
    if len(frames) > 1:
        image.NumberOfFrames = len(frames)
    is_native = syntax == ExplicitVRLittleEndian
    image.PixelData = b"".join(frames) if is_native else encapsulate(frames)
    image["PixelData"].VR = "OW" if is_native else "OB"
    image.save_as(path, enforce_file_format=True)
    return path


ENCODERS: dict[str, tuple[str, Callable[[Array], bytes]]] = {
    "native": (ExplicitVRLittleEndian, lambda a: a.tobytes()),
    "JPEG lossless": (
        "1.2.840.10008.1.2.4.70",
        lambda a: imagecodecs.ljpeg_encode(a, bitspersample=12),
    ),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
    "JPEG 2000": (
        "1.2.840.10008.1.2.4.90",
        lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True),
    ),
    "HTJ2K": ("1.2.840.10008.1.2.4.201", lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
}


@pytest.mark.parametrize("name", ENCODERS)
async def test_a_lossless_syntax_gives_back_the_pixels(
    pool: PixelWorkerPool, tmp_path: Path, name: str
) -> None:
    syntax, encode = ENCODERS[name]
    array = gradient()
    path = write(tmp_path / "a.dcm", [encode(array)], syntax)
    assert await pool.transcode_frame(path, 1, NATIVE) == array.tobytes()
    await pool.transcode_file(path, tmp_path / "b.dcm", NATIVE)
    decoded = dcmread(tmp_path / "b.dcm")
    assert decoded.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert decoded.PixelData == array.tobytes()


async def test_rle_gives_back_the_pixels(pool: PixelWorkerPool, tmp_path: Path) -> None:
    array = gradient()
    path = write(tmp_path / "a.dcm", [array.tobytes()])
    image = dcmread(path)
    image.compress(RLELossless)
    image.save_as(path)
    assert await pool.transcode_frame(path, 1, NATIVE) == array.tobytes()


async def test_signed_values_keep_their_sign(pool: PixelWorkerPool, tmp_path: Path) -> None:
    signed = (gradient().astype(np.int16) - 1000).clip(-2048, 2047).astype(np.int16)
    stored = (signed.view(np.uint16) & 0x0FFF).astype(np.uint16)
    octets = imagecodecs.jpegls_encode(stored)
    path = write(tmp_path / "a.dcm", [octets], ENCODERS["JPEG-LS"][0], PixelRepresentation=1)
    assert await pool.transcode_frame(path, 1, NATIVE) == signed.tobytes()


async def test_each_frame_is_its_own(pool: PixelWorkerPool, tmp_path: Path) -> None:
    frames = [gradient() + n for n in range(3)]
    path = write(tmp_path / "a.dcm", [f.tobytes() for f in frames])
    assert await pool.transcode_frame(path, 2, NATIVE) == frames[1].tobytes()
    with pytest.raises(NotFound):
        await pool.transcode_frame(path, 4, NATIVE)


@pytest.mark.requirement("VI-CS.21")
async def test_the_window_decides_what_is_black_and_white(
    pool: PixelWorkerPool, tmp_path: Path
) -> None:
    rescale = {"RescaleSlope": 1, "RescaleIntercept": -1024}
    path = write(tmp_path / "a.dcm", [gradient().tobytes()], **rescale)
    rendering = Rendering(window=(0, 400), format=ImageFormat.PNG)
    drawn = np.asarray(Image.open(io.BytesIO(await pool.render(path, rendering))))
    hounsfield = gradient().astype(int) - 1024
    assert drawn.shape == (40, 64)
    assert (drawn[hounsfield < -201] == 0).all()
    assert (drawn[hounsfield > 200] == 255).all()
    middle = drawn[(hounsfield > -10) & (hounsfield < 10)]
    assert ((middle > 118) & (middle < 138)).all()


async def test_a_picture_that_nobody_asks_for_again_does_not_stay(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", [gradient().tobytes()])
    before = path.stat()
    pool = PixelWorkerPool(workers=1, pictures=PictureMemory(max_idle_seconds=0.5))
    try:
        drawn = await pool.render(path, Rendering())
        # The same file, as far as its inode, size and time tell: only what is drawn anew differs.
        with path.open("r+b") as file:
            file.seek(-len(gradient().tobytes()), os.SEEK_END)
            file.write(gradient()[::-1].tobytes())
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        for _ in range(20):
            await asyncio.sleep(1)
            if await pool.render(path, Rendering()) != drawn:
                return
        pytest.fail("it is still the picture drawn first")
    finally:
        await pool.stop()


async def test_monochrome1_is_drawn_inverted(pool: PixelWorkerPool, tmp_path: Path) -> None:
    plain = write(tmp_path / "a.dcm", [gradient().tobytes()])
    inverse = write(
        tmp_path / "b.dcm", [gradient().tobytes()], PhotometricInterpretation="MONOCHROME1"
    )
    rendering = Rendering(format=ImageFormat.PNG)
    a, b = [
        np.asarray(Image.open(io.BytesIO(await pool.render(p, rendering))))
        for p in (plain, inverse)
    ]
    assert (a + b == 255).all()


async def test_the_picture_fits_the_size_asked_for(pool: PixelWorkerPool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", [gradient().tobytes()])
    drawn = Image.open(io.BytesIO(await pool.render(path, Rendering(size=(32, 32)))))
    assert drawn.size == (32, 20)
    assert drawn.format == "JPEG"


async def test_an_object_without_pixels_is_said_so(pool: PixelWorkerPool, tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", [gradient().tobytes()])
    report = dcmread(path)
    del report.PixelData
    report.save_as(path)
    with pytest.raises(NotAcceptable):
        await pool.render(path, Rendering())


@pytest.mark.parametrize("name", [n for n in ENCODERS if n != "native"])
async def test_corrupt_codestreams_end_in_an_error_or_in_some_picture(
    pool: PixelWorkerPool, tmp_path: Path, name: str
) -> None:
    syntax, encode = ENCODERS[name]
    octets = bytearray(encode(gradient()))
    chance = random.Random(5)
    for _ in range(20):
        corrupt = bytearray(octets)
        for _ in range(5):
            corrupt[chance.randrange(len(corrupt))] = chance.randrange(256)
        path = write(tmp_path / f"{chance.random()}.dcm", [bytes(corrupt)], syntax)
        try:
            assert len(await pool.transcode_frame(path, 1, NATIVE)) == 40 * 64 * 2
        except MalformedMessage:
            continue


async def test_a_claim_of_another_size_is_refused_before_decoding(
    pool: PixelWorkerPool, tmp_path: Path
) -> None:
    syntax, encode = ENCODERS["JPEG 2000"]
    path = write(tmp_path / "a.dcm", [encode(gradient(400, 640))], syntax)
    with pytest.raises(MalformedMessage):
        await pool.transcode_frame(path, 1, NATIVE)


async def test_a_deadline_ends_the_child_that_worked_so_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.dcm", [gradient().tobytes()])
    pool = PixelWorkerPool(workers=1, deadline_seconds=0.5)
    await pool.start()
    child = pool._idle[0]
    child._process.send_signal(signal.SIGSTOP)
    worked = itertools.count(step=10)
    monkeypatch.setattr(child, "_worked_seconds", lambda: float(next(worked)))
    with pytest.raises(MalformedMessage):
        await pool.transcode_frame(path, 1, NATIVE)
    await pool.stop()


async def test_a_child_that_had_no_time_is_no_fault_of_the_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", [gradient().tobytes()])
    pool = PixelWorkerPool(workers=1, deadline_seconds=2)
    await pool.start()
    pool._idle[0]._process.send_signal(signal.SIGSTOP)
    with pytest.raises(Unavailable, match="pixel worker was given no time"):
        await pool.transcode_frame(path, 1, NATIVE)
    assert await pool.transcode_frame(path, 1, NATIVE) == gradient().tobytes()
    await pool.stop()


async def test_the_start_of_a_child_does_not_count_against_the_deadline(tmp_path: Path) -> None:
    path = write(tmp_path / "image.dcm", [gradient().tobytes()])
    pool = PixelWorkerPool(workers=1, deadline_seconds=0.15)  # codecs alone take longer to load
    try:
        assert await pool.stored_frame(path, 1) == gradient().tobytes()
    finally:
        await pool.stop()


async def test_a_child_that_died_while_idle_is_not_asked(
    pool: PixelWorkerPool, tmp_path: Path
) -> None:
    path = write(tmp_path / "image.dcm", [gradient().tobytes()])
    await pool.stored_frame(path, 1)
    process = pool._idle[0]._process
    process.kill()
    await process.wait()
    assert await pool.stored_frame(path, 1) == gradient().tobytes()


async def test_a_child_that_dies_as_it_is_asked_is_asked_for_once_more(
    pool: PixelWorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "image.dcm", [gradient().tobytes()])
    await pool.stored_frame(path, 1)
    monkeypatch.setattr(type(pool._idle[0]), "is_alive", True)  # not yet known to be dead
    pool._idle[0]._process.kill()
    assert await pool.stored_frame(path, 1) == gradient().tobytes()


async def test_children_start_before_they_are_needed(tmp_path: Path) -> None:
    pool = PixelWorkerPool(workers=2)
    await pool.start()
    assert len(pool._idle) == 2
    path = write(tmp_path / "image.dcm", [gradient().tobytes()])
    assert await pool.stored_frame(path, 1) == gradient().tobytes()
    await pool.stop()


async def test_a_file_of_many_frames_has_the_deadline_for_each(tmp_path: Path) -> None:
    """Eighty frames of JPEG 2000 take longer than the deadline together, none of them alone."""
    big = np.tile(gradient(), (8, 8))
    octets = ENCODERS["JPEG 2000"][1](big)
    shape = {"Rows": big.shape[0], "Columns": big.shape[1]}
    path = write(tmp_path / "a.dcm", [octets] * 80, ENCODERS["JPEG 2000"][0], **shape)
    pool = PixelWorkerPool(workers=1, deadline_seconds=0.4)
    try:
        await pool.transcode_file(path, tmp_path / "b.dcm", NATIVE)
    finally:
        await pool.stop()
    assert dcmread(tmp_path / "b.dcm").PixelData == big.tobytes() * 80


async def test_a_file_has_a_deadline_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", [gradient().tobytes()] * 80)
    pool = PixelWorkerPool(workers=1, file_deadline_seconds=0.0001)
    await pool.start()
    try:
        with pytest.raises(MalformedMessage):
            await pool.transcode_file(path, tmp_path / "b.dcm", NATIVE)
    finally:
        await pool.stop()


async def test_a_child_that_the_system_does_not_start_is_told_as_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-such-python"))
    pool = PixelWorkerPool(workers=1)
    await pool.start()
    with pytest.raises(Unavailable):
        await pool.stored_frame(tmp_path / "a.dcm", 1)
    await pool.stop()


async def test_a_picture_drawn_ahead_is_given_to_who_asks_for_it(tmp_path: Path) -> None:
    pool = PixelWorkerPool(workers=2, deadline_seconds=20)
    path = write(tmp_path / "image.dcm", [gradient().tobytes()] * 3)
    try:
        for frame in (1, 2, 3):
            pool.draw_ahead(path, Rendering(frame=frame))
        pictures = [await pool.render(path, Rendering(frame=frame)) for frame in (3, 1, 2)]
        assert len(set(pictures)) == 1
        assert pool._ahead._all is not None
        await asyncio.wait_for(pool._ahead._all, 60)
        pool.draw_ahead(path, Rendering(frame=2))
        assert pool._ahead._drawing is None  # it is known already
        assert await pool.render(path, Rendering(frame=2)) is pictures[2]
    finally:
        await pool.stop()


async def test_what_cannot_be_drawn_ahead_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    pool = PixelWorkerPool(workers=2, deadline_seconds=20)
    path = write(tmp_path / "image.dcm", [gradient().tobytes()])
    try:
        pool.draw_ahead(path, Rendering(frame=2))
        pool.draw_ahead(tmp_path / "none.dcm", Rendering())
        with pytest.raises(NotFound):
            await pool.render(path, Rendering(frame=2))
    finally:
        await pool.stop()
