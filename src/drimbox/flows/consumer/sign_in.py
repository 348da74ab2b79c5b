"""Sign a professional in by Pro Santé Connect, keep the session alive, sign out (CO.63 to CO.65).

    start     browser -> state, nonce, PKCE; kept here, bound to that browser -> provider
    callback  state back from the same browser, once -> code -> id_token, userinfo -> new session
    use       a session whose access token is about to end gets a fresh one
    sign out  the session ends here, then at the provider

Where to go afterwards is kept with the state on our side: no address ever comes from the browser.
Every attempt is audited (CO.80, PS3.15 A.5.3.12).
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from weakref import WeakValueDictionary

import anyio

from drimbox.errors import (
    DrimboxError,
    InvalidValue,
    NotAuthenticated,
    NotFound,
    Refused,
    Unavailable,
)
from drimbox.flows.consumer.consultation_memory import ConsultationMemory
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.practice import Professional
from drimbox.model.session import PendingSignIn, Session
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.identity_provider import SignedIn, SignInProvider
from drimbox.ports.session_store import PendingSignIns, SessionStore

# A path of ours: one slash, a letter, then nothing that a browser could read otherwise.
_OWN_PATH = re.compile(r"/[A-Za-z][A-Za-z0-9/_.~-]*(?:\?[A-Za-z0-9=&_.~%-]*)?\Z", re.ASCII)
_MAX_OWN_PATH = 8192
_REFRESH_AHEAD = timedelta(seconds=45)
_SEEN_PRECISION = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Callback:
    """What the provider's redirection brings; all of it is the browser's word."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None

    def __repr__(self) -> str:
        return "Callback()"


@dataclass(frozen=True, slots=True)
class SignIn:
    """The whole sign-in; issuer is the provider's, allowed_professions the codes of TRE_G15."""

    provider: SignInProvider
    pending: PendingSignIns
    sessions: SessionStore
    audit: AuditRepository
    clock: Clock
    identifiers: Identifiers
    memory: ConsultationMemory
    issuer: str
    allowed_professions: frozenset[str]

    async def start(self, *, browser_binding: str, return_to: str) -> str:
        """Return where to send the browser.

        browser_binding is the secret of a cookie of that browser; return_to a path of ours.

        Raises:
            InvalidValue: return_to is not a path of ours.
            Unavailable: the provider is away.
        """
        check_own_path(return_to)
        pending = PendingSignIn(
            state=self.identifiers.new_secret(),
            nonce=self.identifiers.new_secret(),
            code_verifier=self.identifiers.new_secret(),
            browser_binding=hash_binding(browser_binding),
            return_to=return_to,
            created_at=self.clock.now(),
        )
        url = await self.provider.authorization_url(
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=code_challenge(pending.code_verifier),
        )
        await self.pending.add(pending)
        return url

    async def finish(
        self, callback: Callback, *, browser_binding: str | None, source_address: str
    ) -> tuple[Session, str]:
        """Return the new session and the path to go to.

        Raises:
            NotAuthenticated: another browser, a state used up, a provider that says no.
            Refused: a profession that no box lets see images (VI-CO.27).
            Unavailable: the provider is away, or the audit trail cannot be written.
        """
        try:
            pending = await self._take_pending(callback, browser_binding)
            signed_in = await self._exchange(callback, pending)
        except DrimboxError as error:
            await self._record(AuditOutcome.MINOR_FAILURE, None, source_address, str(error))
            raise
        professional = signed_in.professional
        if professional.profession_code not in self.allowed_professions:
            await self._record(
                AuditOutcome.MINOR_FAILURE, professional, source_address, "profession not allowed"
            )
            raise Refused("this profession may not see images")
        await self._record(AuditOutcome.SUCCESS, professional, source_address)
        session = self._new_session(signed_in)
        await self.sessions.save(session)
        return session, pending.return_to

    async def end(self, session_identifier: str, *, return_to: str) -> str:
        """End the session here, with all that was read for it; return where to end it there.

        return_to is our URL to come back to; while the provider is away, it is where to go at once.
        """
        id_token = None
        with suppress(NotFound):
            session = await self.sessions.get(session_identifier, self.clock.now())
            id_token = session.id_token
            self.memory.forget(session.context_ids)
        await self.sessions.remove(session_identifier)
        try:
            return await self.provider.logout_url(id_token, return_to)
        except Unavailable:
            return return_to

    async def _take_pending(self, callback: Callback, browser_binding: str | None) -> PendingSignIn:
        try:
            pending = await self.pending.take(callback.state, self.clock.now())
        except NotFound:
            raise NotAuthenticated("no such sign-in under way") from None
        presented = hash_binding(browser_binding or "")
        if not hmac.compare_digest(pending.browser_binding.encode(), presented.encode()):
            raise NotAuthenticated("sign-in begun in another browser")
        # RFC 9207 2.4: an issuer in the answer that is not the one asked is an attack.
        if callback.issuer is not None and callback.issuer != self.issuer:
            raise NotAuthenticated("answer of another issuer")
        return pending

    async def _exchange(self, callback: Callback, pending: PendingSignIn) -> SignedIn:
        if callback.error is not None or callback.code is None:
            raise NotAuthenticated("the provider signed nobody in")
        return await self.provider.exchange_code(
            callback.code, nonce=pending.nonce, code_verifier=pending.code_verifier
        )

    def _new_session(self, signed_in: SignedIn) -> Session:
        now = self.clock.now()
        return Session(
            identifier=self.identifiers.new_secret(),
            professional=signed_in.professional,
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token,
            id_token=signed_in.id_token,
            access_token_expires_at=signed_in.expires_at,
            created_at=now,
            last_seen_at=now,
        )

    async def _record(
        self,
        outcome: AuditOutcome,
        professional: Professional | None,
        source_address: str,
        description: str = "",
    ) -> None:
        event = AuditEvent(
            action=AuditAction.USER_AUTHENTICATED,
            outcome=outcome,
            occurred_at=self.clock.now(),
            user="",
            source_address=source_address,
            description=description,
        )
        if professional is not None:
            event = replace(
                event,
                user=professional.national_id,
                user_name=f"{professional.family_name} {professional.given_name}",
                user_role=professional.profession_code,
            )
        await self.audit.record(event)


@dataclass(frozen=True)
class UseSession:
    """Return a session ready for use: seen now, its access token fresh (CO.65).

    Refresh tokens serve once, so one request of a session refreshes while the others wait; where
    another process was faster, its fresh tokens are taken.
    """

    provider: SignInProvider
    sessions: SessionStore
    clock: Clock
    _refreshing: WeakValueDictionary[str, anyio.Lock] = field(
        default_factory=WeakValueDictionary, init=False, repr=False
    )

    async def __call__(self, identifier: str) -> Session:
        """Return the live session.

        Raises:
            NotAuthenticated: no such session, idle too long, or over at the provider.
            Unavailable: the access token is over and the provider is away.
        """
        session = await self._get(identifier)
        if self._is_stale(session):
            lock = self._refreshing.setdefault(identifier, anyio.Lock())
            async with lock:
                # The provider has used the refresh token up: a browser that leaves meanwhile must
                # not keep us from storing the next one.
                with anyio.CancelScope(shield=True):
                    return await self._refresh(await self._get(identifier))
        now = self.clock.now()
        # A clock set back leaves it seen in the future: that is no session seen a moment ago.
        if abs(now - session.last_seen_at) >= _SEEN_PRECISION:
            # Not save: another tab may just have confirmed a patient in this session.
            await self.sessions.touch(identifier, now)
            session = replace(session, last_seen_at=now)
        return session

    async def _get(self, identifier: str) -> Session:
        try:
            return await self.sessions.get(identifier, self.clock.now())
        except NotFound:
            raise NotAuthenticated("no such session") from None

    def _is_stale(self, session: Session) -> bool:
        ends_at = session.access_token_expires_at
        return session.refresh_token is not None and ends_at - _REFRESH_AHEAD <= self.clock.now()

    async def _refresh(self, session: Session) -> Session:
        if session.refresh_token is None or not self._is_stale(session):
            return session
        try:
            signed_in = await self.provider.refresh(session.refresh_token)
        except NotAuthenticated:
            return await self._refreshed_elsewhere(session.identifier)
        except Unavailable:
            if session.access_token_expires_at <= self.clock.now():
                raise
            return session
        if signed_in.professional.national_id != session.professional.national_id:
            await self.sessions.remove(session.identifier)
            raise NotAuthenticated("the provider renewed another professional")
        # Read again: contexts may have been confirmed while the provider answered.
        fresh = replace(
            await self._get(session.identifier),
            access_token=signed_in.access_token,
            refresh_token=signed_in.refresh_token or session.refresh_token,
            id_token=signed_in.id_token or session.id_token,
            access_token_expires_at=signed_in.expires_at,
            last_seen_at=self.clock.now(),
        )
        await self.sessions.save(fresh)
        return fresh

    async def _refreshed_elsewhere(self, identifier: str) -> Session:
        """Tell a refresh that another process won from a session that is over."""
        stored = await self._get(identifier)
        if stored.access_token_expires_at > self.clock.now():
            return stored
        await self.sessions.remove(identifier)
        raise NotAuthenticated("the session is over at the provider")


def check_own_path(path: str) -> None:
    """Let only a path of ours be gone to (O7).

    Raises:
        InvalidValue: anything that a browser could take for another site's address, or too long.
    """
    is_own = len(path) <= _MAX_OWN_PATH and _OWN_PATH.match(path)
    before_query = path.partition("?")[0]
    if not is_own or ".." in before_query or "//" in before_query:
        raise InvalidValue("return target", "a path of this server")


def code_challenge(code_verifier: str) -> str:
    """Return the S256 challenge (RFC 7636 4.2)."""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def hash_binding(browser_binding: str) -> str:
    """Return what is kept of a browser's secret."""
    return hashlib.sha256(browser_binding.encode()).hexdigest()
