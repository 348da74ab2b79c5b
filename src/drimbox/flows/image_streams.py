"""What happens to instances on their way through: identifiers put in, or compared."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator
from typing import TypeVar

from drimbox.errors import MalformedMessage, Mismatch, NotFound, Unavailable
from drimbox.model.patient import Ins
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import SeriesCopy, SeriesStreams
from drimbox.standards.dicom.asked_for import AskedFor
from drimbox.standards.dicom.outgoing import IdentifierWriter, OutgoingIdentity
from drimbox.standards.dicom.patient_identifiers import IdentityReader

T = TypeVar("T")
_PACS = "PACS"


async def close(iterator: AsyncIterator[T]) -> None:
    """End an iterator before its time, so that what feeds it is released at once."""
    if isinstance(iterator, AsyncGenerator):
        await iterator.aclose()


async def in_turn(
    copies: AsyncIterator[SeriesCopy], at_once: int, uid: SopInstanceUid | None
) -> AsyncGenerator[InstanceStream, None]:
    """Yield copy after copy, while the next ones are on their way; uid: that instance only.

    copies opens one each time it is asked. Left before the end, what was opened is abandoned.
    """
    opened: deque[SeriesCopy] = deque()
    try:
        while True:
            while len(opened) < at_once and (copy := await anext(copies, None)) is not None:
                opened.append(copy)
            if not opened:
                return
            instances = opened[0].streams(uid)
            try:
                async for instance in instances:
                    yield instance
            finally:
                await close(instances)
            opened.popleft()
    finally:
        for copy in opened:
            copy.abandon()


async def as_they_come(
    series: Iterator[SeriesStreams], at_once: int
) -> AsyncGenerator[InstanceStream, None]:
    """Yield the instances of all series, whichever is there first, of so many series at a time.

    series opens one each time it is asked. A series that is not found is left out, unless all are.
    Everything is abandoned together, at the end: until then others may join what has passed.

    Raises:
        NotFound: none of them was.
    """
    merged = _Merged(series, at_once)
    has_given = False
    try:
        while (instance := await merged.next()) is not None:
            has_given = True
            yield instance
        if merged.missing is not None and not has_given:
            raise merged.missing
    finally:
        await merged.end()


class _Merged:
    """Several series as one: what one of them gave is read before it is asked for its next."""

    def __init__(self, series: Iterator[SeriesStreams], at_once: int) -> None:
        self._series = series
        self._at_once = at_once
        self._is_all_open = False
        self._opened: list[tuple[SeriesStreams, AsyncIterator[InstanceStream]]] = []
        self._waiting: dict[asyncio.Task[InstanceStream | None], AsyncIterator[InstanceStream]] = {}
        self._given: AsyncIterator[InstanceStream] | None = None
        self.missing: NotFound | None = None

    async def next(self) -> InstanceStream | None:
        """Return the next instance of any; None once all have ended."""
        if self._given is not None and self._is_all_open and not self._waiting:
            return await anext(self._given, None)  # the last one: no task an instance
        if self._given is not None:
            self._ask(self._given)
            self._given = None
        while True:
            self._open_more()
            if not self._waiting:
                return None
            done, _ = await asyncio.wait(self._waiting, return_when=asyncio.FIRST_COMPLETED)
            task = next(one for one in self._waiting if one in done)  # who has waited longest
            streams = self._waiting.pop(task)
            try:
                instance = task.result()
            except NotFound as error:
                self.missing = error
                continue
            if instance is not None:
                self._given = streams
                return instance

    async def end(self) -> None:
        """Let go of everything."""
        for task in self._waiting:
            task.cancel()
        if self._waiting:
            await asyncio.wait(self._waiting)
        for opened, streams in self._opened:
            await close(streams)
            opened.abandon()

    def _open_more(self) -> None:
        while len(self._waiting) < self._at_once and not self._is_all_open:
            opened = next(self._series, None)
            if opened is None:
                self._is_all_open = True
                return
            streams = opened.streams()
            self._opened.append((opened, streams))
            self._ask(streams)

    def _ask(self, streams: AsyncIterator[InstanceStream]) -> None:
        self._waiting[asyncio.create_task(_next_of(streams))] = streams


async def _next_of(streams: AsyncIterator[InstanceStream]) -> InstanceStream | None:
    return await anext(streams, None)


async def outgoing(
    instances: AsyncIterator[InstanceStream], identity: OutgoingIdentity, target: TargetResource
) -> AsyncGenerator[InstanceStream, None]:
    """Yield the instances of the target as they leave this box (SO.39, SO.41).

    What the PACS sends of anything else is passed over.

    Raises:
        Unavailable: it sends nothing else, or what does not say what it is.
    """
    identifiers, asked_for = IdentifierWriter(identity), AskedFor(target)
    given = passed_over = 0
    try:
        async for received in instances:
            instance = await _told_of_pacs(asked_for.find(identifiers.rewrite(received)))
            if instance is None:
                passed_over += 1
                continue
            given += 1
            yield instance
    finally:
        await close(instances)
    if passed_over and not given:
        raise Unavailable(_PACS, "sent nothing of what it was asked for")


async def _told_of_pacs(reading: Awaitable[T]) -> T:
    """Read the head of what came; whatever is wrong with it is the doing of the PACS."""
    try:
        return await reading
    except (MalformedMessage, Mismatch) as error:
        raise Unavailable(_PACS, f"sent an image that cannot be passed on: {error}") from error


async def of_patient(
    instances: AsyncIterator[InstanceStream], ins: Ins, series: TargetResource
) -> AsyncIterator[InstanceStream]:
    """Yield the instances, each found to be this patient's, and of this series (CO.68, D6).

    Raises:
        Mismatch: one names another INS, or none (a Source puts it into each, SO.39), or another
            study, series or instance than it was given for.
    """
    reader = IdentityReader()
    try:
        async for received in instances:
            identity, instance = await reader.read(received)
            if {i.value for i in identity.patient.ins} != {ins.value}:
                raise Mismatch("an image does not carry the INS of the contextual call")
            uids = (identity.study_instance_uid, identity.series_instance_uid)
            if uids != (series.study_instance_uid, series.series_instance_uid):
                raise Mismatch("an image is of another study or series than was asked for")
            if identity.sop_instance_uid != received.sop_instance_uid:
                raise Mismatch("an image is another than its file meta information says")
            yield instance
    finally:
        await close(instances)
