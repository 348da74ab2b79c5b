"""Authorization codes between the consent of a professional and the token of an application."""

from datetime import datetime
from typing import Protocol

from drimbox.model.authorization import AuthorizationCode


class AuthorizationCodes(Protocol):
    """Shared by every worker and host, so that whichever is asked may redeem a code, once."""

    async def add(self, code: AuthorizationCode) -> None:
        """Store a fresh code."""

    async def take(self, code: str, now: datetime) -> AuthorizationCode:
        """Return and forget it, once; NotFound otherwise, and once its time is over."""
