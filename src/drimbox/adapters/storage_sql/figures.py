"""The figures of the box, counted where every process of it writes: in the database."""

from collections import Counter

from sqlalchemy import ColumnElement, Connection, Select, func, select

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.tables import (
    UNFINISHED_JOB,
    alerts,
    audit_events,
    is_state_in,
    outbox,
    received_messages,
)
from drimbox.model.audit import AuditAction, AuditOutcome
from drimbox.model.publication import AlertKind, IntakeState, JobState
from drimbox.ports.figures import Figures


class SqlFigures:
    """Implements ports.figures.ReadFigures.

    The trail only grows: its events are counted once, and from then on only the new ones are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._events: Counter[tuple[AuditAction, AuditOutcome]] = Counter()
        self._counted_to = 0

    async def __call__(self) -> Figures:
        figures, counted_to = await self._database.read(self._read)
        # Two readers at once count the same events: whoever ends last keeps one count, whole.
        self._events, self._counted_to = Counter(figures.events), counted_to
        return figures

    def _read(self, connection: Connection) -> tuple[Figures, int]:
        events, counted_to = self._count_events(connection)
        is_waiting = is_state_in(outbox.c.state, UNFINISHED_JOB)
        waiting = select(func.min(outbox.c.created_at)).where(is_waiting)
        is_open = alerts.c.closed_at.is_(None)
        figures = Figures(
            messages={
                IntakeState(row[0]): row[1]
                for row in connection.execute(_count(received_messages.c.state))
            },
            lots={JobState(row[0]): row[1] for row in connection.execute(_count(outbox.c.state))},
            open_alerts={
                AlertKind(row[0]): row[1]
                for row in connection.execute(_count(alerts.c.kind).where(is_open))
            },
            events=events,
            waiting_since=connection.execute(waiting).scalar(),
        )
        return figures, counted_to

    def _count_events(
        self, connection: Connection
    ) -> tuple[Counter[tuple[AuditAction, AuditOutcome]], int]:
        columns = audit_events.c
        events, counted_to = Counter(self._events), self._counted_to
        statement = (
            select(columns.action, columns.outcome, func.count(), func.max(columns.sequence))
            .where(columns.sequence > counted_to)
            .group_by(columns.action, columns.outcome)
        )
        for action, outcome, count, last in connection.execute(statement):
            events[AuditAction(action), AuditOutcome(outcome)] += count
            counted_to = max(counted_to, last)
        return events, counted_to


def _count(column: ColumnElement[str]) -> Select[str, int]:
    return select(column, func.count()).group_by(column)
