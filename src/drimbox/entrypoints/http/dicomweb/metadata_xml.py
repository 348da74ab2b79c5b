"""Metadata as the Native DICOM Model, a part each (PS3.18 8.7.3.2, PS3.19 A.1)."""

from collections.abc import AsyncIterator

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb.metadata import (
    MetadataRequest,
    metadata_etag,
    metadata_rows,
)
from drimbox.entrypoints.http.dicomweb.representation import (
    cache_headers,
    gzipped,
    not_modified,
    takes_gzip,
    weak_etag,
)
from drimbox.entrypoints.http.multipart_answers import Part, multipart_response, whole
from drimbox.standards.dicomweb.media_types import DICOM_XML
from drimbox.standards.dicomweb.native_xml import encode_native_xml


async def metadata_xml_response(asked: Request, request: MetadataRequest) -> Response:
    """Return every instance as its own part, as they arrive.

    Raises:
        NotFound: no such instance.
        Unavailable: the images cannot be had.
    """
    headers = cache_headers(asked)
    if (etag := await metadata_etag(request)) is not None:
        headers["ETag"] = weak_etag(etag.encode(), DICOM_XML.encode())
        if (held := not_modified(asked, headers)) is not None:
            return held
    if not takes_gzip(asked):
        return await multipart_response(_parts(request), headers)
    headers["Content-Encoding"] = "gzip"
    return await multipart_response(_parts(request), headers, coding=gzipped)


async def _parts(request: MetadataRequest) -> AsyncIterator[Part]:
    async for row in metadata_rows(request):
        octets = await anyio.to_thread.run_sync(encode_native_xml, orjson.loads(row))
        yield Part(DICOM_XML, whole(octets))
