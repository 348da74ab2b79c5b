"""D3, D5: data sets that deflate a thousandfold, or hold elements by the million, end in bounds.

Whoever reads them - what leaves, the metadata, a whole file - refuses them in bounded memory.
"""

import gc
import itertools
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator

import psutil
import pytest
from tests.fakes.dicom_objects import encoded, made_up_object
from tests.fakes.manifests import made_up_ins

from drimbox.errors import MalformedMessage
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dicom.data_set import Encoding, read_data_set
from drimbox.standards.dicom.metadata import MAX_METADATA_BYTES, MetadataReader
from drimbox.standards.dicom.outgoing import IdentifierWriter, OutgoingDataSet, OutgoingIdentity
from drimbox.standards.dicom.part10 import data_set_octets, encode_file_meta, parse_file_meta

MEBIBYTE = 1024 * 1024
# Of this process; the goal is one second, the rest is for a machine that does other things.
LONGEST_SECONDS = 5.0
EXPLICIT = TransferSyntaxUid("1.2.840.10008.1.2.1")
IMPLICIT = TransferSyntaxUid("1.2.840.10008.1.2")
DEFLATED = TransferSyntaxUid("1.2.840.10008.1.2.1.99")
HEAD = encoded(made_up_object(1))[:300]
# 509 KB that are 512 MiB, as the threat has it.
PIXELS = b"\xe0\x7f\x10\x00OW\0\0" + (512 * MEBIBYTE).to_bytes(4, "little")


def deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    for piece in pieces:
        yield deflater.compress(piece)
    yield deflater.flush()


def zeros() -> Iterator[bytes]:
    yield PIXELS
    yield from itertools.repeat(bytes(MEBIBYTE), 512)


BOMB = b"".join(deflated(zeros()))


def empty_elements(encoding: str) -> Iterator[bytes]:
    """Yield a million private elements without value, each of another tag."""
    for group in range(0x0011, 0x0011 + 2 * 62, 2):
        yield b"".join(
            struct.pack("<HH2sH", group, 0x1000 + element, b"LO", 0)
            if encoding == "explicit"
            else struct.pack("<HHI", group, 0x1000 + element, 0)
            for element in range(0x4000)
        )


def empty_items() -> Iterator[bytes]:
    """Yield one sequence of a million items without anything in them."""
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * 1_000_000
    yield struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, len(items)) + items


def long_values() -> Iterator[bytes]:
    """Yield a gigabyte of values, each just short enough to be held."""
    for number in range(17_000):
        group, element = 0x0011 + 2 * (number >> 12), 0x1000 + (number & 0xFFF)
        yield struct.pack("<HH2sH", group, element, b"LO", 60_000) + bytes(60_000)


def read_metadata(syntax: TransferSyntaxUid, pieces: Iterable[bytes]) -> None:
    reader = MetadataReader(syntax)
    for piece in pieces:
        reader.feed(piece)
    reader.metadata("https://box.test/{}".format)


def send_on(syntax: TransferSyntaxUid, pieces: Iterable[bytes]) -> None:
    outgoing = OutgoingDataSet(syntax, IdentifierWriter(OutgoingIdentity(ins=made_up_ins())))
    for piece in pieces:
        for _ in outgoing.feed(piece):
            pass
    for _ in outgoing.finish():
        pass


def read_file(syntax: TransferSyntaxUid, pieces: Iterable[bytes]) -> None:
    meta = encode_file_meta(SopClassUid("1.2.3"), SopInstanceUid("1.2.3"), syntax)
    octets = meta + b"".join(pieces)
    content = data_set_octets(octets, parse_file_meta(octets))
    read_data_set(content, Encoding.EXPLICIT_LITTLE)


Read = Callable[[TransferSyntaxUid, Iterable[bytes]], None]


@pytest.mark.parametrize(
    ("read", "syntax", "pieces"),
    [
        pytest.param(send_on, DEFLATED, [BOMB], id="a bomb that leaves"),
        pytest.param(read_file, DEFLATED, [BOMB], id="a bomb in a file"),
        pytest.param(read_metadata, EXPLICIT, empty_elements("explicit"), id="a million elements"),
        pytest.param(send_on, IMPLICIT, empty_elements("implicit"), id="a million that leave"),
        pytest.param(read_file, EXPLICIT, empty_elements("explicit"), id="a million in a file"),
        pytest.param(read_metadata, EXPLICIT, empty_items(), id="a million items"),
        pytest.param(send_on, EXPLICIT, [HEAD[:8], *empty_items()], id="items that leave"),
        pytest.param(read_metadata, EXPLICIT, long_values(), id="a gigabyte of values"),
        pytest.param(
            read_metadata, DEFLATED, deflated(empty_elements("explicit")), id="deflated elements"
        ),
    ],
)
def test_it_is_refused_in_bounded_memory(
    read: Read, syntax: TransferSyntaxUid, pieces: Iterable[bytes]
) -> None:
    gc.collect()
    process = psutil.Process()
    before, since = process.memory_info().rss, time.process_time()
    with pytest.raises(MalformedMessage) as refused:
        read(syntax, pieces)
    # What was read is still held by the frames of the error.
    assert refused.tb
    assert process.memory_info().rss - before < 200 * MEBIBYTE
    assert time.process_time() - since < LONGEST_SECONDS


def test_a_bomb_is_refused_at_once() -> None:
    since = time.process_time()
    with pytest.raises(MalformedMessage):
        send_on(DEFLATED, [BOMB])
    assert time.process_time() - since < 2


def test_the_metadata_of_a_bomb_come_without_its_pixels() -> None:
    """What stands before the pixels is read; the pixels themselves are never inflated."""
    tracemalloc.start()
    try:
        read_metadata(DEFLATED, [BOMB])
        assert tracemalloc.get_traced_memory()[1] < 16 * MEBIBYTE
    finally:
        tracemalloc.stop()


def test_what_real_images_hold_is_read() -> None:
    """4000 frames of 50 elements each: an enhanced image as large as they come."""
    element = struct.pack("<HH2sH", 0x0018, 0x9074, b"DT", 14) + b"20260101120000"
    frame = b"".join(struct.pack("<HH2sH", 0x0020, 0x1000 + n, b"LO", 2) + b"x " for n in range(49))
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(element + frame)) + element + frame
    items = item * 4000
    frames = struct.pack("<HH2sHI", 0x5200, 0x9230, b"SQ", 0, len(items)) + items
    assert len(frames) < MAX_METADATA_BYTES
    assert len(read_data_set(frames, Encoding.EXPLICIT_LITTLE)[0x52009230][1]) == 4000
