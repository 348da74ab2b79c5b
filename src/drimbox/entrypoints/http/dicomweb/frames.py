"""Frames as stored, decoded or transcoded (PS3.18 10.4.1.1.6)."""

import secrets
from collections.abc import AsyncIterator, Sequence

import anyio
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb.representation import (
    cache_headers,
    not_modified,
    strong_etag,
)
from drimbox.entrypoints.http.dicomweb.request import ImageRequest
from drimbox.entrypoints.http.instance_files import read_instance_header, read_ranges
from drimbox.entrypoints.http.multipart_answers import Part, multipart_response, whole
from drimbox.errors import InvalidValue, NotAcceptable, NotFound
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicomweb.frame_media_types import (
    MAX_FRAMES,
    VIDEO_MEDIA_TYPE_OF,
    FrameForm,
    frame_forms,
)
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header


async def frames_response(asked: ImageRequest) -> Response:
    """Return the frames of the list, one part each; no more than one is held here.

    Raises:
        InvalidValue: the list is none.
        NotFound: no such instance or frame.
        NotAcceptable: a video, or no accepted media type can be given.
    """
    numbers = parse_frame_list(asked.frames or "")
    instance = await asked.instance()
    if instance.transfer_syntax_uid in VIDEO_MEDIA_TYPE_OF:
        raise NotAcceptable("a video has no frames of its own; retrieve the instance, or /rendered")
    if len(numbers) > 1:
        await _check_frames(instance, numbers)
    forms = frame_forms(instance.transfer_syntax_uid, asked.ranges, is_one=len(numbers) == 1)
    best = _headers(asked, instance, numbers, forms[0])
    if (held := not_modified(asked.request, best, is_made=False)) is not None:
        return held
    form, first = await read_frame(instance, numbers[0], forms, asked.pixels)
    headers = _headers(asked, instance, numbers, form)
    if (held := not_modified(asked.request, headers)) is not None:
        return held
    if not form.is_multipart:
        return Response(first, headers=headers | {"Content-Type": form.content_type})
    if len(numbers) > 1:
        return await multipart_response(_parts(asked, instance, form, numbers), headers)
    boundary = secrets.token_hex(16)
    head = part_header(boundary, {"Content-Type": form.content_type})
    media_type = f'multipart/related; type="{form.media_type}"; boundary={boundary}'
    body = head + first + PART_END + closing(boundary)
    return Response(body, headers=headers | {"Content-Type": media_type})


def _headers(
    asked: ImageRequest, instance: CachedInstance, numbers: Sequence[int], form: FrameForm
) -> dict[str, str]:
    etag = strong_etag(instance.sop_instance_uid, ",".join(map(str, numbers)), form.content_type)
    etag = f"W/{etag}" if form.is_multipart else etag
    return {**cache_headers(asked.request), "ETag": etag}


async def read_frame(
    instance: CachedInstance, number: int, forms: Sequence[FrameForm], pixels: PixelWorker
) -> tuple[FrameForm, bytes]:
    """Return the frame in the first form that it can be in.

    Raises:
        NotFound: no such frame.
        NotAcceptable: it can be in none.
    """
    for form in forms:
        try:
            return form, await _read_frame(instance, number, form, pixels)
        except NotAcceptable:
            if form is forms[-1]:
                raise
    raise NotAcceptable("no form of the frames is accepted")


async def _check_frames(instance: CachedInstance, numbers: Sequence[int]) -> None:
    """Find a frame too far before the first leaves."""
    if instance.frames is not None:
        count = instance.frames.count
    else:
        header = await anyio.to_thread.run_sync(read_instance_header, instance)
        count = header.number_of_frames
    if max(numbers) > count:
        raise NotFound("no such frame")


async def _parts(
    asked: ImageRequest, instance: CachedInstance, form: FrameForm, numbers: Sequence[int]
) -> AsyncIterator[Part]:
    url = asked.url_of(instance)
    for number in numbers:
        _, frame = await read_frame(instance, number, [form], asked.pixels)
        yield Part(form.content_type, whole(frame), f"{url}/frames/{number}")


def parse_frame_list(text: str) -> list[int]:
    """Read `1,3,5`.

    Raises:
        InvalidValue: not 1 to MAX_FRAMES numbers from 1.
    """
    parts = text.split(",")
    rule = f"1 to {MAX_FRAMES} frame numbers, counted from 1"
    if len(parts) > MAX_FRAMES:
        raise InvalidValue("frames", rule)
    if not all(p.isascii() and p.isdigit() and 0 < len(p) < 8 and int(p) > 0 for p in parts):
        raise InvalidValue("frames", rule)
    return [int(p) for p in parts]


async def _read_frame(
    instance: CachedInstance, number: int, form: FrameForm, pixels: PixelWorker
) -> bytes:
    if form.is_as_stored and instance.frames is not None:
        if number > instance.frames.count:
            raise NotFound("no such frame")
        return await read_ranges(instance.path, instance.frames.ranges(number))
    if form.is_as_stored:
        return await pixels.stored_frame(instance.path, number)
    return await pixels.transcode_frame(instance.path, number, form.transfer_syntax)
