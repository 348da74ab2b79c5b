"""From the octets of a multipart answer to instances, never a whole one in memory."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from drimbox.errors import InvalidValue, MalformedMessage, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid
from drimbox.standards.dicom.part10 import FileMeta, parse_file_meta
from drimbox.standards.dicomweb.multipart_related import (
    MultipartReader,
    PartEvent,
    PartFinished,
    PartOctets,
    PartStart,
)

# (0002,0000) File Meta Information Group Length: tag, VR, length and value end here (PS3.10 7.1).
_GROUP_LENGTH_END = 144
_MAX_META_BYTES = 64 * 1024


async def received_instances(
    chunks: AsyncIterator[bytes], boundary: str, partner: str
) -> AsyncGenerator[InstanceStream, None]:
    """Yield each part as an instance; partner is how errors name who sends.

    Raises:
        MalformedMessage: not multipart, or a part that is no DICOM file.
        Unavailable: the stream ended before its closing delimiter.
    """
    reader = MultipartReader(boundary)
    async with aclosing(_events(reader, chunks)) as events:
        async for event in events:
            if isinstance(event, PartStart):
                part = _Part(events, partner)
                yield await part.instance()
                await part.skip_rest()
    if not reader.is_finished:
        raise Unavailable(partner, "stopped in the middle of its answer")


async def _events(
    reader: MultipartReader, chunks: AsyncIterator[bytes]
) -> AsyncGenerator[PartEvent, None]:
    async for chunk in chunks:
        for event in reader.receive(chunk):
            yield event


class _Part:
    """One part, read from the events of the whole message."""

    def __init__(self, events: AsyncIterator[PartEvent], partner: str) -> None:
        self._events = events
        self._partner = partner
        self._is_finished = False
        self._rest = b""

    async def instance(self) -> InstanceStream:
        meta = await self._read_meta()
        try:
            return InstanceStream(
                SopClassUid(meta.sop_class_uid),
                SopInstanceUid(meta.sop_instance_uid),
                meta.transfer_syntax_uid,
                self._data_set(),
            )
        except InvalidValue as error:
            raise MalformedMessage("no valid UIDs", where="file meta information") from error

    async def skip_rest(self) -> None:
        async for _ in self._data_set():
            pass

    async def _read_meta(self) -> FileMeta:
        head = bytearray()
        wanted = _GROUP_LENGTH_END
        while len(head) < wanted and (octets := await self._next()) is not None:
            head += octets
            if len(head) >= _GROUP_LENGTH_END:
                length = int.from_bytes(head[_GROUP_LENGTH_END - 4 : _GROUP_LENGTH_END], "little")
                wanted = min(_GROUP_LENGTH_END + length, _MAX_META_BYTES)
        meta = parse_file_meta(bytes(head))
        self._rest = bytes(head[meta.data_set_offset :])
        return meta

    async def _data_set(self) -> AsyncIterator[bytes]:
        if self._rest:
            first, self._rest = self._rest, b""
            yield first
        while (octets := await self._next()) is not None:
            yield octets

    async def _next(self) -> bytes | None:
        """Return the part's next octets, None at its end."""
        if self._is_finished:
            return None
        async for event in self._events:
            if isinstance(event, PartOctets):
                return event.octets
            if isinstance(event, PartFinished):
                break
        else:
            raise Unavailable(self._partner, "stopped in the middle of an instance")
        self._is_finished = True
        return None
