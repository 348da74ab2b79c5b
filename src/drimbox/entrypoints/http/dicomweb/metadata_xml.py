"""Metadata as the Native DICOM Model, a part each (PS3.18 8.7.3.2, PS3.19 A.1)."""

from collections.abc import AsyncIterator

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb.metadata import MetadataRequest, metadata_rows
from drimbox.entrypoints.http.dicomweb.representation import cache_headers
from drimbox.entrypoints.http.multipart_answers import Part, multipart_response, whole
from drimbox.standards.dicomweb.media_types import DICOM_XML
from drimbox.standards.dicomweb.native_xml import encode_native_xml


async def metadata_xml_response(asked: Request, request: MetadataRequest) -> Response:
    """Return every instance as its own part, as they arrive.

    Raises:
        NotFound: no such instance.
        Unavailable: the images cannot be had.
    """
    return await multipart_response(_parts(request), cache_headers(asked))


async def _parts(request: MetadataRequest) -> AsyncIterator[Part]:
    async for row in metadata_rows(request):
        octets = await anyio.to_thread.run_sync(encode_native_xml, orjson.loads(row))
        yield Part(DICOM_XML, whole(octets))
