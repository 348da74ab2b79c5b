"""Exports in memory: the register of them, and a destination that takes or refuses."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import anyio

from drimbox.errors import DrimboxError, Unavailable
from drimbox.model.export import Export, ExportFailure, ExportState
from drimbox.model.retrieval import InstanceStream
from drimbox.model.uids import StudyInstanceUid


@dataclass
class FakeExportRegister:
    exports: dict[str, Export] = field(default_factory=dict)
    history: list[Export] = field(default_factory=list)
    is_away: bool = False
    refusals: int = 0

    async def save(self, export: Export) -> None:
        if self.is_away:
            self.refusals += 1
            raise Unavailable("storage")
        self.exports[export.identifier] = export
        self.history.append(export)

    async def find_of_context(self, context_identifier: str) -> tuple[Export, ...]:
        found = [e for e in self.exports.values() if e.context_identifier == context_identifier]
        return tuple(sorted(found, key=lambda e: e.requested_at))

    async def find_done(self, studies: Sequence[StudyInstanceUid]) -> tuple[Export, ...]:
        return tuple(
            e
            for e in self.exports.values()
            if e.state is ExportState.DONE and e.study_instance_uid in studies
        )

    async def find_last_of_user(self, user: str) -> Export | None:
        found = [e for e in self.exports.values() if e.user == user]
        return max(found, key=lambda e: e.requested_at, default=None)

    async def interrupt(self, started_before: datetime, now: datetime) -> int:
        left = [
            e
            for e in self.exports.values()
            if not e.state.is_over and e.requested_at < started_before
        ]
        for export in left:
            await self.save(
                replace(
                    export,
                    state=ExportState.FAILED,
                    failure=ExportFailure.INTERRUPTED,
                    finished_at=now,
                )
            )
        return len(left)


@dataclass
class FakeDestination:
    """Keeps what it is sent: (instance, its data set); refuses with `failure` after some.

    opened, where it is there, is waited for before each image.
    """

    received: list[tuple[InstanceStream, bytes]] = field(default_factory=list)
    failure: DrimboxError | None = None
    accepts: int = 1_000_000
    seconds_an_image: float = 0.0
    opened: anyio.Event | None = None

    async def store(
        self, instances: AsyncIterator[InstanceStream], *, on_stored: Callable[[int], None]
    ) -> None:
        stored = 0
        async for instance in instances:
            if len(self.received) >= self.accepts and self.failure is not None:
                raise self.failure
            octets = b"".join([chunk async for chunk in instance.chunks])
            await anyio.sleep(self.seconds_an_image)
            if self.opened is not None:
                await self.opened.wait()
            self.received.append((instance, octets))
            stored += 1
            on_stored(stored)
