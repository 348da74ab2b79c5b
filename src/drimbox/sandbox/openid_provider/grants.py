"""What a provider has handed out: codes, refresh tokens, sessions; each used as the RFCs allow.

A code or a refresh token that comes a second time ends the whole session it belongs to (RFC 6749
4.1.2, RFC 9700 4.14).
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from drimbox.sandbox.openid_provider.authorization_request import AuthorizationRequest
from drimbox.sandbox.openid_provider.refusals import MachineRefused

Person = TypeVar("Person")


@dataclass(slots=True)
class Session(Generic[Person]):
    """One person signed in for one client, until it is over."""

    identifier: str
    person: Person
    client_id: str
    scopes: frozenset[str]
    acr: str
    nonce: str | None
    authenticated_at: datetime
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class _Code(Generic[Person]):
    session: Session[Person]
    request: AuthorizationRequest
    expires_at: datetime


@dataclass(slots=True)
class Grants(Generic[Person]):
    """Codes and refresh tokens in memory."""

    code_lifetime: timedelta
    refresh_lifetime: timedelta
    _codes: dict[str, _Code[Person]] = field(default_factory=dict)
    _used_codes: dict[str, Session[Person]] = field(default_factory=dict)
    _refresh: dict[str, tuple[Session[Person], datetime]] = field(default_factory=dict)
    _used_refresh: dict[str, Session[Person]] = field(default_factory=dict)

    def open_session(
        self, request: AuthorizationRequest, person: Person, *, acr: str, now: datetime
    ) -> str:
        """Return a code for a person who has just chosen to sign in."""
        session = Session(
            identifier=secrets.token_urlsafe(16),
            person=person,
            client_id=request.client.client_id,
            scopes=request.scopes,
            acr=acr,
            nonce=request.nonce,
            authenticated_at=now,
        )
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Code(session, request, now + self.code_lifetime)
        return code

    def use_code(self, form: dict[str, str], client_id: str, now: datetime) -> Session[Person]:
        """Return the session of a code, once.

        Raises:
            MachineRefused: invalid_grant.
        """
        code = form.get("code", "")
        if code in self._used_codes:
            self._used_codes[code].is_over = True
            raise MachineRefused("invalid_grant", "code used before; its tokens are revoked")
        granted = self._codes.pop(code, None)
        if granted is None or granted.expires_at <= now:
            raise MachineRefused("invalid_grant", "unknown or expired code")
        self._used_codes[code] = granted.session
        if granted.session.client_id != client_id:
            raise MachineRefused("invalid_grant", "code of another client")
        if form.get("redirect_uri") != granted.request.redirect_uri:
            raise MachineRefused("invalid_grant", "redirect_uri differs")
        _check_verifier(granted.request.code_challenge, form.get("code_verifier"))
        return granted.session

    def new_refresh_token(self, session: Session[Person], now: datetime) -> str:
        token = secrets.token_urlsafe(48)
        self._refresh[token] = (session, now + self.refresh_lifetime)
        return token

    def use_refresh_token(self, token: str, client_id: str, now: datetime) -> Session[Person]:
        """Return the session of a refresh token, once.

        Raises:
            MachineRefused: invalid_grant.
        """
        if token in self._used_refresh:
            self._used_refresh[token].is_over = True
            raise MachineRefused("invalid_grant", "refresh token used before; the session is over")
        session, expires_at = self._refresh.get(token, (None, now))
        if session is None or expires_at <= now or session.is_over:
            raise MachineRefused("invalid_grant", "unknown or expired refresh token")
        if session.client_id != client_id:
            raise MachineRefused("invalid_grant", "refresh token of another client")
        del self._refresh[token]
        self._used_refresh[token] = session
        return session


def _check_verifier(challenge: str | None, verifier: str | None) -> None:
    if challenge is None:
        if verifier is not None:
            raise MachineRefused("invalid_grant", "code_verifier without code_challenge")
        return
    # RFC 7636 4.1: 43 to 128 characters.
    if verifier is None or not 43 <= len(verifier) <= 128:
        raise MachineRefused("invalid_grant", "code_verifier: 43 to 128 characters")
    digest = hashlib.sha256(verifier.encode()).digest()
    computed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if not hmac.compare_digest(computed, challenge):
        raise MachineRefused("invalid_grant", "code_verifier does not match")
