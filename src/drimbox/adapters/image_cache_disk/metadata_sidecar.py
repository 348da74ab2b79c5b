"""Metadata of a whole series, ready to be sent: digest (32 hexadecimal digits), gzipped JSON.

One file for each address under which the series is served, for its URIs name that address.
"""

import hashlib
from collections.abc import Sequence

from drimbox.ports.image_cache import SeriesMetadata
from drimbox.standards.dicomweb.content_coding import compress

_DIGEST_LENGTH = 32
_GZIP = b"\x1f\x8b"


def sidecar_name(series_url: str) -> str:
    """Return the name of the file for an address."""
    return f"metadata-{hashlib.sha256(series_url.encode()).hexdigest()[:16]}.json.gz"


def encode_sidecar(rows: Sequence[bytes]) -> bytes:
    """Encode the data sets, JSON objects, as one array."""
    octets = b"[" + b",".join(rows) + b"]"
    digest = hashlib.sha256(octets).hexdigest()[:_DIGEST_LENGTH]
    return digest.encode("ascii") + compress(octets)


def decode_sidecar(octets: bytes) -> SeriesMetadata:
    """Read it back.

    Raises:
        ValueError: it was cut short.
    """
    digest, gzipped = octets[:_DIGEST_LENGTH], octets[_DIGEST_LENGTH:]
    if not gzipped.startswith(_GZIP):
        raise ValueError("not metadata of a series")
    return SeriesMetadata(gzipped, f'W/"{digest.decode("ascii")}"')
