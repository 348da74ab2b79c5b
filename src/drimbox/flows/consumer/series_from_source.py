"""One series from its Source, whole however often the connection is cut (R5).

    ask for the series -> instances, as they come
    cut in an instance -> ask for that instance, skip what was given, go on in the same stream
    cut in the series  -> ask for the instances of the manifest that are missing, one by one

What was received is kept. Three failures in a row without a new octet in between are the end; a
Source that gives nothing at all in time is not asked again.
"""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import anyio

from drimbox.errors import MalformedMessage, NotFound, TimedOut, TooLarge, Unavailable
from drimbox.flows.image_streams import close
from drimbox.model.manifest import ReferencedSeries
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import SopInstanceUid, StudyInstanceUid

Ask = Callable[[TargetResource], AsyncGenerator[InstanceStream, None]]
Pause = Callable[[float], Awaitable[None]]

MAX_FAILURES = 3
MAX_OCTETS = 16 * 1024**3
_MAX_PASSED_OVER = 1000
_FIRST_PAUSE_SECONDS = 0.25
# A person waits: a Source that wants to be left alone for longer is away.
_LONGEST_PAUSE_SECONDS = 4.0
_MOST_UNSUMMED = 1024 * 1024
_ANSWER = "answer of the Source"


@dataclass
class _Patience:
    """Counts failures in a row; an octet that was not here, or an instance whole, forgives them."""

    pause: Pause
    has_received: bool = False
    failures: int = 0

    def received(self) -> None:
        self.has_received = True
        self.failures = 0

    async def spend(self, error: Unavailable) -> None:
        """Wait before the next try, longer each time and as long as is asked for, or raise it."""
        self.failures += 1
        is_silent = isinstance(error, TimedOut) and not self.has_received
        if is_silent or self.failures >= MAX_FAILURES:
            raise error
        seconds = _FIRST_PAUSE_SECONDS * 2 ** (self.failures - 1)
        if error.retry_after_seconds is not None:
            seconds = max(seconds, min(error.retry_after_seconds, _LONGEST_PAUSE_SECONDS))
        await self.pause(seconds)


@dataclass
class SeriesFromSource:
    """ask makes one request; it raises Unavailable where the answer is cut."""

    ask: Ask
    study_instance_uid: StudyInstanceUid
    series: ReferencedSeries
    pause: Pause = anyio.sleep
    max_octets: int = MAX_OCTETS
    _patience: _Patience = field(init=False)
    _octets: int = field(default=0, init=False)
    _passed_over: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._patience = _Patience(self.pause)

    async def instances(self) -> AsyncIterator[InstanceStream]:
        """Yield each instance once, and none that the manifest does not name.

        Raises:
            Unavailable: the Source is away, or goes away again and again.
            NotFound: it has none of them any more.
            TooLarge: it gives more than max_octets (threat N8).
            MalformedMessage: an instance begins otherwise when it is asked for again.
        """
        missing = dict.fromkeys(i.sop_instance_uid for i in self.series.instances)
        given = 0
        while not given:
            try:
                async with aclosing(self._of_series(missing)) as received:
                    async for instance in received:
                        yield instance
                        given += 1
            except Unavailable as error:
                await self._patience.spend(error)
            else:
                return
        for uid in list(missing):
            try:
                instance, rest = await self._begin(uid)
            except NotFound:
                continue
            async with aclosing(rest):
                yield instance
                # Read to its end, an answer leaves its connection to the next one.
                with suppress(Unavailable):
                    async for _ in rest:
                        pass

    async def _of_series(
        self, missing: dict[SopInstanceUid, None]
    ) -> AsyncGenerator[InstanceStream, None]:
        """Yield what comes of the series, and strike it off what is missing."""
        async with aclosing(self.ask(self._target())) as answer:
            async for instance in answer:
                if instance.sop_instance_uid not in missing:
                    await self._pass_over(instance)
                    continue
                del missing[instance.sop_instance_uid]
                yield self._resumable(instance)

    async def _pass_over(self, instance: InstanceStream) -> None:
        """Read what the manifest does not name, or names once only, to its end."""
        self._passed_over += 1
        if self._passed_over > _MAX_PASSED_OVER:
            raise MalformedMessage("instances that the manifest does not name", where=_ANSWER)
        async for chunk in instance.chunks:
            self._count(chunk)

    def _received(self, chunk: bytes, given: "_Given") -> None:
        self._patience.received()
        self._count(chunk)
        given.add(chunk)

    def _count(self, chunk: bytes) -> None:
        self._octets += len(chunk)
        if self._octets > self.max_octets:
            raise TooLarge(f"a series of more than {self.max_octets} octets")

    async def _begin(
        self, uid: SopInstanceUid
    ) -> tuple[InstanceStream, AsyncGenerator[InstanceStream, None]]:
        """Ask for one instance; the answer is to be closed once it has been read."""
        while True:
            answer = self.ask(self._target(uid))
            try:
                instance = await anext(answer, None)
            except Unavailable as error:
                await self._patience.spend(error)
                continue
            if instance is None or instance.sop_instance_uid != uid:
                await close(answer)
                raise NotFound("the Source gave another instance than the one asked for")
            return self._resumable(instance), answer

    def _resumable(self, instance: InstanceStream) -> InstanceStream:
        return instance.with_chunks(self._chunks(instance))

    async def _chunks(self, instance: InstanceStream) -> AsyncIterator[bytes]:
        """Yield the data set; where it is cut, ask for the instance again and go on."""
        given = _Given()
        try:
            async for chunk in instance.chunks:
                self._received(chunk, given)
                yield chunk
        except Unavailable as error:
            failure = error
        else:
            return
        while True:
            await self._patience.spend(failure)
            try:
                async with aclosing(
                    self._rest(instance, _Expected(given.octets, given.checksum))
                ) as rest:
                    async for chunk in rest:
                        self._received(chunk, given)
                        yield chunk
            except Unavailable as error:
                failure = error
            else:
                self._patience.received()
                return

    async def _rest(
        self, instance: InstanceStream, given: "_Expected"
    ) -> AsyncGenerator[bytes, None]:
        """Ask for the instance once more and yield what comes behind what was given by then."""
        before = _Given()
        async with aclosing(self.ask(self._target(instance.sop_instance_uid))) as answer:
            async for again in answer:
                if again.transfer_syntax_uid != instance.transfer_syntax_uid:
                    raise MalformedMessage("in another syntax than before", where=_ANSWER)
                async for chunk in again.chunks:
                    skipped = chunk[: given.octets - before.octets]
                    before.add(skipped)
                    if before.octets == given.octets and before.checksum != given.checksum:
                        raise MalformedMessage("not the octets of before", where=_ANSWER)
                    if len(chunk) > len(skipped):
                        yield chunk[len(skipped) :]
        if before.octets < given.octets:
            raise Unavailable("Source box", "gave less of an instance than before")

    def _target(self, uid: SopInstanceUid | None = None) -> TargetResource:
        return TargetResource(self.study_instance_uid, self.series.series_instance_uid, uid)


class _Given:
    """How much of an instance was given, and a checksum of it.

    Only an instance that was cut needs the sum: that of its last octets is made when asked for.
    """

    def __init__(self) -> None:
        self.octets = 0
        self._summed = 0
        self._checksum = 0
        self._unsummed: list[bytes] = []

    def add(self, chunk: bytes) -> None:
        self._unsummed.append(chunk)
        self.octets += len(chunk)
        if self.octets - self._summed > _MOST_UNSUMMED:
            self._sum()

    @property
    def checksum(self) -> int:
        self._sum()
        return self._checksum

    def _sum(self) -> None:
        for chunk in self._unsummed:
            self._checksum = zlib.crc32(chunk, self._checksum)
        self._unsummed.clear()
        self._summed = self.octets


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the beginning of an instance was when it was cut."""

    octets: int
    checksum: int
