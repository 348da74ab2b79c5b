"""ETags compared and ranges read as RFC 9110 has them."""

import pytest

from drimbox.standards.dicomweb.content_coding import accepts_gzip
from drimbox.standards.dicomweb.validators import (
    ByteRange,
    RangeNotSatisfiable,
    is_same_representation,
    parse_range,
)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ('W/"a"', True),
        ('"a"', True),
        ('"b", W/"a"', True),
        ("*", True),
        ('"b"', False),
        ("a", False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, expected: bool) -> None:
    assert is_same_representation(header, 'W/"a"') is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(None, None, id="no header"),
        pytest.param("bytes=0-9", ByteRange(0, 9), id="the first ten"),
        pytest.param("bytes=90-", ByteRange(90, 99), id="from there on"),
        pytest.param("bytes=-10", ByteRange(90, 99), id="the last ten"),
        pytest.param("bytes=-1000", ByteRange(0, 99), id="more than there is"),
        pytest.param("bytes=50-1000", ByteRange(50, 99), id="past the end"),
        pytest.param("bytes=9-0", None, id="backwards is no range"),
        pytest.param("bytes=0-1,5-6", None, id="two ranges: the whole"),
        pytest.param("pages=1-2", None, id="another unit"),
        pytest.param("bytes=a-b", None, id="no numbers"),
    ],
)
def test_a_range_is_read_or_the_whole_is_sent(
    header: str | None, expected: ByteRange | None
) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_behind_the_end_is_not_satisfiable(header: str) -> None:
    with pytest.raises(RangeNotSatisfiable) as refused:
        parse_range(header, 100)
    assert refused.value.length == 100


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("identity", False),
        ("gzip;q=x", False),
    ],
)
def test_gzip_is_used_where_it_is_accepted(header: str | None, expected: bool) -> None:
    assert accepts_gzip(header) is expected
