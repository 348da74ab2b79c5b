"""A multipart answer taken apart by text alone, as a second opinion on our own encoder."""

from collections.abc import Mapping


def parts_of(content_type: str, content: bytes) -> list[tuple[Mapping[str, str], bytes]]:
    """Return headers and octets of each part; the closing delimiter must be there."""
    boundary = content_type.rpartition("boundary=")[2].encode()
    *pieces, closing = content.split(b"--" + boundary)
    assert closing == b"--\r\n"
    split = []
    for piece in pieces[1:]:
        head, _, octets = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        split.append((headers, octets.removesuffix(b"\r\n")))
    return split
