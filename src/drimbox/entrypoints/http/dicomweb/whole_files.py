"""Instances that are whole on this host's disk, sent as the files they are.

Everything is known before the first octet, the length too: each file leaves in one piece where the
system has it in memory, with no thread, no chunked coding and no copy in between.
"""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from drimbox.entrypoints.http.instance_files import read_ranges
from drimbox.errors import Unavailable
from drimbox.model.uids import TransferSyntaxUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _File:
    instance: CachedInstance
    length: int


class FilesResponse(StreamingResponse):
    """Files on their way; when_over is called once they are sent, or can be sent no more."""

    when_over: Callable[[], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See starlette.responses.Response."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self.when_over is not None:
                self.when_over()


def multipart_of_files(
    instances: Sequence[CachedInstance], headers: dict[str, str]
) -> FilesResponse:
    """Return the files, a part each.

    Raises:
        Unavailable: one of them is gone.
    """
    boundary = secrets.token_hex(16)
    files = [_File(instance, _length(instance)) for instance in instances]
    heads = [_head(instance.transfer_syntax_uid, boundary) for instance in instances]
    end = closing(boundary)
    length = sum(file.length for file in files) + sum(map(len, heads))
    length += len(PART_END) * len(files) + len(end)
    headers["Content-Length"] = str(length)
    headers["Content-Type"] = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return FilesResponse(_parts(files, heads, end), headers=headers)


def file_response(instance: CachedInstance, headers: dict[str, str]) -> FilesResponse:
    """Return one file alone.

    Raises:
        Unavailable: it is gone.
    """
    file = _File(instance, _length(instance))
    headers["Content-Length"] = str(file.length)
    return FilesResponse(_pieces(file), headers=headers)


async def _parts(
    files: Sequence[_File], heads: Sequence[bytes], end: bytes
) -> AsyncIterator[bytes]:
    before = b""
    for file, head in zip(files, heads, strict=True):
        yield before + head
        async for piece in _pieces(file):
            yield piece
        before = PART_END
    yield before + end


async def _pieces(file: _File) -> AsyncIterator[bytes]:
    for offset in range(0, file.length, _PIECE_BYTES):
        length = min(_PIECE_BYTES, file.length - offset)
        yield await read_ranges(file.instance.path, [(offset, length)])


def _head(syntax: TransferSyntaxUid, boundary: str) -> bytes:
    return part_header(boundary, {"Content-Type": f"application/dicom; transfer-syntax={syntax}"})


def _length(instance: CachedInstance) -> int:
    try:
        return instance.path.stat().st_size
    except OSError as error:
        raise Unavailable("image cache", "lost an instance") from error
