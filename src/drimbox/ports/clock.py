"""Time and fresh identifiers, as arguments, so that flows stay pure."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Where the present comes from."""

    def now(self) -> datetime:
        """Return the present instant, aware, UTC; somebody may set it, either way."""

    def monotonic(self) -> float:
        """Return seconds since some instant, for waits and lifetimes: nobody sets these."""


class Identifiers(Protocol):
    """What must never come twice."""

    def new_uid(self) -> str:
        """Return a fresh UID under the box's own root, else 2.25 (PS3.5 B.2)."""

    def new_secret(self) -> str:
        """Return 256 random bits, URL-safe, for contexts, sessions and states."""
