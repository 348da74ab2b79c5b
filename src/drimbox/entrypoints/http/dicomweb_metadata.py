"""Metadata of instances (PS3.18 10.4.1.1.2), from the copies on disk."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import anyio
import orjson
from starlette.responses import Response, StreamingResponse

from drimbox.entrypoints.http.dicomweb_answers import NO_STORE
from drimbox.errors import NotFound
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.metadata import MetadataReader
from drimbox.standards.dicomweb.media_types import DICOM_JSON

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
    rows = metadata_rows(request)
    first = await anext(rows, None)
    if first is None:
        raise NotFound("no instance")
    return StreamingResponse(_array(first, rows), media_type=DICOM_JSON, headers=NO_STORE)


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


async def metadata_rows(request: MetadataRequest) -> AsyncIterator[bytes]:
    """Yield the metadata of every instance, one JSON object each."""
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
