"""Accept-Encoding (RFC 9110 12.5.3): whether an answer may leave gzipped."""

import gzip

_SMALLEST = 1024
"""Octets below which compressing costs more than it saves."""


def accepts_gzip(header: str | None) -> bool:
    """Tell whether gzip is acceptable; a header that is none accepts nothing but identity."""
    q = dict(map(_coding, (header or "").split(",")))
    return q.get("gzip", q.get("x-gzip", q.get("*", 0.0))) > 0


def compress(octets: bytes) -> bytes:
    """Return the octets gzipped, fast, the same each time."""
    return gzip.compress(octets, compresslevel=1, mtime=0)


def is_worth_compressing(octets: bytes) -> bool:
    return len(octets) >= _SMALLEST


def _coding(member: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in member.split(";"))
    q = next((p[2:] for p in parameters if p.startswith("q=")), "1")
    try:
        return name, float(q)
    except ValueError:
        return name, 0.0
