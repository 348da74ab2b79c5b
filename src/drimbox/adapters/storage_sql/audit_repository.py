"""The audit trail: append-only rows, each bound to its predecessor.

    head (count n, digest d_n, proof)          d_n = HMAC(chain key, d_n-1 | every column of row n)

Whoever may write to the database but lacks the key can alter, insert or remove a row, but not make
digest or proof fit again; verify tells. Setting the whole database back to an older copy is out of
its reach: that is what forwarding to another repository is for (ITI-20).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
from sqlalchemy import ColumnElement, Connection, insert, or_, select, update

from drimbox.adapters.storage_sql.column_types import clean_text
from drimbox.adapters.storage_sql.engine import AnyRow, Database
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import audit_events, audit_head
from drimbox.errors import DrimboxError, Mismatch, Unavailable
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.ports.audit_repository import AuditSearch, RecordedOutcome
from drimbox.standards.atna.audit_message import AuditSource, encode_audit_message

_columns = audit_events.c
_NO_EVENT = bytes(32)
_PATIENT, _USER = "audit patient", "audit user"
_CHAINED = [column.name for column in _columns if column.name != "digest"]
_BATCH = 500
_BEFORE_ALL = -(2**62)


@dataclass(slots=True)
class _Waiting:
    """One event on its way into the trail."""

    event: AuditEvent
    message: bytes
    is_settled: bool = False
    error: DrimboxError | None = None


class SqlAuditRepository:
    """source is how this box names itself in each AuditMessage."""

    def __init__(self, database: Database, sealing: Sealing, source: AuditSource) -> None:
        self._database = database
        self._sealing = sealing
        self._source = source
        self._waiting: list[_Waiting] = []
        self._turn = anyio.Lock()

    async def record(self, event: AuditEvent) -> None:
        """See the port; events that wait for their turn together become one transaction."""
        waiting = _Waiting(event, encode_audit_message(event, self._source))
        self._waiting.append(waiting)
        async with self._turn:
            if not waiting.is_settled:
                await self._write_waiting()
        if waiting.error is not None:
            raise waiting.error

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        error: DrimboxError | None = Unavailable("storage", "the write was abandoned")

        def work(connection: Connection) -> None:
            self._append(connection, batch)

        try:
            await self._database.write(work)
            error = None
        except DrimboxError as failure:
            error = failure
        finally:
            for one in batch:
                one.is_settled, one.error = True, error

    async def find(self, search: AuditSearch) -> tuple[AuditEvent, ...]:
        statement = (
            select(_columns.sequence, _columns.event)
            .where(*self._criteria(search))
            .order_by(_columns.occurred_at.desc(), _columns.sequence.desc())
            .limit(search.limit)
        )
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(
            decode_record(AuditEvent, self._open(row.event, "event", row.sequence)) for row in rows
        )

    async def find_outcomes(self, since: datetime, until: datetime) -> tuple[RecordedOutcome, ...]:
        statement = (
            select(_columns.occurred_at, _columns.action, _columns.outcome)
            .where(_columns.occurred_at >= since, _columns.occurred_at < until)
            .order_by(_columns.occurred_at, _columns.sequence)
        )
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(
            RecordedOutcome(row.occurred_at, AuditAction(row.action), AuditOutcome(row.outcome))
            for row in rows
        )

    async def verify(self) -> int:
        return await self._database.read(self._verify)

    def _append(self, connection: Connection, batch: Sequence["_Waiting"]) -> None:
        self._database.lock(connection, "audit trail")
        sequence, digest = self._read_head(connection)
        rows = []
        for one in batch:
            sequence += 1
            row = self._row(one, sequence)
            digest = self._digest(digest, row)
            rows.append(row | {"digest": digest})
        connection.execute(insert(audit_events), rows)
        self._write_head(connection, sequence, digest)

    def _row(self, one: "_Waiting", sequence: int) -> dict[str, object]:
        event = one.event
        return {
            "sequence": sequence,
            # As they will be read again: the digest is taken of what is stored.
            "occurred_at": event.occurred_at.astimezone(UTC),
            "action": event.action.value,
            "outcome": event.outcome.value,
            "user_index": self._sealing.index(_USER, event.user),
            "patient_index": None
            if event.patient_id is None
            else self._sealing.index(_PATIENT, event.patient_id),
            "study_instance_uid": clean_text(event.study_instance_uid),
            "document_unique_id": clean_text(event.document_unique_id),
            "event": self._seal(encode_record(event), "event", sequence),
            "message": self._seal(one.message, "message", sequence),
        }

    def _read_head(self, connection: Connection) -> tuple[int, bytes]:
        """Return the number of events and the digest of the last one.

        Raises:
            Mismatch: the head is not one that we wrote.
        """
        head = connection.execute(select(audit_head)).one_or_none()
        if head is None:
            return 0, _NO_EVENT
        if head.proof != self._prove(head.event_count, head.digest):
            raise Mismatch("the head of the audit trail was altered")
        return head.event_count, head.digest

    def _write_head(self, connection: Connection, count: int, digest: bytes) -> None:
        values = {"event_count": count, "digest": digest, "proof": self._prove(count, digest)}
        if not connection.execute(update(audit_head).values(values)).rowcount:
            connection.execute(insert(audit_head).values(only_row=1, **values))

    def _verify(self, connection: Connection) -> int:
        count, last = self._read_head(connection)
        digest, expected = _NO_EVENT, 0
        for row in _read_all(connection):
            expected += 1
            digest = self._digest(digest, row._asdict())
            if row.sequence != expected or row.digest != digest:
                raise Mismatch(f"audit event {expected} was altered, removed or inserted")
        if expected != count or digest != last:
            raise Mismatch(f"the audit trail ends at event {expected}, not at {count}")
        return count

    def _criteria(self, search: AuditSearch) -> list[ColumnElement[bool]]:
        criteria: list[ColumnElement[bool]] = []
        if search.since is not None:
            criteria.append(_columns.occurred_at >= search.since)
        if search.until is not None:
            criteria.append(_columns.occurred_at <= search.until)
        if search.patient_id is not None:
            index = self._sealing.index(_PATIENT, search.patient_id)
            criteria.append(_columns.patient_index == index)
        if search.user is not None:
            criteria.append(_columns.user_index == self._sealing.index(_USER, search.user))
        if search.document is not None:
            study, document = _columns.study_instance_uid, _columns.document_unique_id
            criteria.append(or_(study == search.document, document == search.document))
        if search.actions:
            criteria.append(_columns.action.in_([action.value for action in search.actions]))
        return criteria

    def _digest(self, previous: bytes, row: dict[str, object]) -> bytes:
        return self._sealing.chain(previous, *(_octets(row[name]) for name in _CHAINED))

    def _prove(self, count: int, digest: bytes) -> bytes:
        return self._sealing.chain(b"head", str(count).encode(), digest)

    def _seal(self, octets: bytes, column: str, sequence: int) -> bytes:
        return self._sealing.seal(octets, "audit_events", column, str(sequence))

    def _open(self, sealed: bytes, column: str, sequence: int) -> bytes:
        return self._sealing.unseal(sealed, "audit_events", column, str(sequence))


def _read_all(connection: Connection) -> Iterator[AnyRow]:
    """Read the rows in order, a batch at a time: the trail is longer than memory."""
    after = _BEFORE_ALL
    while True:
        rows = connection.execute(
            select(audit_events)
            .where(_columns.sequence > after)
            .order_by(_columns.sequence)
            .limit(_BATCH)
        ).all()
        if not rows:
            return
        yield from rows
        after = rows[-1].sequence


def _octets(value: object) -> bytes:
    """Write one column for its digest; None differs from any text."""
    if isinstance(value, bytes):
        return b"b" + value
    return b"" if value is None else f"t{value}".encode("utf-8", "surrogatepass")
