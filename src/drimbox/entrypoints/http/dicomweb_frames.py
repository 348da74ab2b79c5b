"""Frames as stored, decoded or transcoded (PS3.18 10.4.1.1.6)."""

import secrets
from collections.abc import Sequence

from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb_answers import NO_STORE
from drimbox.entrypoints.http.instance_files import read_ranges
from drimbox.errors import InvalidValue, NotAcceptable, NotFound
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import TargetResource
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicomweb.frame_media_types import (
    MAX_FRAMES,
    VIDEO_MEDIA_TYPE_OF,
    FrameForm,
    frame_forms,
)
from drimbox.standards.dicomweb.media_types import MediaRange
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header


async def frames_response(
    opened: OpenedStudy,
    target: TargetResource,
    frame_list: str,
    ranges: Sequence[MediaRange],
    pixels: PixelWorker,
) -> Response:
    """Return the frames of the list, one part each.

    Raises:
        InvalidValue: the list is none.
        NotFound: no such instance or frame.
        NotAcceptable: a video, or no accepted media type can be given.
    """
    numbers = parse_frame_list(frame_list)
    instance = await cached_instance(opened, target)
    if instance.transfer_syntax_uid in VIDEO_MEDIA_TYPE_OF:
        raise NotAcceptable("a video has no frames of its own; retrieve the instance, or /rendered")
    forms = frame_forms(instance.transfer_syntax_uid, ranges, is_one=len(numbers) == 1)
    form, frames = await read_frames(instance, numbers, forms, pixels)
    if not form.is_multipart:
        return Response(frames[0], headers=NO_STORE | {"Content-Type": form.content_type})
    boundary = secrets.token_hex(16)
    head = part_header(boundary, {"Content-Type": form.content_type})
    body = b"".join(head + frame + PART_END for frame in frames) + closing(boundary)
    media_type = f'multipart/related; type="{form.media_type}"; boundary={boundary}'
    return Response(body, headers=NO_STORE | {"Content-Type": media_type})


async def read_frames(
    instance: CachedInstance,
    numbers: Sequence[int],
    forms: Sequence[FrameForm],
    pixels: PixelWorker,
) -> tuple[FrameForm, list[bytes]]:
    """Return the frames in the first form that they can be in.

    Raises:
        NotFound: no such frame.
        NotAcceptable: they can be in none.
    """
    for form in forms:
        try:
            return form, [await _read_frame(instance, n, form, pixels) for n in numbers]
        except NotAcceptable:
            if form is forms[-1]:
                raise
    raise NotAcceptable("no form of the frames is accepted")


async def cached_instance(opened: OpenedStudy, target: TargetResource) -> CachedInstance:
    """Return this host's copy of the instance, once it has arrived.

    Raises:
        NotFound: no such instance, or the target is none.
    """
    if target.series_instance_uid is None or target.sop_instance_uid is None:
        raise NotFound("frames belong to an instance")
    copy = opened.open_series(target.series_instance_uid)
    return await copy.get_instance(target.sop_instance_uid)


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
