"""Data sets as Implicit VR Little Endian, which every AE takes (PS3.5 10.1); some nothing else."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

from drimbox.errors import MalformedMessage
from drimbox.model.retrieval import InstanceStream
from drimbox.standards.dicom.data_set import UNDEFINED_LENGTH, Encoding
from drimbox.standards.dicom.data_set_encoding import encode_element, encode_header
from drimbox.standards.dicom.element_stream import (
    ElementEvent,
    ElementStream,
    LargeElement,
    WholeElement,
)
from drimbox.standards.dicom.transfer_syntaxes import IMPLICIT_VR_LITTLE_ENDIAN


def implicit_instance(instance: InstanceStream) -> InstanceStream:
    """Return an instance in Explicit VR Little Endian as one in Implicit VR; its values stay.

    Its chunks raise MalformedMessage where they are no such data set.
    """
    return replace(
        instance, transfer_syntax_uid=IMPLICIT_VR_LITTLE_ENDIAN, chunks=_rewritten(instance)
    )


async def _rewritten(instance: InstanceStream) -> AsyncIterator[bytes]:
    elements = ElementStream(Encoding.EXPLICIT_LITTLE)
    async for chunk in instance.chunks:
        if octets := _encode(elements.feed(chunk)):
            yield octets
    if octets := _encode(elements.finish()):
        yield octets


def _encode(events: Iterator[ElementEvent]) -> bytes:
    return b"".join(map(_encode_event, events))


def _encode_event(event: ElementEvent) -> bytes:
    match event:
        case WholeElement():
            # PS3.5 7.2: group lengths are retired, and no longer true of what is rewritten.
            if event.tag & 0xFFFF == 0:
                return b""
            return encode_element(event.tag, event.element, is_implicit=True)
        case LargeElement():
            if event.length == UNDEFINED_LENGTH:
                raise MalformedMessage("encapsulated pixels in an uncompressed syntax (PS3.5 A.4)")
            return encode_header(event.tag, event.vr, event.length, is_implicit=True)
        case _:
            return event.octets
