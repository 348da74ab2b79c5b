"""One series on its way through, without a copy for as long as nobody else asks for it.

    alone          PACS ─> first reader                      what passes is noted in a log (spool)
    somebody asks  log, then PACS ─> copy ─> everybody       the first reader goes on from the copy

So one retrieval serves all who ask before the first reader has left, whenever that is; except where
the log was given up: the spool was full, or what came was so fast that noting it would have slowed
it down, and asking again costs little.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar

from drimbox.adapters.image_cache_disk.arrival import ArrivingSeries
from drimbox.adapters.image_cache_disk.folder_lock import FolderLock
from drimbox.adapters.image_cache_disk.series_copies import read_instance
from drimbox.adapters.image_cache_disk.spool import SpoolLog
from drimbox.errors import DrimboxError, Unavailable
from drimbox.flows.image_streams import close
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.image_cache import Retrieve

T = TypeVar("T")


@dataclass(slots=True)
class _Passed:
    """An instance of which all, or a beginning, lies in the log from start to end."""

    instance: InstanceStream
    start: int
    end: int
    is_whole: bool = False


class PassingSeries:
    """Implements ports.image_cache.SeriesStreams for one reader; the retrieval begins at once.

    Args:
        retrieve: asks for the series; once more only where the log was lost.
        lock: of the folder in which a copy would be, and in which other workers look.
        when_left: called once the reader has left and nobody has asked for the series.
    """

    def __init__(
        self,
        retrieve: Retrieve,
        log: SpoolLog,
        lock: FolderLock | None,
        when_left: Callable[["PassingSeries"], None],
    ) -> None:
        self.retrieve = retrieve
        self.lock = lock
        retrieval = retrieve()
        self._retrieval = retrieval
        self._log = log
        self._when_left = when_left
        # A task of its own: the reader may leave while others wait for what it began.
        self._first: asyncio.Task[InstanceStream | None] | None = asyncio.create_task(
            _next_of(retrieval)
        )
        self._turn = asyncio.Lock()
        self._passed: list[_Passed] = []
        self._copy: ArrivingSeries | None = None
        self._failure: DrimboxError | None = None
        self._is_broken = False
        self._is_left = False

    @property
    def can_be_joined(self) -> bool:
        """Tell whether everything that has passed can be had again."""
        return not (self._log.is_lost or self._is_broken)

    def join(self, copy: ArrivingSeries) -> None:
        """Have the reader go on from this copy, which reads `instances`."""
        self._copy = copy
        self._log.freeze()
        if not self._is_left:
            copy.opened()

    def abandon(self) -> None:
        """See ports.image_cache."""
        self._is_left = True
        if self._copy is not None:
            self._copy.abandon()
        else:
            self._when_left(self)

    def is_joined(self) -> bool:
        """Tell whether a copy is made of it: that one then ends the retrieval."""
        return self._copy is not None

    def _joined(self) -> ArrivingSeries:
        assert self._copy is not None  # noqa: S101  # asked only once it is joined
        return self._copy

    # The reader's side.

    async def streams(self, uid: SopInstanceUid | None = None) -> AsyncIterator[InstanceStream]:
        """See ports.image_cache."""
        async with aclosing(self._read()) as instances:
            async for instance in instances:
                if uid in {None, instance.sop_instance_uid}:
                    yield instance
                else:
                    await _skip(instance)

    async def _read(self) -> AsyncGenerator[InstanceStream, None]:
        given: set[SopInstanceUid] = set()
        while self.can_be_joined and not self.is_joined():
            async with self._turn:
                passed = None if self.is_joined() else await self._next()
            if passed is not None:
                given.add(passed.instance.sop_instance_uid)
                yield passed.instance.with_chunks(self._chunks(passed))
            elif not self.is_joined():
                return
        if self.is_joined():
            async for instance in self._joined().streams():
                if instance.sop_instance_uid not in given:
                    yield instance
        # Nobody can join any more: it goes on without a note, at full speed.
        while not self.is_joined() and (following := await self._next_instance()) is not None:
            yield following

    async def _next(self) -> _Passed | None:
        instance = await self._told(self._next_instance())
        if instance is None:
            return None
        passed = _Passed(instance, self._log.size, self._log.size)
        self._passed.append(passed)
        return passed

    async def _next_instance(self) -> InstanceStream | None:
        if self._first is None:
            return await anext(self._retrieval, None)
        first = await asyncio.shield(self._first)
        self._first = None
        return first

    async def _chunks(self, passed: _Passed) -> AsyncIterator[bytes]:
        """Yield one instance; from the copy, where that is asked for in its middle."""
        while not self.is_joined():
            async with self._turn:
                chunk = None if self.is_joined() else await self._pull(passed)
            if chunk is not None:
                yield chunk
            elif passed.is_whole:
                return
        given = passed.end - passed.start
        uid = passed.instance.sop_instance_uid
        rest = read_instance(await self._joined().get_instance(uid), is_fresh=True, start=given)
        async for chunk in rest.chunks:
            yield chunk

    async def _pull(self, passed: _Passed) -> bytes | None:
        chunk = await self._told(anext(passed.instance.chunks, None))
        if chunk is None:
            passed.is_whole = True
            return None
        self._log.keep(chunk)
        passed.end += len(chunk)
        return chunk

    async def _told(self, step: Awaitable[T]) -> T:
        """Take one step of the retrieval; how it fails is kept for those who wait."""
        try:
            return await step
        except DrimboxError as error:
            self._failure = error
            raise
        except BaseException:
            # The reader left while it waited for the PACS: that ends the retrieval.
            self._is_broken = self._first is None
            raise

    # The copy's side.

    async def instances(self) -> AsyncGenerator[InstanceStream, None]:
        """Yield every instance, from the first one on; retrieved anew where that cannot be done.

        Raises:
            DrimboxError: what the retrieval raised, after the instances that came before.
        """
        given: list[SopInstanceUid] = []
        try:
            await self._log.flush()
            for passed in self._whole_ones() if self.can_be_joined else ():
                given.append(passed.instance.sop_instance_uid)
                yield passed.instance.with_chunks(self._replayed(passed))
            async with self._turn:  # what the reader is waiting for comes first
                await self._log.flush()
            if self.can_be_joined:
                async for instance in self._others(len(given)):
                    yield instance
                return
        finally:
            await self.end()
        retrieval = self.retrieve()
        try:
            async for instance in retrieval:
                if instance.sop_instance_uid in given:
                    await _skip(instance)
                else:
                    yield instance
        finally:
            await close(retrieval)

    def _whole_ones(self) -> Iterator[_Passed]:
        return takewhile(lambda passed: passed.is_whole, list(self._passed))

    async def _others(self, given: int) -> AsyncIterator[InstanceStream]:
        for passed in self._passed[given:]:
            yield passed.instance.with_chunks(self._replayed(passed))
        if self._failure is not None:
            raise self._failure
        while (instance := await self._next_instance()) is not None:
            yield instance

    async def _replayed(self, passed: _Passed) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._log.read(passed.start, passed.end):
                yield chunk
        except OSError as error:
            raise Unavailable("image cache", "cannot be read") from error
        if self._failure is not None and not passed.is_whole:
            raise self._failure
        if not passed.is_whole:
            async for chunk in passed.instance.chunks:
                yield chunk

    async def end(self) -> None:
        """Let the PACS and the log go."""
        if self._first is not None:
            self._first.cancel()
            await asyncio.wait({self._first})
            if not self._first.cancelled():
                self._first.exception()  # told to the reader, if there still is one
        async with self._turn:
            await close(self._retrieval)
        self._log.close()


async def _next_of(retrieval: AsyncIterator[InstanceStream]) -> InstanceStream | None:
    return await anext(retrieval, None)


async def _skip(instance: InstanceStream) -> None:
    async for _ in instance.chunks:
        pass
