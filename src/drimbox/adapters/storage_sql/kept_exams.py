"""Exams that local systems may find here (CO.72)."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import kept_exams
from drimbox.model.kept_exam import KeptExam

_MAX_EXAMS = 5000


class SqlKeptExams:
    """Implements ports.kept_exams.KeptExams; what an exam tells is sealed."""

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def keep(self, exam: KeptExam) -> None:
        """See ports.kept_exams."""
        uid = exam.manifest.study_instance_uid
        row = {
            "study_instance_uid": uid,
            "kept_until": exam.kept_until,
            "exam": self._sealing.seal(encode_record(exam), "kept_exams", "exam", uid.encode()),
        }

        def work(connection: Connection) -> None:
            if not self._database.insert_once(connection, kept_exams, row):
                known = kept_exams.c.study_instance_uid == uid
                connection.execute(update(kept_exams).where(known).values(row))

        await self._database.write(work)

    async def find(self, now: datetime) -> tuple[KeptExam, ...]:
        """See ports.kept_exams."""
        statement = (
            select(kept_exams)
            .where(kept_exams.c.kept_until > now)
            .order_by(kept_exams.c.kept_until.desc())
            .limit(_MAX_EXAMS)
        )
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(self._read(row.study_instance_uid, row.exam) for row in rows)

    def _read(self, uid: str, sealed: bytes) -> KeptExam:
        octets = self._sealing.unseal(sealed, "kept_exams", "exam", uid.encode())
        return decode_record(KeptExam, octets)
