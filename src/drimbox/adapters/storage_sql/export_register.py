"""Exports asked for, and where each stands (CO.60 to CO.62, CO.79)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, select, update

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing, digest_of_secret
from drimbox.adapters.storage_sql.tables import exports
from drimbox.model.export import Export, ExportFailure, ExportState
from drimbox.model.uids import StudyInstanceUid

_USER = "export user"
_UNFINISHED = tuple(state.value for state in ExportState if not state.is_over)


class SqlExportRegister:
    """Implements ports.export_register.ExportRegister; context identifiers are stored hashed.

    A version before migration 7 wrote no user_index: whose exports those were is not searched.
    """

    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def save(self, export: Export) -> None:
        """See ports.export_register."""
        row = self._to_row(export)

        def work(connection: Connection) -> None:
            if not self._database.insert_once(connection, exports, row):
                digest = row["identifier_digest"]
                known = exports.c.identifier_digest == digest
                connection.execute(update(exports).where(known).values(row))

        await self._database.write(work)

    async def find_of_context(self, context_identifier: str) -> tuple[Export, ...]:
        """See ports.export_register."""
        digest = digest_of_secret(context_identifier)
        statement = (
            select(exports)
            .where(exports.c.context_digest == digest)
            .order_by(exports.c.requested_at)
        )
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(self._read(row.identifier_digest, row.export) for row in rows)

    async def find_done(self, studies: Sequence[StudyInstanceUid]) -> tuple[Export, ...]:
        """See ports.export_register."""
        statement = select(exports).where(
            exports.c.study_instance_uid.in_(list(studies)),
            exports.c.state == ExportState.DONE.value,
        )
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(self._read(row.identifier_digest, row.export) for row in rows)

    async def find_last_of_user(self, user: str) -> Export | None:
        """See ports.export_register."""
        statement = (
            select(exports)
            .where(exports.c.user_index == self._sealing.index(_USER, user))
            .order_by(exports.c.requested_at.desc())
            .limit(1)
        )
        row = await self._database.read(lambda c: c.execute(statement).one_or_none())
        return None if row is None else self._read(row.identifier_digest, row.export)

    async def interrupt(self, started_before: datetime, now: datetime) -> int:
        """See ports.export_register."""
        statement = select(exports).where(
            exports.c.state.in_(_UNFINISHED), exports.c.requested_at < started_before
        )

        def work(connection: Connection) -> int:
            rows = connection.execute(statement).all()
            for row in rows:
                interrupted = replace(
                    self._read(row.identifier_digest, row.export),
                    state=ExportState.FAILED,
                    failure=ExportFailure.INTERRUPTED,
                    finished_at=now,
                )
                known = exports.c.identifier_digest == row.identifier_digest
                values = self._to_row(interrupted)
                connection.execute(update(exports).where(known).values(values))
            return len(rows)

        return await self._database.write(work)

    def _to_row(self, export: Export) -> dict[str, object]:
        digest = digest_of_secret(export.identifier)
        return {
            "identifier_digest": digest,
            "context_digest": digest_of_secret(export.context_identifier),
            "user_index": self._sealing.index(_USER, export.user),
            "study_instance_uid": export.study_instance_uid,
            "state": export.state.value,
            "requested_at": export.requested_at,
            "export": self._sealing.seal(encode_record(export), "exports", "export", digest),
        }

    def _read(self, digest: bytes, sealed: bytes) -> Export:
        return decode_record(Export, self._sealing.unseal(sealed, "exports", "export", digest))
