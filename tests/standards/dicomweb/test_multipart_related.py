"""Any cut of any stream gives the same parts (threat D8)."""

import email
import email.policy
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drimbox.errors import MalformedMessage
from drimbox.standards.dicomweb.multipart_related import (
    HEAD_BYTES,
    PART_END,
    MultipartReader,
    PartFinished,
    PartOctets,
    PartStart,
    closing,
    part_header,
)

Part = tuple[dict[str, str], bytes]


def message(boundary: str, parts: Sequence[bytes]) -> bytes:
    headers = {"Content-Type": "application/dicom"}
    body = b"".join(part_header(boundary, headers) + p + PART_END for p in parts)
    return body + closing(boundary)


def read(boundary: str, chunks: Iterable[bytes]) -> tuple[list[Part], bool]:
    reader = MultipartReader(boundary)
    parts: list[Part] = []
    headers: dict[str, str] = {}
    octets = b""
    for chunk in chunks:
        for event in reader.receive(chunk):
            match event:
                case PartStart():
                    headers, octets = dict(event.headers), b""
                case PartOctets():
                    octets += event.octets
                case PartFinished():
                    parts.append((headers, octets))
    return parts, reader.is_finished


def cut(octets: bytes, size: int) -> list[bytes]:
    return [octets[i : i + size] for i in range(0, len(octets), size)]


nasty = st.lists(
    st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"\r\n--b", b"b", b"\x00", b"\r\n"]),
    max_size=12,
).map(b"".join)


@given(
    parts=st.lists(st.one_of(nasty, st.binary(max_size=200)), max_size=4), size=st.integers(1, 50)
)
def test_any_cut_gives_the_same_parts(parts: list[bytes], size: int) -> None:
    boundary = "bound"
    if any(b"\r\n--bound" in b"\r\n" + p for p in parts):
        return
    got, is_finished = read(boundary, cut(message(boundary, parts), size))
    assert [octets for _, octets in got] == parts
    assert is_finished


def test_the_standard_library_reads_what_we_write() -> None:
    parts = [b"\x00\x01\r\n", b"", b"--b\r\n\r\n"]
    head = b'Content-Type: multipart/related; boundary="b1"\r\n\r\n'
    parsed = email.message_from_bytes(head + message("b1", parts), policy=email.policy.HTTP)
    assert [p.get_payload(decode=True) for p in parsed.iter_parts()] == parts


@pytest.mark.parametrize("size", [1, 2, 1000])
@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        pytest.param(b"--b\r\n\r\n1\r\n--b--", [({}, b"1")], id="no headers"),
        pytest.param(b"--b\r\n\r\n\r\n--b--", [({}, b"")], id="no headers, no octets"),
        pytest.param(b"--b\r\nA: b\r\n\r\n--b--", [({"a": "b"}, b"")], id="no line for the octets"),
        pytest.param(
            b"hello\r\n--b\r\nA:b\r\n\r\n1\r\n--b--\r\nbye", [({"a": "b"}, b"1")], id="preamble"
        ),
        pytest.param(b"\r\n--b \t\r\n\r\n1\r\n--b--", [({}, b"1")], id="transport padding"),
    ],
)
def test_reads_every_legal_shape(octets: bytes, expected: list[Part], size: int) -> None:
    assert read("b", cut(octets, size)) == (expected, True)


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"--b\r\n\r\n1\r\n", id="before the closing delimiter"),
        pytest.param(b"--b\r\n\r\n1\r\n--b", id="in the closing delimiter"),
        pytest.param(b"", id="at once"),
    ],
)
def test_a_cut_stream_is_not_finished(octets: bytes) -> None:
    assert read("b", [octets])[1] is False


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"--b\r\n" + b"A: b\r\n" * 17 + b"\r\n", id="17 headers"),
        pytest.param(b"--b\r\nA: " + b"x" * 9000, id="headers without end"),
        pytest.param(b"--b\r\nnonsense\r\n\r\n", id="a header without colon"),
        pytest.param(b"--bxxx\r\n\r\n", id="text after the delimiter"),
        pytest.param(b"--b" + b" " * 200, id="padding without end"),
    ],
)
def test_hostile_streams_end_in_a_named_error(octets: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read("b", cut(octets, 100))


@pytest.mark.parametrize("before", range(80))
def test_a_delimiter_is_found_wherever_the_first_piece_of_a_part_ends(before: int) -> None:
    parts = [b"a" * (HEAD_BYTES - before), b"b"]
    octets = message("bound", parts)
    assert [part for _, part in read("bound", [octets])[0]] == parts


def test_the_first_piece_of_a_part_is_short() -> None:
    octets = message("bound", [b"a" * 3 * HEAD_BYTES])
    events = list(MultipartReader("bound").receive(octets))
    pieces = [len(event.octets) for event in events if isinstance(event, PartOctets)]
    assert pieces[0] <= HEAD_BYTES
    assert len(pieces) == 2
