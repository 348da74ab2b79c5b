"""Bulk data (PS3.18 10.4.1.1.5): the values that metadata tell of by a BulkDataURI.

    .../instances/{instance}/bulkdata/{path}     one value; single part, ranges of octets
    ...[/series/..[/instances/..]]/bulkdata      every one of them, a part each
    ...[/series/..[/instances/..]]/pixeldata     the pixels only, as frames where compressed

Compressed pixels have no value that octets alone would explain: they leave frame by frame, in the
media type of their syntax (8.7.3.3), or decoded.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from drimbox.entrypoints.http.dicomweb.pixel_data import pixel_data_parts
from drimbox.entrypoints.http.dicomweb.representation import (
    cache_headers,
    not_modified,
    strong_etag,
)
from drimbox.entrypoints.http.dicomweb.request import ImageRequest
from drimbox.entrypoints.http.instance_files import bulk_data_paths, mapped_data_set
from drimbox.entrypoints.http.multipart_answers import Part, file_chunks, multipart_response, whole
from drimbox.errors import NotAcceptable, NotFound
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attribute_value import find_binary_value
from drimbox.standards.dicom.data_set import PIXEL_DATA_TAGS, Encoding
from drimbox.standards.dicom.transfer_syntaxes import encoding_of
from drimbox.standards.dicomweb.frame_media_types import OCTETS
from drimbox.standards.dicomweb.media_types import MULTIPART, Offer, choose
from drimbox.standards.dicomweb.validators import ByteRange, parse_range

_PIXEL_NAMES = frozenset(f"{tag:08X}" for tag in PIXEL_DATA_TAGS)
_DOCUMENT, _DOCUMENT_TYPE = (
    f"{tag:08X}" for tag in (tags.ENCAPSULATED_DOCUMENT, tags.MIME_TYPE_OF_ENCAPSULATED_DOCUMENT)
)
# What a browser shows without running anything in it; other documents leave as octets.
_DOCUMENT_TYPES = frozenset({"application/pdf", "model/stl", "model/obj", "model/mtl"})
FRAMED_BY_US = MappingProxyType(
    {"Content-Security-Policy": "frame-ancestors 'self'", "X-Frame-Options": "SAMEORIGIN"}
)
"""A viewer of this origin shows a document in a frame; browsers' own readers run nothing of it."""
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Found:
    """One value of an instance: octets, or, where offset is known, length of them in its file."""

    instance: CachedInstance
    length: int
    octets: bytes = b""
    offset: int | None = None
    media_type: str = OCTETS

    def chunks(self, part: ByteRange | None = None) -> AsyncIterator[bytes]:
        first, length = (part.first, part.length) if part else (0, self.length)
        if self.offset is None:
            return whole(self.octets[first : first + length])
        return file_chunks(self.instance.path, self.offset + first, length)


async def bulk_data_response(asked: ImageRequest, path: str) -> Response:
    """Return the value of one binary attribute, as its BulkDataURI names it.

    Raises:
        NotFound: no such attribute, or one that is not binary.
        NotAcceptable: it can be given in no accepted media type.
        RangeNotSatisfiable: no octet of it is in the range asked for.
    """
    instance = await asked.instance()
    path = path.upper()
    found = await anyio.to_thread.run_sync(_find, instance, path)
    url = asked.url_of(instance)
    if found is None:
        parts = pixel_data_parts(asked, instance, url)
        return await multipart_response(parts, cache_headers(asked.request))
    kinds = tuple(dict.fromkeys((found.media_type, OCTETS)))
    return await _one_value(asked, found, f"{url}/bulkdata/{path}", kinds)


async def document_response(asked: ImageRequest, instance: CachedInstance) -> Response:
    """Return an encapsulated document in its own media type (PS3.18 8.7.4).

    Raises:
        NotFound: it holds none.
        NotAcceptable: its media type is not accepted, or is one that we do not show.
    """
    found = await anyio.to_thread.run_sync(_find, instance, _DOCUMENT)
    if found is None or found.media_type == OCTETS:
        raise NotAcceptable("this document is given as bulk data only")
    url = f"{asked.url_of(instance)}/bulkdata/{_DOCUMENT}"
    return await _one_value(asked, found, url, (found.media_type,), FRAMED_BY_US)


async def _one_value(
    asked: ImageRequest,
    found: _Found,
    url: str,
    kinds: Sequence[str],
    more_headers: Mapping[str, str] = _NONE,
) -> Response:
    offers = [
        Offer(media_type, inner)
        for kind in kinds
        for media_type, inner in ((kind, None), (MULTIPART, kind))
    ]
    offer = choose(asked.ranges, offers)
    if offer is None:
        raise NotAcceptable(f"this value is sent as {' or '.join(kinds)}")
    etag = strong_etag(url, offer.media_type, offer.inner_type or "")
    headers = {**cache_headers(asked.request), **more_headers, "ETag": etag}
    if (held := not_modified(asked.request, headers)) is not None:
        return held
    if offer.inner_type is not None:
        part = Part(offer.inner_type, found.chunks(), url)
        return await multipart_response(_one(part), headers)
    headers |= {"Content-Type": offer.media_type}
    return ranged_response(asked.request, found.length, found.chunks, headers)


def ranged_response(
    request: Request,
    length: int,
    chunks: Callable[[ByteRange | None], AsyncIterator[bytes]],
    headers: dict[str, str],
) -> Response:
    """Return length octets, or the range of them that is asked for (RFC 9110 14).

    headers have the ETag and the Content-Type.

    Raises:
        RangeNotSatisfiable: no octet of it is in the range asked for.
    """
    wanted = request.headers.get("range")
    if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        wanted = None
    part = parse_range(wanted, length)
    headers |= {"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    if part is None:
        headers |= {"Content-Length": str(length)}
        return StreamingResponse(chunks(None), headers=headers)
    headers |= {
        "Content-Length": str(part.length),
        "Content-Range": f"bytes {part.first}-{part.last}/{length}",
    }
    return StreamingResponse(chunks(part), HTTPStatus.PARTIAL_CONTENT, headers)


async def all_bulk_data_response(asked: ImageRequest) -> Response:
    """Return every value that the metadata of the target tell of by URI, a part each."""
    parts = _every_part(asked, only_pixels=False)
    return await multipart_response(parts, cache_headers(asked.request))


async def pixel_data_response(asked: ImageRequest) -> Response:
    """Return the pixels of every instance of the target.

    Raises:
        NotFound: there are none.
        NotAcceptable: the first can be given in no accepted media type.
    """
    parts = _every_part(asked, only_pixels=True)
    return await multipart_response(parts, cache_headers(asked.request))


async def _every_part(asked: ImageRequest, *, only_pixels: bool) -> AsyncIterator[Part]:
    if not only_pixels and choose(asked.ranges, [Offer(MULTIPART, OCTETS)]) is None:
        raise NotAcceptable(f"bulk data are sent as {MULTIPART} of {OCTETS}")
    async for series, instance in asked.instances():
        url = asked.url(series, instance.sop_instance_uid)
        if only_pixels:
            async for part in pixel_data_parts(asked, instance, url):
                yield part
            continue
        for path in await anyio.to_thread.run_sync(bulk_data_paths, instance):
            found = await anyio.to_thread.run_sync(_find, instance, path)
            if found is not None:
                yield Part(OCTETS, found.chunks(), f"{url}/bulkdata/{path}")
                continue
            async for part in pixel_data_parts(asked, instance, url):
                yield part


async def _one(part: Part) -> AsyncIterator[Part]:
    yield part


def _find(instance: CachedInstance, path: str) -> _Found | None:
    """Return the value; None for compressed pixels, which are none."""
    with mapped_data_set(instance) as octets:
        encoding = encoding_of(instance.transfer_syntax_uid)
        value = find_binary_value(octets, path, encoding)
        if value.is_encapsulated:
            if path in _PIXEL_NAMES:
                return None
            raise NotFound("the pixels of an icon are not given alone")
        if value.offset is None:
            return _Found(instance, value.length, value.octets)
        media_type = _document_type(octets, encoding) if path == _DOCUMENT else OCTETS
    offset = value.offset + instance.data_set_offset
    return _Found(instance, value.length, offset=offset, media_type=media_type)


def _document_type(octets: memoryview, encoding: Encoding) -> str:
    """Return the media type of an encapsulated document, as far as it may be told."""
    try:
        told = find_binary_value(octets, _DOCUMENT_TYPE, encoding)
    except NotFound:
        return OCTETS
    start = told.offset or 0
    media_type = bytes(octets[start : start + told.length]).decode("latin-1").strip(" \0").lower()
    return media_type if media_type in _DOCUMENT_TYPES else OCTETS
