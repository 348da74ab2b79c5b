"""Metadata and bulk data of instances (PS3.18 10.4.1.1.2, 10.4.1.1.5), from the copies on disk."""

import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import anyio
import orjson
from starlette.responses import Response, StreamingResponse

from drimbox.entrypoints.http.dicomweb_answers import DICOM_JSON, NO_STORE
from drimbox.errors import NotAcceptable, NotFound
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.data_set import DataSetReader
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicom.transfer_syntaxes import encoding_of
from drimbox.standards.dicomweb.media_types import MediaRange
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

_OCTETS = "application/octet-stream"
_HEADER_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class MetadataRequest:
    """Which instances, and the address under which their bulk data is found."""

    opened: OpenedStudy
    target: TargetResource
    base_url: str


async def metadata_response(request: MetadataRequest) -> Response:
    """Return DICOM JSON, one data set after the other as the images arrive.

    Nothing is sent before the first is there, so that its failure has a status of its own.

    Raises:
        NotFound: no such instance.
        Unavailable: the images cannot be had.
    """
    rows = _rows(request)
    first = await anext(rows, None)
    if first is None:
        raise NotFound("no instance")
    return StreamingResponse(_array(first, rows), media_type=DICOM_JSON, headers=NO_STORE)


async def bulk_data_response(
    request: MetadataRequest, path: str, ranges: Sequence[MediaRange]
) -> Response:
    """Return the value of one binary attribute, as its BulkDataURI names it.

    Raises:
        NotFound: no such attribute, or one that is not binary.
        NotAcceptable: application/octet-stream is not accepted.
    """
    is_multipart = _is_multipart(ranges)
    instance = await anext(_instances(request), None)
    if instance is None:
        raise NotFound("no such instance")
    octets = await anyio.to_thread.run_sync(_bulk_data, instance, path)
    if not is_multipart:
        return Response(octets, media_type=_OCTETS, headers=NO_STORE)
    boundary = secrets.token_hex(16)
    head = part_header(boundary, {"Content-Type": _OCTETS})
    body = head + octets + PART_END + closing(boundary)
    media_type = f'multipart/related; type="{_OCTETS}"; boundary={boundary}'
    return Response(body, headers=NO_STORE | {"Content-Type": media_type})


async def _instances(request: MetadataRequest) -> AsyncIterator[CachedInstance]:
    target = request.target
    for series in request.opened.manifest.series:
        uid = series.series_instance_uid
        if target.series_instance_uid not in {None, uid}:
            continue
        copy = request.opened.open_series(uid)
        if target.sop_instance_uid is not None:
            yield await copy.get_instance(target.sop_instance_uid)
            return
        async for instance in copy.instances():
            yield instance


async def _rows(request: MetadataRequest) -> AsyncIterator[bytes]:
    series_of = {
        instance.sop_instance_uid: series.series_instance_uid
        for series in request.opened.manifest.series
        for instance in series.instances
    }
    async for instance in _instances(request):
        series = request.target.series_instance_uid or series_of.get(instance.sop_instance_uid)
        url = _instance_url(request, instance, series)
        yield await anyio.to_thread.run_sync(_row, instance, url)


def _instance_url(
    request: MetadataRequest, instance: CachedInstance, series: SeriesInstanceUid | None
) -> str:
    study = request.target.study_instance_uid
    path = f"{request.base_url}/studies/{study}/series/{series}"
    return f"{path}/instances/{instance.sop_instance_uid}"


async def _array(first: bytes, rows: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield b"[" + first
    async for row in rows:
        yield b"," + row
    yield b"]"


def _row(instance: CachedInstance, url: str) -> bytes:
    """Return the metadata of a file; only what stands before its pixels is read."""
    reader = MetadataReader(instance.transfer_syntax_uid)
    with instance.path.open("rb") as file:
        file.seek(instance.data_set_offset)
        while not reader.is_complete and (chunk := file.read(_HEADER_BYTES)):
            reader.feed(chunk)
    row = dict(reader.metadata(lambda path: f"{url}/bulkdata/{path}"))
    row["00083002"] = {"vr": "UI", "Value": [instance.transfer_syntax_uid]}
    return orjson.dumps(row)


def _bulk_data(instance: CachedInstance, path: str) -> bytes:
    octets = instance.path.read_bytes()
    reader = DataSetReader(octets, encoding_of(instance.transfer_syntax_uid))
    data_set = reader.read(instance.data_set_offset, len(octets))
    *parents, name = path.split("/")
    try:
        for tag, index in zip(parents[::2], parents[1::2], strict=True):
            items = data_set[int(tag, 16)][1]
            data_set = items[int(index)] if isinstance(items, list) else {}
        value = data_set[int(name, 16)][1]
    except (KeyError, IndexError, ValueError):
        raise NotFound("no such attribute") from None
    if not isinstance(value, bytes):
        raise NotFound("not a binary attribute")
    return bytes(value)


def _is_multipart(ranges: Sequence[MediaRange]) -> bool:
    for media_range in ranges:
        if media_range.media_type in {"multipart/related", "multipart/*", "*/*"}:
            return media_range.media_type != "*/*"
        if media_range.media_type in {_OCTETS, "application/*"}:
            return False
    raise NotAcceptable("bulk data is sent as application/octet-stream")
