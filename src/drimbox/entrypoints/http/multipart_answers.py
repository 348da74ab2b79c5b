"""Answers of several parts, sent part by part, and octets of a file, sent piece by piece."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
from starlette.responses import StreamingResponse

from drimbox.errors import NotFound, Unavailable
from drimbox.flows.image_streams import close
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

_READ_BYTES = 1024 * 1024
Coding = Callable[[AsyncGenerator[bytes, None]], AsyncIterator[bytes]]
"""A content coding (RFC 9110 8.4.1), done to each chunk as it comes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part; location is its Content-Location, the address at which it is found alone."""

    content_type: str
    chunks: AsyncIterator[bytes]
    location: str | None = None


async def multipart_response(
    parts: AsyncIterator[Part], headers: Mapping[str, str], *, coding: Coding | None = None
) -> StreamingResponse:
    """Return every part; nothing is sent before the first is there, so that it may still fail.

    The type of the whole is that of its first part (RFC 2387 3.1). coding is what the headers say
    of it, done.

    Raises:
        NotFound: there is no part at all.
    """
    first = await anext(parts, None)
    if first is None:
        raise NotFound("nothing of this kind")
    boundary = secrets.token_hex(16)
    inner_type = first.content_type.partition(";")[0]
    media_type = f'multipart/related; type="{inner_type}"; boundary={boundary}'
    body = _encoded(first, parts, boundary)
    return StreamingResponse(
        coding(body) if coding is not None else body,
        headers={**headers, "Content-Type": media_type},
    )


async def whole(octets: bytes) -> AsyncIterator[bytes]:
    """Return octets that are all there as chunks."""
    yield octets


async def file_chunks(path: Path, offset: int, length: int) -> AsyncIterator[bytes]:
    """Read length octets of a file.

    Raises:
        Unavailable: the file is gone, or shorter.
    """
    try:
        async with await anyio.open_file(path, "rb") as file:
            await file.seek(offset)
            while length:
                chunk = await file.read(min(length, _READ_BYTES))
                if not chunk:
                    raise Unavailable("image cache", "lost a part of an instance")
                length -= len(chunk)
                yield chunk
    except OSError as error:
        raise Unavailable("image cache", "lost an instance") from error


async def _encoded(
    first: Part, others: AsyncIterator[Part], boundary: str
) -> AsyncGenerator[bytes, None]:
    try:
        async for octets in _part(first, boundary):
            yield octets
        async for part in others:
            async for octets in _part(part, boundary):
                yield octets
        yield closing(boundary)
    finally:
        await close(others)


async def _part(part: Part, boundary: str) -> AsyncIterator[bytes]:
    headers = {"Content-Type": part.content_type}
    if part.location is not None:
        headers["Content-Location"] = part.location
    yield part_header(boundary, headers)
    async for chunk in part.chunks:
        yield chunk
    yield PART_END
