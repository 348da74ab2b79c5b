"""Exports asked for, and where each stands: shared by the workers of a box."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from drimbox.model.export import Export
from drimbox.model.uids import StudyInstanceUid


class ExportRegister(Protocol):
    async def save(self, export: Export) -> None:
        """Insert or replace."""

    async def find_of_context(self, context_identifier: str) -> tuple[Export, ...]:
        """List the exports asked for in one context, oldest first."""

    async def find_done(self, studies: Sequence[StudyInstanceUid]) -> tuple[Export, ...]:
        """List the finished exports of these studies, whoever asked for them (CO.79)."""

    async def find_last_of_user(self, user: str) -> Export | None:
        """Return what this professional asked for last, by national id, if anything (CO.62)."""

    async def interrupt(self, started_before: datetime, now: datetime) -> int:
        """Mark as failed what was asked for before then and never ended; return how many."""
