"""Frames as stored, decoded or drawn (PS3.18 10.4.1.1.6, 10.4.1.1.3)."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb_answers import NO_STORE
from drimbox.errors import InvalidValue, NotAcceptable, NotFound
from drimbox.flows.opened_study import OpenedStudy
from drimbox.model.retrieval import TargetResource
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import ImageFormat, PixelWorker, Rendering
from drimbox.standards.dicomweb.media_types import EXPLICIT_VR_LITTLE_ENDIAN, MediaRange
from drimbox.standards.dicomweb.multipart_related import PART_END, closing, part_header

_OCTETS = "application/octet-stream"
_MAX_FRAMES = 1000
_MAX_SIZE = 8192

# PS3.18 table 8.7.3-6: the media type of one compressed frame.
_MEDIA_TYPE_OF = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}
_VIDEO = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in range(100, 109))


@dataclass(frozen=True, slots=True)
class _Choice:
    """How the frames leave: as stored or decoded, under which media type."""

    is_as_stored: bool
    media_type: str
    transfer_syntax: str
    is_multipart: bool


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
    numbers = _frame_numbers(frame_list)
    instance = await _instance(opened, target)
    if instance.transfer_syntax_uid in _VIDEO:
        raise NotAcceptable("a video has no frames of its own; retrieve the instance")
    choice = _choose(instance.transfer_syntax_uid, ranges, is_one=len(numbers) == 1)
    frames = [
        await pixels.stored_frame(instance.path, number)
        if choice.is_as_stored
        else await pixels.transcode_frame(instance.path, number, EXPLICIT_VR_LITTLE_ENDIAN)
        for number in numbers
    ]
    content_type = f"{choice.media_type}; transfer-syntax={choice.transfer_syntax}"
    if not choice.is_multipart:
        return Response(frames[0], headers=NO_STORE | {"Content-Type": content_type})
    boundary = secrets.token_hex(16)
    head = part_header(boundary, {"Content-Type": content_type})
    body = b"".join(head + frame + PART_END for frame in frames) + closing(boundary)
    media_type = f'multipart/related; type="{choice.media_type}"; boundary={boundary}'
    return Response(body, headers=NO_STORE | {"Content-Type": media_type})


async def rendered_response(
    request: Request,
    opened: OpenedStudy,
    target: TargetResource,
    ranges: Sequence[MediaRange],
    pixels: PixelWorker,
) -> Response:
    """Return one frame as JPEG or PNG; `window`, `viewport`, `quality` as in PS3.18 8.3.5.1."""
    image_format = _image_format(ranges)
    frames = _frame_numbers(request.path_params.get("frames", "1"))
    if len(frames) != 1:
        raise InvalidValue("frames", "one frame at a time is rendered")
    rendering = Rendering(
        frame=frames[0],
        window=_window(request.query_params.get("window")),
        size=_viewport(request.query_params.get("viewport")),
        format=image_format,
        quality=_quality(request.query_params.get("quality")),
    )
    instance = await _instance(opened, target)
    drawn = await pixels.render(instance.path, rendering)
    return Response(drawn, media_type=image_format.value, headers=NO_STORE)


async def _instance(opened: OpenedStudy, target: TargetResource) -> CachedInstance:
    if target.series_instance_uid is None or target.sop_instance_uid is None:
        raise NotFound("frames belong to an instance")
    copy = opened.open_series(target.series_instance_uid)
    return await copy.get_instance(target.sop_instance_uid)


def _choose(stored: str, ranges: Sequence[MediaRange], *, is_one: bool) -> _Choice:
    """Walk the ranges, best first, and take the first that can be given."""
    stored_type = _MEDIA_TYPE_OF.get(stored, _OCTETS)
    for media_range in ranges:
        is_multipart = media_range.media_type in {"multipart/related", "multipart/*", "*/*"}
        if media_range.q <= 0 or not (is_multipart or is_one):
            continue
        wanted = media_range.inner_type if is_multipart else media_range.media_type
        if _may_be_as_stored(stored, stored_type, wanted, media_range.transfer_syntax):
            return _Choice(
                is_as_stored=True,
                media_type=stored_type,
                transfer_syntax=stored,
                is_multipart=is_multipart,
            )
        if wanted == _OCTETS and media_range.transfer_syntax in {None, EXPLICIT_VR_LITTLE_ENDIAN}:
            return _Choice(
                is_as_stored=False,
                media_type=_OCTETS,
                transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN,
                is_multipart=is_multipart,
            )
    raise NotAcceptable("frames are sent as application/octet-stream, or as they are stored")


def _may_be_as_stored(stored: str, stored_type: str, wanted: str, syntax: str | None) -> bool:
    """Tell whether a range takes the frame as it is; octet-stream with `*` takes any (OHIF)."""
    takes_type = wanted in {stored_type, "*/*"} or (wanted == _OCTETS and syntax == "*")
    return takes_type and syntax in {None, "*", stored}


def _frame_numbers(text: str) -> list[int]:
    parts = text.split(",")
    rule = f"1 to {_MAX_FRAMES} frame numbers, counted from 1"
    if len(parts) > _MAX_FRAMES:
        raise InvalidValue("frames", rule)
    if not all(p.isascii() and p.isdigit() and 0 < len(p) < 8 and int(p) > 0 for p in parts):
        raise InvalidValue("frames", rule)
    return [int(p) for p in parts]


def _image_format(ranges: Sequence[MediaRange]) -> ImageFormat:
    for media_range in ranges:
        if media_range.q > 0 and media_range.media_type == ImageFormat.PNG.value:
            return ImageFormat.PNG
        if media_range.q > 0 and media_range.media_type in {"image/jpeg", "image/*", "*/*"}:
            return ImageFormat.JPEG
    raise NotAcceptable("pictures are sent as image/jpeg or image/png")


def _window(text: str | None) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        center, width = [float(part) for part in text.split(",")[:2]]
    except ValueError:
        raise InvalidValue("window", "center,width") from None
    if not (abs(center) < 1e9 and 0 < width < 1e9):
        raise InvalidValue("window", "center,width with a width over 0")
    return center, width


def _viewport(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    parts = text.split(",")[:2]
    if len(parts) != 2 or not all(p.isascii() and p.isdigit() and len(p) < 6 for p in parts):
        raise InvalidValue("viewport", "width,height")
    width, height = (int(part) for part in parts)
    if not (0 < width <= _MAX_SIZE and 0 < height <= _MAX_SIZE):
        raise InvalidValue("viewport", f"1 to {_MAX_SIZE} on each side")
    return width, height


def _quality(text: str | None) -> int:
    if not text:
        return 85
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= 100):
        raise InvalidValue("quality", "1 to 100")
    return int(text)
