"""Pro Santé Connect (and FranceConnect+): sign a person in, tell whether a token is live."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from drimbox.model.practice import Professional


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Outcome of a code exchange or a refresh."""

    professional: Professional
    access_token: str
    refresh_token: str | None
    id_token: str | None
    expires_at: datetime

    def __repr__(self) -> str:
        return "SignedIn()"


class SignInProvider(Protocol):
    """OpenID Connect relying party; Unavailable when the provider is away."""

    async def authorization_url(self, *, state: str, nonce: str, code_challenge: str) -> str:
        """Return where to send the browser (code + PKCE S256, acr_values=eidas1)."""

    async def exchange_code(self, code: str, *, nonce: str, code_verifier: str) -> SignedIn:
        """Exchange the code, verify the id_token, read the userinfo.

        Raises:
            NotAuthenticated: refused, or an id_token that does not hold.
        """

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Exchange a refresh token; NotAuthenticated when it is over."""

    async def logout_url(self, id_token: str | None, return_to: str) -> str:
        """Return where to send the browser to end the provider's session."""


@dataclass(frozen=True, slots=True)
class Introspection:
    """A live token's owner."""

    professional: Professional
    expires_at: datetime


class TokenIntrospection(Protocol):
    """RFC 7662 at Pro Santé Connect (SO.33)."""

    async def introspect(self, access_token: str) -> Introspection:
        """Return whose live token this is.

        Raises:
            NotAuthenticated: not active.
            Unavailable: the provider does not answer.
        """
