"""Messages of the RIS: on disk before their acknowledgement, claimed by one worker at a time."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Select, select, update

from drimbox.adapters.storage_sql.due_rows import is_due
from drimbox.adapters.storage_sql.engine import AnyRow, Database
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import (
    UNFINISHED_MESSAGE,
    is_state_in,
    received_messages,
)
from drimbox.errors import Conflict, NotFound
from drimbox.model.publication import IntakeState, ReceivedMessage

_columns = received_messages.c
_is_unfinished = is_state_in(_columns.state, UNFINISHED_MESSAGE)


class SqlIntake:
    """on_kept is called after each message that is new, to wake the workers of this process.

    No message is postponed for more than longest_wait_seconds: one that seems so was postponed
    before the clock was set back.
    """

    def __init__(
        self,
        database: Database,
        sealing: Sealing,
        *,
        on_kept: Callable[[], None] = lambda: None,
        longest_wait_seconds: float = 900,
    ) -> None:
        self._database = database
        self._sealing = sealing
        self._on_kept = on_kept
        self._longest_wait = timedelta(seconds=longest_wait_seconds)

    async def keep(self, key: str, content: bytes, received_at: datetime) -> bool:
        def work(connection: Connection) -> bool:
            row = {
                "key_digest": digest,
                "key": key,
                "content": self._sealing.seal(content, *_place(digest)),
                "received_at": received_at,
                "state": IntakeState.PENDING.value,
                "attempts": 0,
                "due_at": received_at,
            }
            return self._database.insert_once(connection, received_messages, row)

        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
        is_new = await self._database.write(work)
        if is_new:
            self._on_kept()
        return is_new

    async def claim(self, now: datetime, lease_seconds: float) -> ReceivedMessage | None:
        lease = timedelta(seconds=lease_seconds)
        due = is_due(
            received_messages,
            UNFINISHED_MESSAGE,
            now,
            lease=lease,
            longest_wait=self._longest_wait,
        )
        candidate = (
            select(_columns.message_id)
            .where(_is_unfinished, due)
            .order_by(_columns.message_id)
            .limit(1)
        )
        # Most polls find nothing: see that in a reading transaction, which holds up no writer.
        if await self._database.read(lambda c: c.execute(candidate).scalar()) is None:
            return None
        row = await self._database.write(lambda c: _claim(c, candidate, now + lease))
        return None if row is None else self._to_model(row)

    async def postpone(self, message_id: int, until: datetime, reason: str) -> None:
        statement = (
            update(received_messages)
            .where(_columns.message_id == message_id, _is_unfinished)
            .values(state=IntakeState.RETRY.value, due_at=until, last_error=reason)
        )
        await self._database.write(lambda c: c.execute(statement))

    async def retry_message(self, message_id: int, now: datetime) -> None:
        """Make a stopped or waiting message due now, for an operator who mended what stopped it.

        Raises:
            NotFound: no such message.
            Conflict: it was concluded, is being worked on, or is past its retention.
        """
        statement = (
            update(received_messages)
            .where(
                _columns.message_id == message_id,
                _columns.state.in_([IntakeState.STOPPED.value, IntakeState.RETRY.value]),
                _columns.content.is_not(None),
            )
            .values(state=IntakeState.RETRY.value, due_at=now, concluded_at=None)
        )

        def work(connection: Connection) -> None:
            if connection.execute(statement).rowcount:
                return
            known = select(_columns.state).where(_columns.message_id == message_id)
            state = connection.execute(known).scalar()
            if state is None:
                raise NotFound(f"no message {message_id}")
            raise Conflict(f"message {message_id} is {state}")

        await self._database.write(work)
        self._on_kept()

    def _to_model(self, row: AnyRow) -> ReceivedMessage:
        return ReceivedMessage(
            message_id=row.message_id,
            key=row.key,
            content=self._sealing.unseal(row.content, *_place(row.key_digest)),
            received_at=row.received_at,
            state=IntakeState(row.state),
            attempts=row.attempts,
            last_error=row.last_error,
        )


def _place(key_digest: bytes) -> tuple[str, str, bytes]:
    return "received_messages", "content", key_digest


def _claim(connection: Connection, candidate: Select[int], lease_end: datetime) -> AnyRow | None:
    """Take one candidate that no other transaction holds."""
    message_id = connection.execute(candidate.with_for_update(skip_locked=True)).scalar()
    if message_id is None:
        return None
    statement = (
        update(received_messages)
        .where(_columns.message_id == message_id)
        .values(
            state=IntakeState.PROCESSING.value,
            attempts=_columns.attempts + 1,
            due_at=lease_end,
        )
        .returning(received_messages)
    )
    return connection.execute(statement).one()
