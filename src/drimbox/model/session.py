"""A professional's browser session, and a sign-in under way."""

from dataclasses import dataclass
from datetime import datetime

from drimbox.model.practice import Professional, Situation


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser.

    identifier is random and is the cookie's value (stored hashed). access_token, refresh_token and
    id_token are Pro Santé Connect's, kept sealed at rest. context_ids are the contexts confirmed
    here.
    """

    identifier: str
    professional: Professional
    access_token: str
    refresh_token: str | None
    id_token: str | None
    access_token_expires_at: datetime
    created_at: datetime
    last_seen_at: datetime
    situation: Situation | None = None
    context_ids: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Session()"


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """State between the redirection to the provider and its callback; state is the key."""

    state: str
    nonce: str
    code_verifier: str
    browser_binding: str
    return_to: str
    created_at: datetime

    def __repr__(self) -> str:
        return "PendingSignIn()"
