"""XML written by others: what is let in, what is refused, and that no entity is ever expanded."""

import gc
import time

import psutil
import pytest

from drimbox.errors import DrimboxError, MalformedMessage, TooLarge
from drimbox.standards.safe_xml import MAX_DEPTH, parse_xml

LIMIT = 32 * 1024 * 1024
ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-7", "iso-8859-1", "us-ascii")


def laughing(name: str) -> bytes:
    """Ten levels of ten entities, used in an attribute and in text."""
    levels = "".join(f'<!ENTITY {name}{i} "{f"&{name}{i - 1};" * 10}">' for i in range(1, 10))
    text = f'<!DOCTYPE l [<!ENTITY {name}0 "lol">{levels}]><l x="&{name}9;">&{name}9;</l>'
    return text.encode()


REFUSED = [
    pytest.param(b"", MalformedMessage, id="nothing at all"),
    pytest.param(b"MSH|^~\\&", MalformedMessage, id="something that is not XML"),
    pytest.param(b"<a><b></a>", MalformedMessage, id="tags that cross"),
    pytest.param(b"<a/><b/>", MalformedMessage, id="two roots"),
    pytest.param(b"<a>\xff</a>", MalformedMessage, id="octets that are not UTF-8"),
    pytest.param(b"<a>&who;</a>", MalformedMessage, id="an entity nobody declared"),
    pytest.param(
        b'<?xml version="1.0" encoding="x-none"?><a/>', MalformedMessage, id="unknown encoding"
    ),
    pytest.param(b"<!DOCTYPE a><a/>", MalformedMessage, id="a bare DOCTYPE"),
    pytest.param(
        b'<!DOCTYPE a SYSTEM "http://198.51.100.1/a.dtd"><a/>', MalformedMessage, id="external DTD"
    ),
    pytest.param(
        b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        MalformedMessage,
        id="external entity",
    ),
    pytest.param(
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><a/>',
        MalformedMessage,
        id="parameter entity",
    ),
    pytest.param(
        b"<!--" + b"x" * 100_000 + b"--><!DOCTYPE a><a/>",
        MalformedMessage,
        id="a DOCTYPE far behind a comment",
    ),
    pytest.param(laughing("e"), MalformedMessage, id="a billion laughs"),
    pytest.param(b"<a>" * 257 + b"</a>" * 257, TooLarge, id="one level too deep"),
    pytest.param(b"<a>" * 300_000, TooLarge, id="300 000 levels"),
    pytest.param(
        b"<a>" * 257 + b"</a>" * 256 + b"<b>" + b"x" * 5_000_000 + b"</b></a>",
        TooLarge,
        id="one level too deep in a document of megabytes",
    ),
    pytest.param(b"<a>" + b" " * LIMIT + b"</a>", TooLarge, id="more octets than the limit"),
]


@pytest.mark.parametrize(("content", "error"), REFUSED)
def test_refuses(content: bytes, error: type[DrimboxError]) -> None:
    started = time.process_time()
    with pytest.raises(error):
        parse_xml(content, max_bytes=LIMIT)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_encoding_hides_a_doctype(encoding: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    parse_xml(f"{declaration}<a>x</a>".encode(encoding), max_bytes=LIMIT)
    with pytest.raises(MalformedMessage, match="DOCTYPE"):
        parse_xml(f"{declaration}<!DOCTYPE a><a>x</a>".encode(encoding), max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(b"<a>x<!-- y -->z</a>", "xz", id="comments"),
        pytest.param(b"<a><![CDATA[<!DOCTYPE html>]]></a>", "<!DOCTYPE html>", id="CDATA"),
        pytest.param(b"\xef\xbb\xbf<a>\xc3\xa9</a>", "é", id="a byte order mark"),
        pytest.param(b"<a>&lt;&#233;</a>", "<é", id="the predefined entities"),
        pytest.param(b"<a>" + b"x" * 20_000_000 + b"</a>", "x" * 20_000_000, id="20 MB of text"),
    ],
)
def test_keeps_the_text(content: bytes, text: str) -> None:
    assert "".join(parse_xml(content, max_bytes=LIMIT).itertext()) == text


def test_lets_in_256_levels() -> None:
    content = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH
    assert parse_xml(content, max_bytes=LIMIT).tag == "a"


def test_says_where_but_never_what() -> None:
    with pytest.raises(MalformedMessage, match="XML line 2 column") as refusal:
        parse_xml(b"<a>\n<DUPONT></JEANNE></a>", max_bytes=LIMIT)
    assert "DUPONT" not in str(refusal.value)
    assert "JEANNE" not in str(refusal.value)


def test_names_that_are_made_up_leave_no_memory_behind() -> None:
    """Found by fuzzing: 41 MiB of a million names, which nothing gave back."""

    def read(number: int) -> None:
        names = b"".join(b"<n%d_%d/>" % (one, number) for one in range(5000))
        assert len(parse_xml(b"<a>" + names + b"</a>", max_bytes=LIMIT)) == 5000

    def held_by(numbers: range) -> int:
        for number in numbers:
            read(number)
        gc.collect()
        return psutil.Process().memory_info().rss

    warm = held_by(range(30))
    assert held_by(range(30, 180)) - warm < 12 * 1024 * 1024
