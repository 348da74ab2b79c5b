"""Instances as DICOM objects (PS3.18 10.4.1.1.1), as they arrive.

Each leaves as it is stored wherever that is acceptable, whatever its q: nothing is decoded on the
way through (threat D4). Only what is stored in no accepted syntax is transcoded: decoded where that
is acceptable, else lossless, and lossy only where nothing else is.
"""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus
from pathlib import Path

import anyio
from starlette.responses import Response, StreamingResponse

from drimbox.entrypoints.http.dicomweb.representation import (
    cache_headers,
    not_modified,
    strong_etag,
)
from drimbox.entrypoints.http.dicomweb.request import ImageRequest
from drimbox.entrypoints.http.dicomweb.whole_files import file_response, multipart_of_files
from drimbox.entrypoints.http.multipart_answers import file_chunks
from drimbox.errors import NotAcceptable, NotFound, Unavailable
from drimbox.flows.image_streams import close
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import TransferSyntaxUid
from drimbox.standards.dicom.part10 import encode_file_meta
from drimbox.standards.dicom.sop_classes import value_type_of
from drimbox.standards.dicomweb.frame_media_types import (
    VIDEO_MEDIA_TYPE_OF,
    WIDER_SYNTAX,
    transcoding_order,
)
from drimbox.standards.dicomweb.media_types import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    AcceptedInstances,
    accept_instances,
)
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header
from drimbox.standards.dicomweb.validators import parse_range

_READ_BYTES = 1024 * 1024
_SENT_WITH_HEAD = 256 * 1024
# A browser saves an object, and never takes it for something else (threat D2).
_AS_FILE = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}


@dataclass(frozen=True, slots=True)
class OutgoingInstances:
    """The instances of a target, each in a syntax that the caller accepts."""

    asked: ImageRequest
    accepted: AcceptedInstances

    async def iterate(self) -> AsyncIterator[InstanceStream]:
        """Yield them one after the other.

        The PACS is not asked to transcode: it would do so for all, slowly, or leave instances out.

        Raises:
            NotAcceptable: an instance can be given in no accepted syntax.
        """
        received = self.asked.opened.retrieve(self.asked.target, ())
        try:
            async for instance in received:
                syntax = self._syntax_as_stored(instance)
                if syntax is not None:
                    yield instance.with_chunks(instance.chunks, syntax)
                    continue
                with self.asked.pixels.temporary_folder() as folder:
                    yield await self._transcoded(instance, folder)
        finally:
            await close(received)

    def _syntax_as_stored(self, instance: InstanceStream) -> TransferSyntaxUid | None:
        """Return under which name the stored octets are acceptable, None where they are not."""
        stored = instance.transfer_syntax_uid
        wider = WIDER_SYNTAX.get(stored)
        if self.accepted.accepts(stored):
            return stored
        if wider is not None and self.accepted.accepts(wider):
            return wider
        if self.asked.is_of_one_instance:
            return None
        # What has no pixels has one syntax; compressed ones are asked for the images beside it.
        has_pixels = value_type_of(instance.sop_class_uid) == "IMAGE"
        is_plain = stored == EXPLICIT_VR_LITTLE_ENDIAN and not has_pixels
        # A video has one too: who names none means the images, and gets the study whole.
        is_video = stored in VIDEO_MEDIA_TYPE_OF and self.accepted.names_none
        return stored if is_plain or is_video else None

    async def _transcoded(self, instance: InstanceStream, folder: Path) -> InstanceStream:
        stored, encoded = folder / "stored.dcm", folder / "encoded.dcm"
        uids = (instance.sop_class_uid, instance.sop_instance_uid)
        targets = transcoding_order(syntax for syntax, _ in self.accepted.transfer_syntaxes)
        if targets:
            async with await anyio.open_file(stored, "wb") as file:
                await file.write(encode_file_meta(*uids, instance.transfer_syntax_uid))
                async for chunk in instance.chunks:
                    await file.write(chunk)
        for target in targets:
            try:
                await self.asked.pixels.transcode_file(stored, encoded, target)
            except NotAcceptable:
                continue
            return InstanceStream(*uids, target, _data_set_chunks(encoded))
        raise NotAcceptable("it is stored in, and can be brought into, no accepted transfer syntax")


async def instances_response(asked: ImageRequest) -> Response:
    """Return the instances, multipart or single part; nothing is sent before the first is there.

    Raises:
        NotFound: the PACS has none of them.
        NotAcceptable: the first can be given in no accepted syntax.
        RangeNotSatisfiable: no octet of the one instance is in the range asked for.
    """
    accepted = accept_instances(asked.ranges, is_one_instance=asked.is_of_one_instance)
    if not accepted.is_multipart and "range" in asked.request.headers:
        ranged = await _ranged(asked, accepted)
        if ranged is not None:
            return ranged
    whole = await _whole_files(asked, accepted)
    if whole is not None:
        return whole
    return await _as_they_arrive(asked, accepted)


async def _as_they_arrive(asked: ImageRequest, accepted: AcceptedInstances) -> Response:
    instances = OutgoingInstances(asked, accepted).iterate()
    first = await anext(instances, None)
    if first is None:
        raise NotFound("the PACS gave no instance")
    headers = cache_headers(asked.request)
    if asked.is_of_one_instance:
        headers["ETag"] = _etag(asked, first.transfer_syntax_uid, accepted)
        if (held := not_modified(asked.request, headers)) is not None:
            await close(instances)
            return held
    boundary = secrets.token_hex(16)
    if accepted.is_multipart:
        headers["Content-Type"] = (
            f'multipart/related; type="application/dicom"; boundary={boundary}'
        )
        body = _multipart(first, instances, boundary)
    else:
        headers |= {**_AS_FILE, "Content-Type": _content_type(first.transfer_syntax_uid)}
        body = _single_part(first, instances)
    if asked.request.method == HTTPMethod.HEAD:
        await close(instances)
        return _without_body(headers)
    return StreamingResponse(body, headers=headers)


def _without_body(headers: Mapping[str, str]) -> Response:
    """Return what HEAD tells: how long the body would be is not known (RFC 9110 8.6)."""
    response = Response(headers=headers)
    del response.headers["Content-Length"]
    return response


async def _whole_files(asked: ImageRequest, accepted: AcceptedInstances) -> Response | None:
    """Return what is on this host's disk already; None where some of it is not, or not as such."""
    held = await asked.opened.find_instances(asked.target)
    if held is None:
        return None
    with held:
        files = held.instances
        if not files or not all(accepted.accepts(file.transfer_syntax_uid) for file in files):
            return None
        headers = cache_headers(asked.request)
        if asked.is_of_one_instance:
            headers["ETag"] = _etag(asked, files[0].transfer_syntax_uid, accepted)
            if (not_new := not_modified(asked.request, headers)) is not None:
                return not_new
        if accepted.is_multipart:
            answer = multipart_of_files(files, headers)
        else:
            headers |= {**_AS_FILE, "Content-Type": _content_type(files[0].transfer_syntax_uid)}
            answer = file_response(files[0], headers)
        # They stay until they are sent, however slowly that is.
        answer.when_over = held.hand_over()
        return answer


async def _ranged(asked: ImageRequest, accepted: AcceptedInstances) -> Response | None:
    """Return a range of the one instance, from this host's copy; None where there is no range."""
    instance = await asked.instance()
    if not accepted.accepts(instance.transfer_syntax_uid):
        return None
    headers = cache_headers(asked.request) | _AS_FILE
    headers["ETag"] = _etag(asked, instance.transfer_syntax_uid, accepted)
    if asked.request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        return None
    length = (await anyio.Path(instance.path).stat()).st_size
    part = parse_range(asked.request.headers.get("range"), length)
    if part is None:
        return None
    headers |= {
        "Accept-Ranges": "bytes",
        "Content-Type": _content_type(instance.transfer_syntax_uid),
        "Content-Length": str(part.length),
        "Content-Range": f"bytes {part.first}-{part.last}/{length}",
    }
    chunks = file_chunks(instance.path, part.first, part.length)
    return StreamingResponse(chunks, HTTPStatus.PARTIAL_CONTENT, headers)


def _etag(asked: ImageRequest, syntax: str, accepted: AcceptedInstances) -> str:
    """Return a validator: an instance never changes, what its KOS puts into it may."""
    parts = (str(asked.target.sop_instance_uid), asked.opened.manifest.sop_instance_uid, syntax)
    etag = strong_etag(*parts)
    return f"W/{etag}" if accepted.is_multipart else etag


def _content_type(syntax: str) -> str:
    return f"application/dicom; transfer-syntax={syntax}"


async def _multipart(
    first: InstanceStream, others: AsyncIterator[InstanceStream], boundary: str
) -> AsyncIterator[bytes]:
    """Yield the parts; the head of each leaves with its first octets where those are few."""
    instance: InstanceStream | None = first
    before = b""
    try:
        while instance is not None:
            headers = {"Content-Type": _content_type(instance.transfer_syntax_uid)}
            before += part_header(boundary, headers) + _file_meta(instance)
            async for chunk in instance.chunks:
                if before and len(chunk) > _SENT_WITH_HEAD:
                    yield before
                    before = b""
                yield before + chunk if before else chunk
                before = b""
            before += PART_END
            instance = await anext(others, None)
        yield before + closing(boundary)
    finally:
        await close(others)


async def _single_part(
    instance: InstanceStream, others: AsyncIterator[InstanceStream]
) -> AsyncIterator[bytes]:
    try:
        yield _file_meta(instance)
        async for chunk in instance.chunks:
            yield chunk
        async for _ in others:
            raise Unavailable("PACS", "gave more than the instance asked for")
    finally:
        await close(others)


def _file_meta(instance: InstanceStream) -> bytes:
    return encode_file_meta(
        instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid
    )


async def _data_set_chunks(path: Path) -> AsyncIterator[bytes]:
    """Read the data set of a Part 10 file that we wrote."""
    async with await anyio.open_file(path, "rb") as file:
        head = await file.read(144)
        # (0002,0000) ends at 144 and counts what follows of group 2 (PS3.10 7.1).
        await file.seek(144 + int.from_bytes(head[140:144], "little"))
        while chunk := await file.read(_READ_BYTES):
            yield chunk
