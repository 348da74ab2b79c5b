"""Contexts, sessions, sign-ins under way and used jti: shared by every worker and host."""

from datetime import datetime
from typing import Protocol

from drimbox.model.access import ConsultationContext
from drimbox.model.session import PendingSignIn, Session


class ContextStore(Protocol):
    """Contexts of contextual calls."""

    async def add(self, context: ConsultationContext) -> None:
        """Store a fresh context."""

    async def get(self, identifier: str, now: datetime) -> ConsultationContext:
        """Raise NotFound when unknown or expired."""

    async def bind(self, context: ConsultationContext) -> None:
        """Store the context with its professional, once.

        Raises:
            Conflict: bound to another professional already.
        """


class SessionStore(Protocol):
    """Sessions of signed-in browsers; the identifier is stored hashed, tokens sealed."""

    async def save(self, session: Session) -> None:
        """Insert or replace."""

    async def get(self, identifier: str, now: datetime) -> Session:
        """Raise NotFound when unknown, or idle longer than the store's limit."""

    async def touch(self, identifier: str, seen_at: datetime) -> None:
        """Set last_seen_at alone, and not back by less than the limit; unknown is no error.

        Back by more is a clock that was set back: the session would else outlive its limit.
        """

    async def remove(self, identifier: str) -> None:
        """Forget it; unknown is no error."""


class PendingSignIns(Protocol):
    """Sign-ins between redirection and callback."""

    async def add(self, pending: PendingSignIn) -> None:
        """Store one; it lives ten minutes."""

    async def take(self, state: str, now: datetime) -> PendingSignIn:
        """Return and forget it, once; NotFound otherwise."""


class UsedTokens(Protocol):
    """jti seen, so that an assertion serves once."""

    async def use_once(self, issuer: str, jti: str, expires_at: datetime) -> None:
        """Remember it until it expires.

        Raises:
            Conflict: seen before.
        """
