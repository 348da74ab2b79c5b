"""What an operator must look at, each thing once while it is open."""

import hashlib

from sqlalchemy import Connection, select, update

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.tables import alerts
from drimbox.errors import NotFound
from drimbox.model.publication import Alert, AlertKind
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.clock import Clock


class SqlAlerts:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def raise_alert(self, alert: Alert) -> None:
        await self._database.write(lambda c: insert_alert(self._database, c, alert))

    async def find_open(self) -> tuple[Alert, ...]:
        statement = (
            select(alerts).where(alerts.c.closed_at.is_(None)).order_by(alerts.c.alert_id.desc())
        )
        rows = await self._database.read(lambda c: c.execute(statement).all())
        return tuple(
            Alert(
                kind=AlertKind(row.kind),
                text=row.text,
                raised_at=row.raised_at,
                study_instance_uid=_study(row.study_instance_uid),
                report_id=row.report_id,
                message_id=row.message_id,
                alert_id=row.alert_id,
            )
            for row in rows
        )

    async def close(self, alert_id: int) -> None:
        statement = (
            update(alerts)
            .where(alerts.c.alert_id == alert_id, alerts.c.closed_at.is_(None))
            .values(closed_at=self._clock.now(), open_key=None)
        )
        if not (await self._database.write(lambda c: c.execute(statement).rowcount)):
            raise NotFound(f"no open alert {alert_id}")


def insert_alert(database: Database, connection: Connection, alert: Alert) -> None:
    """Store one, unless the same is open already."""
    row = {
        "kind": alert.kind.value,
        "text": alert.text,
        "raised_at": alert.raised_at,
        "study_instance_uid": alert.study_instance_uid,
        "report_id": alert.report_id,
        "message_id": alert.message_id,
        "open_key": _open_key(alert),
    }
    database.insert_once(connection, alerts, row)


def _open_key(alert: Alert) -> bytes:
    """Name what the alert is about: kind, study and report; failing both, the message."""
    subject = [alert.kind.value, alert.study_instance_uid or "", alert.report_id or ""]
    if alert.study_instance_uid is None and alert.report_id is None:
        subject.append(str(alert.message_id))
    return hashlib.sha256("\n".join(subject).encode("utf-8", "surrogatepass")).digest()


def _study(value: str | None) -> StudyInstanceUid | None:
    return None if value is None else StudyInstanceUid(value)
