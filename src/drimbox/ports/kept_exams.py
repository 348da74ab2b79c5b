"""Exams that local systems may find here: shared by the workers of a box."""

from datetime import datetime
from typing import Protocol

from drimbox.model.kept_exam import KeptExam


class KeptExams(Protocol):
    async def keep(self, exam: KeptExam) -> None:
        """Insert or replace, by study."""

    async def find(self, now: datetime) -> tuple[KeptExam, ...]:
        """List those whose time is not over, the last one kept first."""
