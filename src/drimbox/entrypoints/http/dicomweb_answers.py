"""DICOMweb answers: instances as they arrive, DICOM JSON, and what each error means (PS3.18)."""

import secrets
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from drimbox.entrypoints.http.problems import STATUS_OF, status_of
from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Unavailable,
)
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicom.transfer_syntaxes import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_LS_LOSSLESS,
    JPEG_LS_NEAR_LOSSLESS,
)
from drimbox.standards.dicomweb.media_types import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    AcceptedInstances,
    MediaRange,
    accept_instances,
)
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

DICOM_JSON = "application/dicom+json"
NO_STORE = {"Cache-Control": "no-store"}
_READ_BYTES = 1024 * 1024

# PS3.5 A.4.3, A.4.4: what is lossless is also allowed under the syntax that need not be. The ten
# syntaxes between boxes name JPEG 2000 by its general syntax only.
WIDER_SYNTAX = {
    JPEG_2000_LOSSLESS: JPEG_2000,
    JPEG_LS_LOSSLESS: JPEG_LS_NEAR_LOSSLESS,
}
_RETRY_AFTER_SECONDS = "10"


@dataclass(frozen=True, slots=True)
class OutgoingInstances:
    """The instances of a target, each in a syntax that the caller accepts."""

    opened: OpenedStudy
    target: TargetResource
    pixels: PixelWorker

    async def iterate(self, accepted: AcceptedInstances) -> AsyncIterator[InstanceStream]:
        """Yield them as stored; one in no accepted syntax is decoded to Explicit VR LE.

        The PACS is not asked to transcode: it would do so for all, slowly, or leave instances out.

        Raises:
            NotAcceptable: an instance can be given in no accepted syntax.
        """
        async for instance in self.opened.retrieve(self.target, ()):
            wider = WIDER_SYNTAX.get(instance.transfer_syntax_uid)
            if accepted.accepts(instance.transfer_syntax_uid):
                yield instance
            elif wider is not None and accepted.accepts(wider):
                yield replace(instance, transfer_syntax_uid=wider)
            elif accepted.accepts(EXPLICIT_VR_LITTLE_ENDIAN):
                with tempfile.TemporaryDirectory(prefix="drimbox-") as folder:
                    yield await self._decoded(instance, Path(folder))
            else:
                raise NotAcceptable("stored in none of the transfer syntaxes accepted")

    async def _decoded(self, instance: InstanceStream, folder: Path) -> InstanceStream:
        stored, decoded = folder / "stored.dcm", folder / "decoded.dcm"
        uids = (instance.sop_class_uid, instance.sop_instance_uid)
        async with await anyio.open_file(stored, "wb") as file:
            await file.write(encode_file_meta(*uids, instance.transfer_syntax_uid))
            async for chunk in instance.chunks:
                await file.write(chunk)
        await self.pixels.transcode_file(stored, decoded, EXPLICIT_VR_LITTLE_ENDIAN)
        return InstanceStream(*uids, EXPLICIT_VR_LITTLE_ENDIAN, data_set_chunks(decoded))


async def data_set_chunks(path: Path, offset: int | None = None) -> AsyncIterator[bytes]:
    """Read the data set of a Part 10 file; offset is where it begins, where that is known."""
    async with await anyio.open_file(path, "rb") as file:
        if offset is None:
            head = await file.read(144)
            # (0002,0000) ends at 144 and counts what follows of group 2 (PS3.10 7.1).
            offset = 144 + int.from_bytes(head[140:144], "little")
        await file.seek(offset)
        while chunk := await file.read(_READ_BYTES):
            yield chunk


async def instances_response(outgoing: OutgoingInstances, ranges: Sequence[MediaRange]) -> Response:
    """Return the instances, multipart or single part; nothing is sent before the first is there.

    Raises:
        NotFound: the PACS has none of them.
        NotAcceptable: the first can be given in no accepted syntax.
    """
    is_one_instance = outgoing.target.sop_instance_uid is not None
    accepted = accept_instances(ranges, is_one_instance=is_one_instance)
    instances = outgoing.iterate(accepted)
    first = await anext(instances, None)
    if first is None:
        raise NotFound("the PACS gave no instance")
    if not accepted.is_multipart:
        syntax = first.transfer_syntax_uid
        return StreamingResponse(
            _single_part(first, instances),
            media_type=f"application/dicom; transfer-syntax={syntax}",
            headers=NO_STORE | {"X-Content-Type-Options": "nosniff"},
        )
    boundary = secrets.token_hex(16)
    return StreamingResponse(
        _multipart(first, instances, boundary),
        media_type=f'multipart/related; type="application/dicom"; boundary={boundary}',
        headers=NO_STORE,
    )


async def _multipart(
    first: InstanceStream, others: AsyncIterator[InstanceStream], boundary: str
) -> AsyncIterator[bytes]:
    async for octets in _part(first, boundary):
        yield octets
    async for instance in others:
        async for octets in _part(instance, boundary):
            yield octets
    yield closing(boundary)


async def _part(instance: InstanceStream, boundary: str) -> AsyncIterator[bytes]:
    media_type = f"application/dicom; transfer-syntax={instance.transfer_syntax_uid}"
    yield part_header(boundary, {"Content-Type": media_type}) + _file_meta(instance)
    async for chunk in instance.chunks:
        yield chunk
    yield PART_END


async def _single_part(
    instance: InstanceStream, others: AsyncIterator[InstanceStream]
) -> AsyncIterator[bytes]:
    yield _file_meta(instance)
    async for chunk in instance.chunks:
        yield chunk
    async for _ in others:
        raise Unavailable("PACS", "gave more than the instance asked for")


def _file_meta(instance: InstanceStream) -> bytes:
    return encode_file_meta(
        instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
    )


def error_response(request: Request, error: DrimboxError) -> Response:
    """Return the PS3.18 status of an error, with a JSON message (interfaces.md)."""
    del request
    status = status_of(error, STATUS_OF)
    headers = dict(NO_STORE)
    if status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
    if isinstance(error, NotAuthenticated):
        code = f' error="{error.error}"' if error.error else ""
        headers["WWW-Authenticate"] = f'Bearer realm="drimbox"{"," if code else ""}{code}'
    told: dict[str, object] = {"status": int(status), "message": str(error)}
    if isinstance(error, InvalidValue):
        told["parameter"] = error.what
    body = orjson.dumps(told)
    return Response(body, status, headers, "application/json")
