"""Kept exams in memory."""

from dataclasses import dataclass, field
from datetime import datetime

from drimbox.model.kept_exam import KeptExam
from drimbox.model.uids import StudyInstanceUid


@dataclass
class FakeKeptExams:
    exams: dict[StudyInstanceUid, KeptExam] = field(default_factory=dict)
    kept: int = 0

    async def keep(self, exam: KeptExam) -> None:
        self.kept += 1
        self.exams[exam.manifest.study_instance_uid] = exam

    async def find(self, now: datetime) -> tuple[KeptExam, ...]:
        found = [exam for exam in self.exams.values() if exam.kept_until > now]
        return tuple(sorted(found, key=lambda exam: exam.kept_until, reverse=True))
