"""Pictures and readable documents (PS3.18 10.4.1.1.3, 10.4.1.1.4, 8.7.4).

    image       image/jpeg, image/png: one frame, or every frame as parts of a multipart/related
    video       its own stream, video/mpeg or video/mp4, as it is stored
    PDF         application/pdf, as it is
    SR, KO      text/html, text/plain

A study or a series is many pictures as multipart/related; where a single picture is accepted only,
it is the one in the middle of its first series of images, as for thumbnails. Where there is no
image it is the first document or report.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

import anyio
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb.bulk_data import document_response, ranged_response
from drimbox.entrypoints.http.dicomweb.frames import parse_frame_list
from drimbox.entrypoints.http.dicomweb.pixel_data import video_chunks
from drimbox.entrypoints.http.dicomweb.representation import (
    Representation,
    answer,
    cache_headers,
    not_modified,
    strong_etag,
    weak_etag,
)
from drimbox.entrypoints.http.dicomweb.request import ImageRequest
from drimbox.entrypoints.http.instance_files import (
    mapped_data_set,
    read_fragments,
    read_instance_header,
)
from drimbox.entrypoints.http.multipart_answers import Part, multipart_response, whole
from drimbox.entrypoints.http.rendering_parameters import (
    choose_image_format,
    parse_rendering,
    parse_thumbnail,
    warnings_about,
)
from drimbox.errors import InvalidValue, NotAcceptable, NotFound
from drimbox.model.manifest import ReferencedInstance, ReferencedSeries
from drimbox.ports.image_cache import CachedInstance
from drimbox.ports.pixel_worker import Rendering
from drimbox.standards.dicom.data_set import read_data_set
from drimbox.standards.dicom.sop_classes import is_document, is_report, value_type_of
from drimbox.standards.dicom.structured_report import parse_structured_report
from drimbox.standards.dicom.transfer_syntaxes import encoding_of
from drimbox.standards.dicomweb.frame_media_types import VIDEO_MEDIA_TYPE_OF
from drimbox.standards.dicomweb.media_types import Offer, choose
from drimbox.standards.dicomweb.report_texts import encode_html, encode_plain_text

_HTML, _PLAIN = "text/html; charset=utf-8", "text/plain; charset=utf-8"
_NOTHING_RUNS = "default-src 'none'; frame-ancestors 'self'; sandbox"


async def rendered_response(asked: ImageRequest) -> Response:
    """Return what the target looks like to a person.

    Raises:
        InvalidValue: a query parameter, or the list of frames, is none.
        NotFound: no such instance or frame, or no image below the target.
        NotAcceptable: it can be given in no accepted media type.
    """
    if not asked.is_of_one_instance:
        return await _many(asked)
    instance = await asked.instance()
    as_a_whole = _response_as_a_whole(instance)
    if as_a_whole is None:
        return await _frames(asked, instance)
    if asked.frames is not None:
        raise NotAcceptable("it has no frames: videos, documents and reports are read as a whole")
    return await as_a_whole(asked, instance)


async def thumbnail_response(asked: ImageRequest) -> Response:
    """Return one small picture that stands for the target.

    Raises:
        InvalidValue: the viewport is none, or several frames are asked for.
        NotFound: no such instance or frame, or no image below the target.
        NotAcceptable: no picture, or none in an accepted media type.
    """
    image_format, _ = choose_image_format(asked.ranges, is_single=True, is_multipart=False)
    rendering = parse_thumbnail(asked.parameters, image_format)
    instance = await (asked if asked.is_of_one_instance else _representative(asked)).instance()
    if instance.transfer_syntax_uid in VIDEO_MEDIA_TYPE_OF:
        raise NotAcceptable("a video has no picture of its own")
    numbers = parse_frame_list(asked.frames or "1")
    if len(numbers) != 1:
        raise InvalidValue("frames", "one frame")
    return await _picture(asked, instance, replace(rendering, frame=numbers[0]))


def _response_as_a_whole(
    instance: CachedInstance,
) -> Callable[[ImageRequest, CachedInstance], Awaitable[Response]] | None:
    """Return who answers for what is no picture; None for what is."""
    if instance.transfer_syntax_uid in VIDEO_MEDIA_TYPE_OF:
        return _video
    if is_document(instance.sop_class_uid):
        return document_response
    return _report if is_report(instance.sop_class_uid) else None


async def _frames(asked: ImageRequest, instance: CachedInstance) -> Response:
    """Return one frame, or the list, or all where parts are asked for."""
    listed = asked.frames
    numbers = parse_frame_list(listed) if listed is not None else [1]
    image_format, is_multipart = choose_image_format(
        asked.ranges, is_single=len(numbers) == 1, is_multipart=True
    )
    rendering = parse_rendering(asked.parameters, image_format, may_enlarge=asked.may_enlarge)
    if not is_multipart:
        return await _scrolled(asked, instance, replace(rendering, frame=numbers[0]))
    if listed is None:
        header = await anyio.to_thread.run_sync(read_instance_header, instance)
        numbers = list(range(1, header.number_of_frames + 1))
    parts = _drawn(asked, instance, asked.url_of(instance), rendering, numbers)
    return await multipart_response(parts, _headers(asked))


async def _scrolled(
    asked: ImageRequest, instance: CachedInstance, rendering: Rendering
) -> Response:
    """Return the picture, and have those drawn that a reader who scrolls asks for next."""
    response = await _picture(asked, instance, rendering)
    series = asked.target.series_instance_uid
    if asked.draw_ahead is not None and series is not None:
        await asked.draw_ahead.note(asked.opened, series, instance, rendering)
    return response


async def _many(asked: ImageRequest) -> Response:
    readable = _only_readable(asked)
    if readable is not None:
        return await rendered_response(readable)
    image_format, is_multipart = choose_image_format(
        asked.ranges, is_single=True, is_multipart=True
    )
    rendering = parse_rendering(asked.parameters, image_format, may_enlarge=asked.may_enlarge)
    if not is_multipart:
        instance = await _representative(asked).instance()
        return await _picture(asked, instance, rendering)
    return await multipart_response(_every_picture(asked, rendering), _headers(asked))


async def _every_picture(asked: ImageRequest, rendering: Rendering) -> AsyncIterator[Part]:
    async for series, instance in asked.instances():
        if value_type_of(instance.sop_class_uid) != "IMAGE":
            continue
        if instance.transfer_syntax_uid in VIDEO_MEDIA_TYPE_OF:
            continue
        header = await anyio.to_thread.run_sync(read_instance_header, instance)
        if header.pixels is None:
            continue
        numbers = range(1, header.number_of_frames + 1)
        url = asked.url(series, instance.sop_instance_uid)
        async for part in _drawn(asked, instance, url, rendering, numbers):
            yield part


async def _drawn(
    asked: ImageRequest,
    instance: CachedInstance,
    url: str,
    rendering: Rendering,
    numbers: Sequence[int],
) -> AsyncIterator[Part]:
    for number in numbers:
        drawn = await asked.pixels.render(instance.path, replace(rendering, frame=number))
        yield Part(rendering.format.value, whole(drawn), f"{url}/frames/{number}/rendered")


async def _picture(asked: ImageRequest, instance: CachedInstance, rendering: Rendering) -> Response:
    etag = weak_etag(instance.sop_instance_uid.encode(), repr(rendering).encode())
    headers = {**_headers(asked), "ETag": etag}
    if (held := not_modified(asked.request, headers, is_made=False)) is not None:
        return held
    drawn = await asked.pixels.render(instance.path, rendering)
    return answer(asked.request, Representation(drawn, rendering.format.value, etag), headers)


async def _video(asked: ImageRequest, instance: CachedInstance) -> Response:
    media_type = VIDEO_MEDIA_TYPE_OF[instance.transfer_syntax_uid]
    if choose(asked.ranges, [Offer(media_type)]) is None:
        raise NotAcceptable(f"this video is sent as {media_type}")
    header = await anyio.to_thread.run_sync(read_instance_header, instance)
    if header.pixels is None:
        raise NotFound("the video has no pixels")
    fragments = await anyio.to_thread.run_sync(read_fragments, instance, header.pixels)
    headers = {
        **cache_headers(asked.request),
        "Content-Type": media_type,
        "ETag": strong_etag(instance.sop_instance_uid, media_type),
    }
    if (held := not_modified(asked.request, headers)) is not None:
        return held
    # Who plays it jumps to and fro: browsers ask for ranges.
    length = sum(length for _, length in fragments)
    return ranged_response(
        asked.request, length, lambda part: video_chunks(instance, fragments, part), headers
    )


async def _report(asked: ImageRequest, instance: CachedInstance) -> Response:
    offer = choose(asked.ranges, [Offer("text/html"), Offer("text/plain")])
    if offer is None:
        raise NotAcceptable("a report is sent as text/html or text/plain")
    is_html = offer.media_type == "text/html"
    octets = await anyio.to_thread.run_sync(_report_text, instance, is_html)
    etag = weak_etag(octets)
    representation = Representation(octets, _HTML if is_html else _PLAIN, etag)
    headers = {"Content-Security-Policy": _NOTHING_RUNS, "X-Frame-Options": "SAMEORIGIN"}
    return answer(asked.request, representation, headers)


def _report_text(instance: CachedInstance, is_html: bool) -> bytes:  # noqa: FBT001
    with mapped_data_set(instance) as octets:
        report = parse_structured_report(
            read_data_set(octets, encoding_of(instance.transfer_syntax_uid))
        )
    return encode_html(report) if is_html else encode_plain_text(report)


def _representative(asked: ImageRequest) -> ImageRequest:
    """Return the request for the instance in the middle of the first series of images.

    Raises:
        NotFound: there is no image.
    """
    for series in _series_asked_for(asked):
        images = [one for one in series.instances if _is_image(one)]
        if images:
            return _request_for(asked, series, sorted(images, key=_order)[len(images) // 2])
    raise NotFound("no image to be drawn")


def _only_readable(asked: ImageRequest) -> ImageRequest | None:
    """Return the request for the first document or report, where there is no image at all."""
    listed = [(series, one) for series in _series_asked_for(asked) for one in series.instances]
    if any(_is_image(one) for _, one in listed):
        return None
    for series, one in listed:
        if is_document(one.sop_class_uid) or is_report(one.sop_class_uid):
            return _request_for(asked, series, one)
    return None


def _series_asked_for(asked: ImageRequest) -> Iterator[ReferencedSeries]:
    wanted = asked.target.series_instance_uid
    for series in asked.opened.manifest.series:
        if wanted in {None, series.series_instance_uid}:
            yield series


def _request_for(
    asked: ImageRequest, series: ReferencedSeries, instance: ReferencedInstance
) -> ImageRequest:
    target = replace(
        asked.target,
        series_instance_uid=series.series_instance_uid,
        sop_instance_uid=instance.sop_instance_uid,
    )
    return replace(asked, target=target)


def _is_image(instance: ReferencedInstance) -> bool:
    return value_type_of(instance.sop_class_uid) == "IMAGE"


def _order(instance: ReferencedInstance) -> int:
    return instance.instance_number or 0


def _headers(asked: ImageRequest) -> dict[str, str]:
    return {**cache_headers(asked.request), **warnings_about(asked.parameters)}
