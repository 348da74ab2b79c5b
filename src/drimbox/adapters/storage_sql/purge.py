"""Forget what has no more use: expired contexts, sessions, sign-ins, codes, jti, old messages.

The register, the outbox and the audit trail are never purged (SO.22, CS.09).
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, update

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.session_store import SIGN_IN_LIFETIME
from drimbox.adapters.storage_sql.tables import (
    authorization_codes,
    contexts,
    kept_exams,
    pending_sign_ins,
    received_messages,
    sessions,
    used_tokens,
)
from drimbox.model.publication import IntakeState

# Clocks of partners and hosts differ: a jti outlives its token by more than any skew accepted.
_SKEW = timedelta(minutes=10)


class Purge:
    """session_idle_seconds as for the sessions; message_days keeps concluded messages whole."""

    def __init__(
        self, database: Database, *, session_idle_seconds: float, message_days: int = 30
    ) -> None:
        self._database = database
        self._idle = timedelta(seconds=session_idle_seconds)
        self._retention = timedelta(days=message_days)

    async def __call__(self, now: datetime) -> None:
        """Erase in one transaction, then on SQLite from the log too.

        Raises:
            Unavailable: the database does not answer.
        """
        await self._database.write(lambda c: self._erase(c, now))
        await self._database.truncate_log()

    def _erase(self, connection: Connection, now: datetime) -> None:
        for table, is_over in (
            (authorization_codes, authorization_codes.c.expires_at <= now),
            (contexts, contexts.c.expires_at <= now),
            (kept_exams, kept_exams.c.kept_until <= now),
            (sessions, sessions.c.last_seen_at <= now - self._idle),
            (pending_sign_ins, pending_sign_ins.c.created_at <= now - SIGN_IN_LIFETIME),
            (used_tokens, used_tokens.c.expires_at <= now - _SKEW),
        ):
            connection.execute(delete(table).where(is_over))
        # The key stays, so that a message sent again is known again; its content goes.
        message = received_messages.c
        connection.execute(
            update(received_messages)
            .where(
                message.state == IntakeState.DONE.value,
                message.content.is_not(None),
                message.concluded_at <= now - self._retention,
            )
            .values(content=None)
        )
