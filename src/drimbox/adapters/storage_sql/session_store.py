"""Contexts, sessions, sign-ins under way and used jti: shared by every worker and host.

Identifiers are random secrets, so only their SHA-256 is stored; what they open is sealed.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, or_, select, update

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.records import decode_record, encode_record
from drimbox.adapters.storage_sql.sealing import Sealing, digest_of_secret
from drimbox.adapters.storage_sql.tables import contexts, pending_sign_ins, sessions, used_tokens
from drimbox.errors import Conflict, NotFound
from drimbox.model.access import ConsultationContext
from drimbox.model.session import PendingSignIn, Session

SIGN_IN_LIFETIME = timedelta(minutes=10)
_PROFESSIONAL = "context professional"


class SqlContextStore:
    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def add(self, context: ConsultationContext) -> None:
        row = self._to_row(context)
        if not await self._database.write(lambda c: self._database.insert_once(c, contexts, row)):
            raise Conflict("this context identifier is taken")

    async def get(self, identifier: str, now: datetime) -> ConsultationContext:
        digest = digest_of_secret(identifier)
        statement = select(contexts.c.context).where(
            contexts.c.identifier_digest == digest, contexts.c.expires_at > now
        )
        sealed = await self._database.read(lambda c: c.execute(statement).scalar())
        if sealed is None:
            raise NotFound("no such context, or its time is over")
        octets = self._sealing.unseal(sealed, "contexts", "context", digest)
        return decode_record(ConsultationContext, octets)

    async def bind(self, context: ConsultationContext) -> None:
        """As the port says; the same professional may bind again, with another situation.

        Raises:
            Conflict: bound to another professional already.
            NotFound: unknown, or its time is over and it was purged.
        """
        row = self._to_row(context)
        digest = row.pop("identifier_digest")
        known = contexts.c.identifier_digest == digest
        index = contexts.c.professional_index
        statement = (
            update(contexts)
            .where(known, or_(index.is_(None), index == row["professional_index"]))
            .values(row)
        )

        def work(connection: Connection) -> None:
            if connection.execute(statement).rowcount:
                return
            if connection.execute(select(contexts.c.expires_at).where(known)).first() is None:
                raise NotFound("no such context, or its time is over")
            raise Conflict("the context is bound to another professional")

        await self._database.write(work)

    def _to_row(self, context: ConsultationContext) -> dict[str, object]:
        digest = digest_of_secret(context.identifier)
        professional = context.professional
        return {
            "identifier_digest": digest,
            "professional_index": None
            if professional is None
            else self._sealing.index(_PROFESSIONAL, professional.national_id),
            "context": self._sealing.seal(encode_record(context), "contexts", "context", digest),
            "expires_at": context.expires_at,
        }


class SqlSessionStore:
    """idle_seconds is how long a session lives unseen (SSI/IE.39)."""

    def __init__(self, database: Database, sealing: Sealing, *, idle_seconds: float) -> None:
        self._database = database
        self._sealing = sealing
        self._idle = timedelta(seconds=idle_seconds)

    async def save(self, session: Session) -> None:
        """As the port says; a session once removed stays removed.

        A request still running at sign-out would else bring it back.
        """
        digest = digest_of_secret(session.identifier)
        row = {
            "identifier_digest": digest,
            "session": self._sealing.seal(encode_record(session), "sessions", "session", digest),
            "last_seen_at": session.last_seen_at,
        }
        is_removed = sessions.c.session.is_(None)
        await self._database.write(
            lambda c: self._database.insert_or_replace(c, sessions, row, unless=is_removed)
        )

    async def get(self, identifier: str, now: datetime) -> Session:
        digest = digest_of_secret(identifier)
        statement = select(sessions.c.session, sessions.c.last_seen_at).where(
            sessions.c.identifier_digest == digest, sessions.c.last_seen_at > now - self._idle
        )
        row = await self._database.read(lambda c: c.execute(statement).one_or_none())
        if row is None or row.session is None:
            raise NotFound("no such session, or idle for too long")
        octets = self._sealing.unseal(row.session, "sessions", "session", digest)
        # The column is the one that holds: touch leaves the sealed record as it is.
        return replace(decode_record(Session, octets), last_seen_at=row.last_seen_at)

    async def touch(self, identifier: str, seen_at: datetime) -> None:
        statement = (
            update(sessions)
            .where(
                sessions.c.identifier_digest == digest_of_secret(identifier),
                or_(
                    sessions.c.last_seen_at < seen_at,
                    sessions.c.last_seen_at >= seen_at + self._idle,
                ),
            )
            .values(last_seen_at=seen_at)
        )
        await self._database.write(lambda c: c.execute(statement))

    async def remove(self, identifier: str) -> None:
        """Forget its tokens now; the empty row goes with the purge."""
        statement = (
            update(sessions)
            .where(sessions.c.identifier_digest == digest_of_secret(identifier))
            .values(session=None)
        )
        await self._database.write(lambda c: c.execute(statement))


class SqlPendingSignIns:
    def __init__(self, database: Database, sealing: Sealing) -> None:
        self._database = database
        self._sealing = sealing

    async def add(self, pending: PendingSignIn) -> None:
        digest = digest_of_secret(pending.state)
        octets = encode_record(pending)
        row = {
            "state_digest": digest,
            "pending": self._sealing.seal(octets, "pending_sign_ins", "pending", digest),
            "created_at": pending.created_at,
        }
        write = self._database.write
        if not await write(lambda c: self._database.insert_once(c, pending_sign_ins, row)):
            raise Conflict("this state is taken")

    async def take(self, state: str, now: datetime) -> PendingSignIn:
        digest = digest_of_secret(state)
        statement = (
            delete(pending_sign_ins)
            .where(pending_sign_ins.c.state_digest == digest)
            .returning(pending_sign_ins.c.pending, pending_sign_ins.c.created_at)
        )
        row = await self._database.write(lambda c: c.execute(statement).one_or_none())
        if row is None or row.created_at <= now - SIGN_IN_LIFETIME:
            raise NotFound("no such sign-in under way, or its time is over")
        octets = self._sealing.unseal(row.pending, "pending_sign_ins", "pending", digest)
        return decode_record(PendingSignIn, octets)


class SqlUsedTokens:
    """on_conflict: the insertion itself decides, so one of any number of racers wins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use_once(self, issuer: str, jti: str, expires_at: datetime) -> None:
        # A length first, so that no issuer and jti can be read as another pair.
        token = digest_of_secret(f"{len(issuer)}:{issuer}{jti}")
        row = {"token_digest": token, "expires_at": expires_at}
        if not await self._database.write(
            lambda c: self._database.insert_once(c, used_tokens, row)
        ):
            raise Conflict("this token was used before")
