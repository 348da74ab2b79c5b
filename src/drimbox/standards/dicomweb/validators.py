"""Conditional requests and ranges (RFC 9110 13, 14): ETags compared, `Range: bytes=` read."""

import re
from dataclasses import dataclass

from drimbox.errors import InvalidValue

_RANGE = re.compile(r"bytes=\s*(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))\s*\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Octets from first to last, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


class RangeNotSatisfiable(InvalidValue):
    """No octet of the representation is in the range; length is that of the representation."""

    def __init__(self, length: int) -> None:
        super().__init__("Range", "octets of the representation (RFC 9110 15.5.17)")
        self.length = length


def is_same_representation(if_none_match: str | None, etag: str) -> bool:
    """Compare weakly, as If-None-Match wants it (RFC 9110 13.1.2)."""
    return (if_none_match or "").strip() == "*" or is_named(if_none_match, etag)


def is_named(if_none_match: str | None, etag: str) -> bool:
    """Tell whether this very ETag is among them, which nobody has who was not given it."""
    members = (member.strip() for member in (if_none_match or "").split(","))
    return any(member.removeprefix("W/") == etag.removeprefix("W/") for member in members)


def parse_range(header: str | None, length: int) -> ByteRange | None:
    """Return the one range asked for.

    None where there is none that we serve: no header, another unit, several ranges. The whole is
    then sent, as RFC 9110 14.2 allows.

    Raises:
        RangeNotSatisfiable: it begins behind the last octet.
    """
    match = _RANGE.match(header) if header is not None else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start = max(length - int(suffix), 0)
        end = length - 1
    else:
        start = int(first)
        end = min(int(last), length - 1) if last else length - 1
        if last and int(last) < start:
            return None
    if start >= length or end < start:
        raise RangeNotSatisfiable(length)
    return ByteRange(start, end)
