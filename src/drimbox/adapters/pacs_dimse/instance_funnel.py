"""Instances of several associations as one iterator: one at a time from each, none held whole.

association 1 ─ offer() ─┐
association 2 ─ offer() ─┴─> queue ─> async for instance in funnel
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from drimbox.adapters.pacs_dimse.association import Association
from drimbox.errors import InvalidValue, Unavailable
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import SopClassUid, SopInstanceUid, TransferSyntaxUid
from drimbox.standards.dimse.upper_layer import CommandReceived, DataReceived


class DataSetChunks:
    """The data set that follows a C-STORE-RQ; an async iterator of octets."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._is_over = False

    def __aiter__(self) -> "DataSetChunks":
        return self

    async def __anext__(self) -> bytes:
        while not self._is_over:
            event = await self._association.next_event()
            if not isinstance(event, DataReceived):
                raise Unavailable(self._association.partner, "broke off an instance")
            self._is_over = event.is_last
            if event.octets:
                return event.octets
        raise StopAsyncIteration

    async def skip(self) -> None:
        """Read what the consumer left."""
        async for _ in self:
            pass


class SkippedChunks(Protocol):
    """What of a data set is left to be read."""

    async def skip(self) -> None:
        """Read what the consumer left."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One instance on its way; over is set once nobody reads it any more."""

    instance: InstanceStream
    chunks: SkippedChunks
    over: asyncio.Event


def arrival_of(association: Association, event: CommandReceived) -> Arrival:
    """Take a C-STORE-RQ whose data set is about to come.

    Raises:
        Unavailable: it has no valid UIDs.
    """
    command, syntax = event.command, association.layer.accepted[event.context_id]
    chunks = DataSetChunks(association)
    try:
        instance = InstanceStream(
            sop_class_uid=SopClassUid(command.sop_class_uid),
            sop_instance_uid=SopInstanceUid(command.sop_instance_uid),
            transfer_syntax_uid=TransferSyntaxUid(syntax),
            chunks=chunks,
        )
    except InvalidValue as error:
        raise Unavailable(association.partner, "sent an instance without valid UIDs") from error
    return Arrival(instance, chunks, asyncio.Event())


class InstanceFunnel:
    """Where arrivals meet their one consumer.

    Args:
        sources: how many times end_one() makes the end.
    """

    def __init__(self, sources: int = 1) -> None:
        self._sources = sources
        self._arrivals: asyncio.Queue[Arrival | BaseException | None] = asyncio.Queue()
        self._is_closed = False
        self.count = 0
        """Instances offered so far."""

    async def offer(self, arrival: Arrival) -> None:
        """Hand over an instance and return once it has been read to its end."""
        if not self._is_closed:
            self.count += 1
            self._arrivals.put_nowait(arrival)
            await arrival.over.wait()
        await arrival.chunks.skip()

    def end_one(self) -> None:
        """Tell that one source has offered everything."""
        self._sources -= 1
        if self._sources == 0:
            self._arrivals.put_nowait(None)

    def restart(self, sources: int) -> None:
        """Count anew: the sources so far had nothing to offer."""
        self._sources = sources

    def fail(self, error: BaseException) -> None:
        """Tell why nothing more comes."""
        self._arrivals.put_nowait(error)

    def follow(self, task: asyncio.Task[None]) -> None:
        """Fail as the task that fills the funnel failed (a done callback)."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    def close(self) -> None:
        """Let go of whatever still waits to be read."""
        self._is_closed = True
        while not self._arrivals.empty():
            arrival = self._arrivals.get_nowait()
            if isinstance(arrival, Arrival):
                arrival.over.set()

    async def instances(self) -> AsyncGenerator[InstanceStream, None]:
        """Yield instances as they arrive, until every source has ended.

        Raises:
            DrimboxError: what fail() was given.
        """
        while True:
            arrival = await self._arrivals.get()
            if arrival is None:
                return
            if not isinstance(arrival, Arrival):
                raise arrival
            try:
                yield arrival.instance
            finally:
                arrival.over.set()
