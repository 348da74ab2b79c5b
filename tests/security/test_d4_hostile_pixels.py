"""Row D4: corrupted frames end in an error or in some picture, and nobody else notices.

Frames of four codecs with octets overwritten, several at a time through the jailed pool, beside a
listener that goes on answering. The short form has 30 of each codec, `scripts/test --long` 2000.
"""

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import imagecodecs
import numpy as np
import psutil
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID
from starlette.types import Receive, Scope, Send
from tests.fakes.dicom_files import made_up_image, pixels

from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.entrypoints.http.event_loop_watch import EventLoopWatch
from drimbox.entrypoints.http.listener import HttpListener
from drimbox.errors import MalformedMessage, NotAcceptable, Unavailable
from drimbox.ports.pixel_worker import ImageFormat, Rendering

pytestmark = pytest.mark.anyio

EACH = 2000 if os.environ.get("DRIMBOX_TEST_LONG") else 30
AT_ONCE = 4
WORKERS = 2
DEADLINE = 5.0
MEBIBYTE = 1024 * 1024
CODECS: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {  # type: ignore[type-arg]
    "JPEG 2000": (
        "1.2.840.10008.1.2.4.90",
        lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True),
    ),
    "HTJ2K": ("1.2.840.10008.1.2.4.201", lambda a: imagecodecs.htj2k_encode(a, reversible=True)),
    "JPEG-LS": ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode),
    "JPEG lossless": (
        "1.2.840.10008.1.2.4.70",
        lambda a: imagecodecs.ljpeg_encode(a, bitspersample=12),
    ),
}


def corrupted(folder: Path) -> list[Path]:
    """Write the files; a header that says the same as ever, a codestream that does not hold."""
    chance = random.Random(4)  # octets, not secrets
    paths = []
    for name, (syntax, encode) in CODECS.items():
        codestream = encode(pixels(1))
        for number in range(EACH):
            octets = bytearray(codestream)
            for _ in range(chance.choice((1, 2, 8, 32))):
                octets[chance.randrange(2, len(octets))] = chance.randrange(256)
            image = made_up_image(1)
            image.file_meta.TransferSyntaxUID = UID(syntax)
            image.PixelData = encapsulate([bytes(octets)])
            image["PixelData"].VR = "OB"
            path = folder / f"{name}-{number}.dcm"
            image.save_as(path, enforce_file_format=True)
            paths.append(path)
    return paths


async def alive(scope: Scope, receive: Receive, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"alive"})


@pytest.fixture
async def listener() -> AsyncIterator[HttpListener]:
    opened = HttpListener(alive, "127.0.0.1", 0)
    await opened.start()
    yield opened
    await opened.stop()


async def test_corrupted_frames_hurt_nobody(listener: HttpListener, tmp_path: Path) -> None:
    files = await asyncio.to_thread(corrupted, tmp_path)
    pool = PixelWorkerPool(workers=WORKERS, deadline_seconds=DEADLINE)
    me = psutil.Process()
    others = set(me.children())
    await pool.start()
    memory_before = me.memory_info().rss
    loop = EventLoopWatch()
    watch = asyncio.gather(loop.run(), _ask(listener.port))
    try:
        slowest = await _draw_all(pool, files)
        workers = set(me.children()) - others
        assert not watch.done(), "the listener does not answer"
    finally:
        watch.cancel()
        await pool.stop()
    assert slowest < 3 * DEADLINE
    assert len(workers) <= WORKERS
    assert me.memory_info().rss - memory_before < 50 * MEBIBYTE
    assert _share_of_rounds_held(loop) < 0.01
    left = set(me.children()) - others
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]


async def _draw_all(pool: PixelWorkerPool, files: list[Path]) -> float:
    """Draw every file, some at once; return how long the slowest took once it was its turn."""
    turns = asyncio.Semaphore(AT_ONCE)
    outcomes: list[tuple[str, float]] = []

    async def draw(path: Path) -> None:
        async with turns:
            since = time.monotonic()
            try:
                picture = await pool.render(path, Rendering(format=ImageFormat.PNG))
                assert picture.startswith(b"\x89PNG")
                outcome = "picture"
            except (MalformedMessage, NotAcceptable, Unavailable):
                outcome = "error"
            outcomes.append((outcome, time.monotonic() - since))

    await asyncio.gather(*(draw(path) for path in files))
    assert {outcome for outcome, _ in outcomes} == {"picture", "error"}
    # Two of four wait for a child: their wait is somebody else's deadline.
    return max(seconds for _, seconds in outcomes) / (AT_ONCE / WORKERS)


def _share_of_rounds_held(loop: EventLoopWatch) -> float:
    """Return how often the loop was held a quarter of a second, the wait for a processor apart."""
    told = {
        (sample.name, sample.labels.get("le")): sample.value
        for metric in loop.collect()
        for sample in metric.samples
    }
    rounds = told["drimbox_event_loop_held_seconds_count", None]
    return 1 - told["drimbox_event_loop_held_seconds_bucket", "0.25"] / rounds


async def _ask(port: int) -> None:
    """Ask a listener of this process again and again."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"alive" in await reader.read()
        writer.close()
        await asyncio.sleep(0.02)
