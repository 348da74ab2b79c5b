"""D8, N8: whatever a Source answers, it ends in images or in one of our errors, in bounds."""

import asyncio
import gzip
import itertools
import os
import time
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.scripted_series import (
    BOUNDARY,
    CT,
    EXPLICIT,
    SERIES,
    Script,
    ScriptedSource,
    message,
    part,
)

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.errors import DrimboxError, MalformedMessage, TooLarge, Unavailable
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import SeriesKey
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

pytestmark = pytest.mark.anyio
IS_LONG = os.environ.get("DRIMBOX_TEST_LONG") == "1"
EXAMPLES = 20_000 if IS_LONG else 150
WHOLE = message(1, 2, 3)
MEBIBYTE = 1024 * 1024


def cut(octets: bytes, size: int) -> Script:
    """Answer these octets, whatever is asked for, in chunks."""
    return lambda _target: (octets[i : i + size] for i in range(0, len(octets), size))


def fair(size: int) -> Script:
    """Answer what is asked for: the series, or one instance of it."""

    def answer(target: TargetResource) -> Iterable[bytes]:
        uid = target.sop_instance_uid
        octets = WHOLE if uid is None else message(int(uid.rpartition(".")[2]))
        return cut(octets, size)(target)

    return answer


async def retrieve(source: ScriptedSource, **bounds: int) -> list[tuple[str, bytes]]:
    found = []
    async for instance in source.series(**bounds):
        octets = b"".join([chunk async for chunk in instance.chunks])
        found.append((str(instance.sop_instance_uid), octets))
    return found


EXPECTED = asyncio.run(retrieve(ScriptedSource([cut(WHOLE, 10**6)])))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(1, 20_000), st.integers(0, len(WHOLE)), st.integers(1, 4000))
def test_any_cut_and_any_chunking_give_the_same_images(size: int, where: int, again: int) -> None:
    """The first answer is cut somewhere; the next ones are whole, in chunks of other sizes."""
    first = cut(WHOLE[:where], size)

    found = asyncio.run(retrieve(ScriptedSource([first, fair(again)])))
    assert sorted(found) == sorted(EXPECTED)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=6)), max_size=8))
def test_any_damage_ends_in_images_or_in_a_named_error(damage: list[tuple[int, bytes]]) -> None:
    octets = bytearray(WHOLE)
    for where, put in damage:
        octets[where : where + len(put)] = put
    since = time.monotonic()
    try:
        found = asyncio.run(retrieve(ScriptedSource([cut(bytes(octets), 1000)])))
    except DrimboxError:
        found = []
    assert {uid for uid, _ in found} <= {uid for uid, _ in EXPECTED}
    assert time.monotonic() - since < 5


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=2000))
def test_any_part_ends_in_images_or_in_a_named_error(octets: bytes) -> None:
    body = part_header(BOUNDARY, {}) + octets + PART_END + closing(BOUNDARY)
    try:
        found = asyncio.run(retrieve(ScriptedSource([cut(body, 300)])))
    except DrimboxError:
        found = []
    assert found == []


def endless(first: bytes, again: bytes) -> Script:
    return lambda _target: itertools.chain([first], itertools.repeat(again))


def foreign_part(number: int) -> bytes:
    uid = SopInstanceUid(f"1.2.250.1.999.404.{number}")
    head = part_header(BOUNDARY, {"Content-Type": "application/dicom"})
    meta = encode_file_meta(CT, uid, EXPLICIT)
    return head + meta + PART_END


HEAD = part(1)[: -len(PART_END)]
ENDLESS = [
    pytest.param(endless(HEAD, bytes(MEBIBYTE)), TooLarge, id="an image without end"),
    pytest.param(endless(b"", part(1)), MalformedMessage, id="the same image again and again"),
    pytest.param(endless(b"", foreign_part(1)), MalformedMessage, id="foreign parts without end"),
    pytest.param(
        endless(b"", part_header(BOUNDARY, {}) + PART_END), MalformedMessage, id="empty parts"
    ),
    pytest.param(
        endless(f"--{BOUNDARY}\r\nX: ".encode(), b"x" * 5000), MalformedMessage, id="a header"
    ),
    pytest.param(
        endless(HEAD[:300] + b"\x09\x00\x10\x00OB\0\0\0\0\0\x40", bytes(MEBIBYTE)),
        (MalformedMessage, TooLarge),
        id="identifiers behind a gigabyte",
    ),
]


@pytest.mark.parametrize(("script", "error"), ENDLESS)
async def test_an_answer_without_end_has_one_in_bounded_memory(
    script: Script, error: type[DrimboxError], tmp_path: Path
) -> None:
    cache = DiskImageCache(tmp_path / "cache", max_bytes=10**9, max_age_seconds=60)
    source = ScriptedSource([script])
    key = SeriesKey(SERIES.study_instance_uid, SERIES.series_instance_uid)
    tracemalloc.start()
    try:
        copy = cache.open_series(key, lambda: source.series(max_octets=100 * MEBIBYTE))
        with pytest.raises(error):
            async for _ in copy.instances():
                pass
        assert tracemalloc.get_traced_memory()[1] < 40 * MEBIBYTE
    finally:
        tracemalloc.stop()
        await cache.stop()


async def test_an_answer_that_is_compressed_is_not_inflated() -> None:
    """N8: 300 KiB that would be 300 MiB."""
    bomb = gzip.compress(bytes(300 * MEBIBYTE), 9)
    tracemalloc.start()
    try:
        with pytest.raises((MalformedMessage, Unavailable)):
            await retrieve(ScriptedSource([cut(bomb, 64 * 1024)]))
        assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "C:\\x", "..%2f..", "\0", "~"])
async def test_d1_a_content_location_names_no_file(name: str, tmp_path: Path) -> None:
    body = part(1, headers={"Content-Location": name}) + message(2, 3)
    cache = DiskImageCache(tmp_path / "cache", max_bytes=10**9, max_age_seconds=60)
    key = SeriesKey(SERIES.study_instance_uid, SERIES.series_instance_uid)
    copy = cache.open_series(key, lambda: ScriptedSource([cut(body, 500)]).series())
    places = [instance.path async for instance in copy.instances()]
    assert len(places) == 3
    assert {place.parent.parent for place in places} == {tmp_path / "cache"}
    await cache.stop()
