"""The pixels of instances, whole (PS3.18 10.4.1.1.5, 8.7.3.3): `/pixeldata`, `/bulkdata/7FE00010`.

uncompressed    one part, all frames after each other
compressed      one part a frame, in the media type of its syntax; a video as its one stream
"""

from collections.abc import AsyncIterator, Sequence

import anyio

from drimbox.entrypoints.http.dicomweb.frames import read_frame
from drimbox.entrypoints.http.dicomweb.request import ImageRequest
from drimbox.entrypoints.http.instance_files import (
    InstanceHeader,
    read_fragments,
    read_instance_header,
)
from drimbox.entrypoints.http.multipart_answers import Part, file_chunks, whole
from drimbox.errors import NotAcceptable
from drimbox.model.frames import Range
from drimbox.ports.image_cache import CachedInstance
from drimbox.standards.dicom.data_set import UNDEFINED_LENGTH, ElementHeader
from drimbox.standards.dicomweb.frame_media_types import (
    OCTETS,
    VIDEO_MEDIA_TYPE_OF,
    FrameForm,
    frame_forms,
)
from drimbox.standards.dicomweb.media_types import MULTIPART, Offer, choose
from drimbox.standards.dicomweb.validators import ByteRange


async def pixel_data_parts(
    asked: ImageRequest, instance: CachedInstance, url: str
) -> AsyncIterator[Part]:
    """Yield the pixels of one instance; none where it has none.

    Raises:
        NotAcceptable: they can be given in no accepted media type.
    """
    header = await anyio.to_thread.run_sync(read_instance_header, instance)
    pixels = header.pixels
    if pixels is None:
        return
    syntax = instance.transfer_syntax_uid
    if syntax in VIDEO_MEDIA_TYPE_OF:
        yield await _video(asked, instance, pixels, url)
        return
    forms = frame_forms(syntax, asked.ranges, is_one=False)
    form, first = await read_frame(instance, 1, forms, asked.pixels)
    if form.media_type != OCTETS:
        async for part in _frame_parts(asked, instance, header, form, url):
            yield part
    elif form.is_as_stored and pixels.length != UNDEFINED_LENGTH:
        chunks = file_chunks(instance.path, pixels.value_offset, pixels.length)
        yield Part(form.content_type, chunks, f"{url}/bulkdata/{pixels.tag:08X}")
    else:
        count = header.number_of_frames
        chunks = _decoded(asked, instance, form, first, count)
        yield Part(form.content_type, chunks, f"{url}/bulkdata/{pixels.tag:08X}")


async def video_chunks(
    instance: CachedInstance, fragments: Sequence[Range], part: ByteRange | None = None
) -> AsyncIterator[bytes]:
    """Return the one stream that a video is, without what encapsulates it (PS3.5 A.4.5).

    Of it the part, where one is named.
    """
    before = 0
    for offset, length in fragments:
        first = max(part.first - before, 0) if part is not None else 0
        end = min(part.last + 1 - before, length) if part is not None else length
        before += length
        if first < end:
            async for chunk in file_chunks(instance.path, offset + first, end - first):
                yield chunk


async def _video(
    asked: ImageRequest, instance: CachedInstance, pixels: ElementHeader, url: str
) -> Part:
    media_type = VIDEO_MEDIA_TYPE_OF[instance.transfer_syntax_uid]
    if choose(asked.ranges, [Offer(MULTIPART, media_type)]) is None:
        raise NotAcceptable(f"the video is sent as {media_type}")
    fragments = await anyio.to_thread.run_sync(read_fragments, instance, pixels)
    content_type = f"{media_type}; transfer-syntax={instance.transfer_syntax_uid}"
    chunks = video_chunks(instance, fragments)
    return Part(content_type, chunks, f"{url}/bulkdata/{pixels.tag:08X}")


async def _frame_parts(
    asked: ImageRequest,
    instance: CachedInstance,
    header: InstanceHeader,
    form: FrameForm,
    url: str,
) -> AsyncIterator[Part]:
    for number in range(1, header.number_of_frames + 1):
        _, frame = await read_frame(instance, number, [form], asked.pixels)
        yield Part(form.content_type, whole(frame), f"{url}/frames/{number}")


async def _decoded(
    asked: ImageRequest, instance: CachedInstance, form: FrameForm, first: bytes, count: int
) -> AsyncIterator[bytes]:
    yield first
    for number in range(2, count + 1):
        _, frame = await read_frame(instance, number, [form], asked.pixels)
        yield frame
