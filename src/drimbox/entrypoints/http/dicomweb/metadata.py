"""Metadata of instances (PS3.18 10.4.1.1.2), from the copies on disk.

series whole on disk   the JSON that was gzipped when it came, as it is, with its ETag
series on its way      one data set after the other, as the images arrive
"""

import gzip
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from drimbox.entrypoints.http.dicomweb.representation import (
    Representation,
    answer,
    cache_headers,
    gzipped,
    not_modified,
    takes_gzip,
    weak_etag,
)
from drimbox.errors import NotFound
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import TargetResource
from drimbox.ports.image_cache import CachedInstance, SeriesCopy, SeriesMetadata
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicomweb.content_coding import compress
from drimbox.standards.dicomweb.media_types import DICOM_JSON

_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class MetadataRequest:
    """Which instances, and the address under which their bulk data is found."""

    opened: OpenedStudy
    target: TargetResource
    base_url: str

    def copies(self) -> Iterator[tuple[SeriesCopy, str]]:
        """Yield the copy of each series asked for, with its address; each is opened when due."""
        target = self.target
        study_url = f"{self.base_url}/studies/{target.study_instance_uid}"
        for series in self.opened.manifest.series:
            uid = series.series_instance_uid
            if target.series_instance_uid in {None, uid}:
                yield self.opened.open_series(uid), f"{study_url}/series/{uid}"


async def metadata_response(asked: Request, request: MetadataRequest) -> Response:
    """Return DICOM JSON; nothing is sent before the first data set is there.

    Raises:
        NotFound: no such instance.
        Unavailable: the images cannot be had.
    """
    if request.target.sop_instance_uid is not None:
        return await _instance_response(asked, request)
    stored = await _stored(request)
    if stored is not None:
        return await _stored_response(asked, stored)
    rows = metadata_rows(request)
    first = await anext(rows, None)
    if first is None:
        raise NotFound("no instance")
    headers, body = cache_headers(asked), _array(first, rows)
    if takes_gzip(asked):
        headers["Content-Encoding"] = "gzip"
        return StreamingResponse(gzipped(body), media_type=DICOM_JSON, headers=headers)
    return StreamingResponse(body, media_type=DICOM_JSON, headers=headers)


async def metadata_etag(request: MetadataRequest) -> str | None:
    """Return the validator of the JSON; None where some of it is still to come."""
    if request.target.sop_instance_uid is not None:
        row = await anext(metadata_rows(request), None)
        return weak_etag(b"[" + row + b"]") if row is not None else None
    stored = await _stored(request)
    return stored.etag if stored is not None else None


async def metadata_rows(request: MetadataRequest) -> AsyncIterator[bytes]:
    """Yield the metadata of every instance, one JSON object each."""
    instance = request.target.sop_instance_uid
    for copy, url in request.copies():
        if instance is not None:
            yield await anyio.to_thread.run_sync(_row, await copy.get_instance(instance), url)
            return
        async for row in copy.metadata_rows(url):
            yield row


async def _instance_response(asked: Request, request: MetadataRequest) -> Response:
    row = await anext(metadata_rows(request), None)
    if row is None:
        raise NotFound("no instance")
    octets = b"[" + row + b"]"
    return answer(asked, Representation(octets, DICOM_JSON, weak_etag(octets)))


async def _stored(request: MetadataRequest) -> SeriesMetadata | None:
    """Return the metadata of all that is asked for; None where some of it is still to come."""
    found: list[SeriesMetadata] = []
    for copy, url in request.copies():
        stored = await copy.metadata(url)
        if stored is None:
            return None
        found.append(stored)
    if len(found) == 1:
        return found[0]
    return await anyio.to_thread.run_sync(_join, found) if found else None


async def _stored_response(asked: Request, stored: SeriesMetadata) -> Response:
    """Send the octets that are there, gzipped for whoever takes that."""
    headers = {**cache_headers(asked), "ETag": stored.etag}
    if (held := not_modified(asked, headers)) is not None:
        return held
    if takes_gzip(asked):
        headers["Content-Encoding"] = "gzip"
        return Response(stored.gzipped, headers=headers, media_type=DICOM_JSON)
    octets = await anyio.to_thread.run_sync(gzip.decompress, stored.gzipped)
    return Response(octets, headers=headers, media_type=DICOM_JSON)


def _join(series: Sequence[SeriesMetadata]) -> SeriesMetadata:
    """Make one array of several."""
    arrays = [gzip.decompress(one.gzipped)[1:-1] for one in series]
    octets = b"[" + b",".join(array for array in arrays if array) + b"]"
    return SeriesMetadata(compress(octets), weak_etag(*(one.etag.encode() for one in series)))


async def _array(first: bytes, rows: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    yield b"[" + first
    async for row in rows:
        yield b"," + row
    yield b"]"


def _row(instance: CachedInstance, series_url: str) -> bytes:
    """Return the metadata of a file; only what stands before its pixels is read."""
    url = f"{series_url}/instances/{instance.sop_instance_uid}"
    reader = MetadataReader(instance.transfer_syntax_uid)
    with instance.path.open("rb") as file:
        file.seek(instance.data_set_offset)
        while not reader.is_complete and (chunk := file.read(_HEADER_BYTES)):
            reader.feed(chunk)
    row = dict(reader.metadata(lambda path: f"{url}/bulkdata/{path}"))
    row["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    return orjson.dumps(dict(sorted(row.items())))
