"""MTOM: written in one form, read in every form met, octet for octet, or refused by name."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from drimbox.errors import MalformedMessage, TooLarge, UnsupportedMessage
from drimbox.standards.soap.mtom import (
    MAX_PARTS,
    Attachment,
    add_include,
    encode_mtom,
    encode_simple,
    parse_message,
    read_binary,
)

ROOT = b"<?xml version='1.0'?><a/>"
HOSTILE = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b"--", b"drimbox_b_0", b" ", b"--B", b"\x00", b"a:"])
).map(b"".join)


@settings(deadline=None)
@given(st.lists(HOSTILE, max_size=4))
def test_any_octets_come_back_as_they_left(contents: list[bytes]) -> None:
    attachments = [Attachment(f"{i}@x", "application/dicom", c) for i, c in enumerate(contents)]
    packaged = encode_mtom(ROOT, attachments, boundary_seed="b")
    unpacked = parse_message(packaged.content_type, packaged.body)
    assert unpacked.root == ROOT
    assert unpacked.parts == {a.content_id: a.content for a in attachments}


def test_the_boundary_occurs_in_no_content() -> None:
    content = b"\r\n--drimbox_b_0\r\n"
    packaged = encode_mtom(ROOT, [Attachment("1@x", "a/b", content)], boundary_seed="b")
    assert 'boundary="drimbox_b_1"' in packaged.content_type


def test_a_message_without_attachment_is_multipart_all_the_same() -> None:
    packaged = encode_mtom(ROOT, [], boundary_seed="b")
    assert packaged.content_type.startswith("multipart/related;")
    assert parse_message(packaged.content_type, packaged.body).root == ROOT


PLAIN = b"--B\r\nContent-ID: <r>\r\n\r\n<a/>\r\n--B\r\nContent-ID: <p>\r\n\r\n\x00\r\n\r\n--B--\r\n"
TYPE = 'multipart/related; boundary="B"; start="<r>"'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param(TYPE, PLAIN, id="strict"),
        pytest.param("Multipart/Related;BOUNDARY=B", PLAIN, id="no quotes, no start, no blanks"),
        pytest.param("multipart/related;\r\n boundary=B", PLAIN, id="a folded Content-Type"),
        pytest.param(TYPE + ";charset=UTF-8", PLAIN, id="more parameters"),
        pytest.param(
            TYPE.replace('"B"', '"u+1=2:3"'), PLAIN.replace(b"--B", b"--u+1=2:3"), id="+ = :"
        ),
        pytest.param(TYPE, b"preamble\r\nof two lines\r\n" + PLAIN, id="a preamble"),
        pytest.param(TYPE, b"\r\n" + PLAIN, id="an empty preamble"),
        pytest.param(TYPE, PLAIN + b"epilogue\r\n--B--", id="an epilogue"),
        pytest.param(TYPE, PLAIN.removesuffix(b"\r\n"), id="no line end at the end"),
        pytest.param(TYPE, PLAIN.replace(b"--B\r\n", b"--B \t\r\n"), id="padded boundaries"),
        pytest.param(
            TYPE, PLAIN.replace(b"Content-ID: <p>", b"CONTENT-ID:\r\n\t<p>"), id="a folded header"
        ),
        pytest.param(
            TYPE, PLAIN.replace(b"<p>\r\n", b"<p>\r\nContent-Type: a/b\r\n"), id="more headers"
        ),
        pytest.param(
            'multipart/related; boundary=B; start="<rootpart*7@example.jaxws.sun.com>"',
            PLAIN.replace(b"<r>", b"<rootpart*7@example.jaxws.sun.com>"),
            id="an asterisk in start (Metro)",
        ),
        pytest.param(
            TYPE,
            PLAIN.replace(
                b"\r\n\r\n\x00\r\n\r\n",
                b"\r\ncontent-transfer-encoding: BASE64\r\n\r\nAA\r\n0K\r\n",
            ),
            id="base64, in lines",
        ),
        pytest.param(
            TYPE,
            PLAIN.replace(
                b"\r\n\r\n\x00\r\n\r\n",
                b"\r\nContent-Transfer-Encoding: Quoted-Printable\r\n\r\n=00=0D=0A\r\n",
            ),
            id="quoted-printable",
        ),
        pytest.param(TYPE, PLAIN.replace(b"\r\n--B", b"\r\n  --B"), id="indented boundaries"),
    ],
)
def test_reads_every_form_met(content_type: str, body: bytes) -> None:
    unpacked = parse_message(content_type, body)
    assert unpacked.root == b"<a/>"
    assert unpacked.parts == {"p": b"\x00\r\n"}


def test_where_lines_end_with_lf_a_cr_before_it_is_content() -> None:
    body = b"--B\n\n<a/>\n--B\nContent-ID: <p>\n\nx\r\n--B--\n"
    assert parse_message("multipart/related; boundary=B", body).parts == {"p": b"x\r"}


def test_start_names_the_root_wherever_it_stands() -> None:
    body = b"--B\r\nContent-ID: <p>\r\n\r\nx\r\n--B\r\nContent-ID: <r>\r\n\r\n<a/>\r\n--B--"
    unpacked = parse_message(TYPE, body)
    assert unpacked.root == b"<a/>"
    assert unpacked.parts == {"p": b"x"}


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        pytest.param("text/html", b"<html/>", UnsupportedMessage, id="neither XML nor multipart"),
        pytest.param("multipart/related", PLAIN, MalformedMessage, id="no boundary told"),
        pytest.param(TYPE, b"", MalformedMessage, id="nothing"),
        pytest.param(TYPE, b"--B--\r\n", MalformedMessage, id="no part"),
        pytest.param(TYPE, PLAIN.removesuffix(b"--B--\r\n"), MalformedMessage, id="cut short"),
        pytest.param(TYPE, b"--B\r\nContent-ID: <r>\r\n--B--", MalformedMessage, id="headers only"),
        pytest.param(
            TYPE,
            PLAIN.replace(b"<p>", b"<p>\r\nContent-Transfer-Encoding: gzip"),
            UnsupportedMessage,
            id="an encoding of nobody's",
        ),
        pytest.param(
            TYPE,
            PLAIN.replace(b"<p>", b"<p>\r\nContent-Transfer-Encoding: base64"),
            MalformedMessage,
            id="base64 that is none",
        ),
        pytest.param(
            TYPE,
            PLAIN.replace(b"--B--", b"--B\r\nContent-ID: <p>\r\n\r\n2\r\n--B--"),
            MalformedMessage,
            id="one Content-ID twice",
        ),
        pytest.param(
            TYPE, PLAIN.replace(b"<p>", b"<p>" + b"x" * 9000), TooLarge, id="a header too long"
        ),
        pytest.param(
            TYPE, PLAIN.replace(b"<p>", b"<p>" + b"\r\nx: y" * 20), TooLarge, id="too many headers"
        ),
        pytest.param(
            TYPE, b"--B\r\n\r\n\r\n" * (MAX_PARTS + 2) + b"--B--", TooLarge, id="too many parts"
        ),
    ],
)
def test_refuses_by_name(content_type: str, body: bytes, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        parse_message(content_type, body)
    assert type(raised.value) is error


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_octets_end_in_anything_but_a_named_error(noise: bytes) -> None:
    for body in (noise, PLAIN[:60] + noise, PLAIN + noise):
        try:
            parse_message(TYPE, body)
        except (MalformedMessage, TooLarge):
            continue


@settings(deadline=None)
@given(st.text(max_size=80), st.sampled_from(["", "multipart/related; boundary="]))
def test_no_content_type_ends_in_anything_but_a_named_error(noise: str, prefix: str) -> None:
    try:
        parse_message(prefix + noise, PLAIN)
    except (MalformedMessage, TooLarge):
        return


@pytest.mark.parametrize("noise", ["\udc80", 'multipart/related; boundary="\udc80"', ";;=", "\x00"])
def test_a_content_type_of_any_octets_is_refused_by_name(noise: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_message(noise, PLAIN)


def test_a_simple_message_is_its_envelope() -> None:
    packaged = encode_simple(ROOT)
    unpacked = parse_message(packaged.content_type, b"\r\n " + packaged.body)
    assert unpacked.root == ROOT
    assert unpacked.parts == {}


@pytest.mark.parametrize("content_id", ["1@x", "a b@urn:ihe:iti:xds-b:2007", "é@x"])
def test_an_include_finds_its_part(content_id: str) -> None:
    element = etree.Element("document")
    add_include(element, content_id)
    assert read_binary(element, {content_id: b"octets"}) == b"octets"


def test_inline_base64_is_read_as_well() -> None:
    element = etree.Element("document")
    element.text = "\n" + base64.encodebytes(bytes(range(256))).decode()
    assert read_binary(element, {}) == bytes(range(256))
