"""Contexts, sessions, sign-ins under way and used jti, in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from drimbox.errors import Conflict, NotFound
from drimbox.model.access import ConsultationContext
from drimbox.model.session import PendingSignIn, Session

PENDING_LIFETIME = timedelta(minutes=10)


@dataclass
class FakeContextStore:
    contexts: dict[str, ConsultationContext] = field(default_factory=dict)

    async def add(self, context: ConsultationContext) -> None:
        if context.identifier in self.contexts:
            raise Conflict("this context identifier is taken")
        self.contexts[context.identifier] = context

    async def get(self, identifier: str, now: datetime) -> ConsultationContext:
        context = self.contexts.get(identifier)
        if context is None or context.expires_at <= now:
            raise NotFound("no such context")
        return context

    async def bind(self, context: ConsultationContext) -> None:
        stored = self.contexts.get(context.identifier)
        if stored is None:
            raise NotFound("no such context")
        owner, newcomer = stored.professional, context.professional
        if owner is not None and (newcomer is None or newcomer.national_id != owner.national_id):
            raise Conflict("the context is another professional's")
        self.contexts[context.identifier] = context


@dataclass
class FakeSessionStore:
    idle_limit: timedelta = timedelta(minutes=20)
    sessions: dict[str, Session] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)

    async def save(self, session: Session) -> None:
        # A request still running at sign-out must not bring the session back.
        if session.identifier not in self.removed:
            self.sessions[session.identifier] = session

    async def get(self, identifier: str, now: datetime) -> Session:
        session = self.sessions.get(identifier)
        if session is None or session.last_seen_at + self.idle_limit <= now:
            raise NotFound("no such session")
        return session

    async def touch(self, identifier: str, seen_at: datetime) -> None:
        session = self.sessions.get(identifier)
        if session is None:
            return
        if session.last_seen_at < seen_at or session.last_seen_at >= seen_at + self.idle_limit:
            self.sessions[identifier] = replace(session, last_seen_at=seen_at)

    async def remove(self, identifier: str) -> None:
        self.sessions.pop(identifier, None)
        self.removed.add(identifier)


@dataclass
class FakePendingSignIns:
    pending: dict[str, PendingSignIn] = field(default_factory=dict)

    async def add(self, pending: PendingSignIn) -> None:
        self.pending[pending.state] = pending

    async def take(self, state: str, now: datetime) -> PendingSignIn:
        pending = self.pending.pop(state, None)
        if pending is None or pending.created_at + PENDING_LIFETIME <= now:
            raise NotFound("no such sign-in")
        return pending


@dataclass
class FakeUsedTokens:
    used: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def use_once(self, issuer: str, jti: str, expires_at: datetime) -> None:
        if (issuer, jti) in self.used:
            raise Conflict("seen before")
        self.used[(issuer, jti)] = expires_at
