"""MLLP: the same messages however the stream is cut."""

from itertools import chain

import pytest

from drimbox.errors import TooLarge
from drimbox.standards.hl7v2.mllp import MllpReader, frame

LIMIT = 100_000
LONG = b"MSH|" + bytes(range(14, 28)) + b"x" * 60_000

# What comes over the wire, and the messages it holds.
STREAMS = [
    pytest.param(b"", [], id="nothing"),
    pytest.param(b"\x0bMSH|1\x1c\x0d", [b"MSH|1"], id="one message"),
    pytest.param(b"\x0b\x1c\x0d", [b""], id="an empty block"),
    pytest.param(
        b"\x0bMSH|1\x1c\x0d\x0bMSH|2\x1c\x0d", [b"MSH|1", b"MSH|2"], id="two without a pause"
    ),
    pytest.param(
        b"\x0bMSH|1\x1c\x0d\r\n\x0bMSH|2\x1c\x0d", [b"MSH|1", b"MSH|2"], id="CRLF between"
    ),
    pytest.param(b"GET / HTTP/1.1\r\n\r\n\x0bMSH|1\x1c\x0d", [b"MSH|1"], id="noise before"),
    pytest.param(b"\x0bMSH|1\rPID|\x1cx\x1c\x0d", [b"MSH|1\rPID|\x1cx"], id="FS alone inside"),
    pytest.param(b"\x0bMSH|1\x1c\x1c\x0d", [b"MSH|1\x1c"], id="FS twice at the end"),
    pytest.param(b"\x0bMSH|lost\x0bMSH|2\x1c\x0d", [b"MSH|2"], id="a block given up for another"),
    pytest.param(b"\x0b" + LONG + b"\x1c\x0d", [LONG], id="a long message"),
    pytest.param(b"\x0bMSH|1", [], id="a message that never ends"),
    pytest.param(b"\x0bMSH|1\x1c", [], id="half an end"),
]


@pytest.mark.parametrize("size", [1, 2, 1000, LIMIT])
@pytest.mark.parametrize(("stream", "messages"), STREAMS)
def test_splits_the_same_however_the_stream_is_cut(
    stream: bytes, messages: list[bytes], size: int
) -> None:
    reader = MllpReader(LIMIT)
    found: list[bytes] = []
    for start in range(0, len(stream), size):
        found += reader.receive(stream[start : start + size])
    assert found == messages


@pytest.mark.parametrize("message", [b"", b"MSH|1", LONG])
def test_reads_what_it_framed(message: bytes) -> None:
    assert list(MllpReader(LIMIT).receive(frame(message))) == [message]


@pytest.mark.parametrize("size", [1000, LIMIT * 3])
@pytest.mark.parametrize("end", [b"", b"\x1c\x0d"])
def test_a_message_over_the_limit_is_refused_with_its_beginning_at_hand(
    size: int, end: bytes
) -> None:
    stream = b"\x0bMSH|first" + b"x" * (2 * LIMIT) + end
    reader = MllpReader(LIMIT)
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    with pytest.raises(TooLarge):
        list(chain.from_iterable(map(reader.receive, chunks)))
    assert reader.head.startswith(b"MSH|first")


@pytest.mark.parametrize("count", [LIMIT, LIMIT + 1])
def test_the_limit_is_a_message_of_that_many_octets(count: int) -> None:
    stream = frame(b"x" * count)
    if count > LIMIT:
        with pytest.raises(TooLarge):
            list(MllpReader(LIMIT).receive(stream))
    else:
        assert [len(m) for m in MllpReader(LIMIT).receive(stream)] == [count]


def test_noise_between_blocks_is_not_kept() -> None:
    reader = MllpReader(LIMIT)
    for _ in range(50):
        assert list(reader.receive(b"x" * LIMIT)) == []
    assert not reader.has_partial_message
    assert reader.head == b""


def test_tells_an_open_block() -> None:
    reader = MllpReader(LIMIT)
    assert list(reader.receive(b"\x0bMSH|1")) == []
    assert reader.has_partial_message
    assert list(reader.receive(b"\x1c\x0d")) == [b"MSH|1"]
    assert not reader.has_partial_message
