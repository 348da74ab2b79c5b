"""Access tokens and id_tokens as Pro Santé Connect (Keycloak) makes them, and their judgement."""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from drimbox.sandbox.openid_provider.grants import Session
from drimbox.sandbox.openid_provider.keys import new_rsa_key
from drimbox.sandbox.openid_provider.refusals import MachineRefused
from drimbox.sandbox.patients.professionals import SandboxProfessional
from drimbox.sandbox.pro_sante_connect.claims import subject_of

ProfessionalSession = Session[SandboxProfessional]


@dataclass(slots=True)
class AccessTokens:
    """Signs and judges; a token lives as long as its session lets it.

    issuer_now tells the issuer, which has no port before the provider listens.
    """

    issuer_now: Callable[[], str]
    lifetime: timedelta
    key: RSAKey = field(default_factory=lambda: new_rsa_key(secrets.token_hex(8)))
    _sessions: dict[str, ProfessionalSession] = field(default_factory=dict)

    def sign_access_token(
        self,
        session: ProfessionalSession,
        now: datetime,
        *,
        thumbprint: str | None,
        lifetime: timedelta | None = None,
    ) -> str:
        """Return a token, bound to a certificate where thumbprint is given (RFC 8705 3.1)."""
        claims = self._claims(session, now, "Bearer", lifetime or self.lifetime)
        claims["scope"] = " ".join(sorted(session.scopes))
        if thumbprint is not None:
            claims["cnf"] = {"x5t#S256": thumbprint}
        self._sessions[claims["jti"]] = session
        return self._sign(claims)

    def sign_id_token(self, session: ProfessionalSession, now: datetime, access_token: str) -> str:
        claims = self._claims(session, now, "ID", self.lifetime)
        digest = hashlib.sha256(access_token.encode()).digest()
        claims["aud"] = session.client_id
        claims["at_hash"] = base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
        return self._sign(claims)

    def judge(self, token: str, now: datetime) -> tuple[dict[str, Any], ProfessionalSession]:
        """Return the claims and the session of a live access token.

        Raises:
            MachineRefused: invalid_token.
        """
        claims = self._read(token)
        session = self._sessions.get(str(claims.get("jti")))
        if claims.get("typ") != "Bearer" or session is None or session.is_over:
            raise MachineRefused("invalid_token", "not active", status=401)
        if claims["exp"] <= now.timestamp():
            raise MachineRefused("invalid_token", "expired", status=401)
        return claims, session

    def read_hint(self, id_token: str) -> dict[str, Any]:
        """Return the claims of an id_token_hint; it may be expired.

        Raises:
            MachineRefused: not one of ours.
        """
        claims = self._read(id_token)
        if claims.get("typ") != "ID":
            raise MachineRefused("invalid_request", "not an id_token")
        return claims

    def end_session(self, identifier: str) -> None:
        for session in self._sessions.values():
            if session.identifier == identifier:
                session.is_over = True

    def _read(self, token: str) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, self.key, algorithms=["RS256"]).claims
        except (JoseError, ValueError, TypeError):
            raise MachineRefused("invalid_token", "not a token of ours", status=401) from None
        if claims.get("iss") != self.issuer_now():
            raise MachineRefused("invalid_token", "another issuer", status=401)
        return claims

    def _claims(
        self, session: ProfessionalSession, now: datetime, kind: str, lifetime: timedelta
    ) -> dict[str, Any]:
        claims: dict[str, Any] = {
            "iss": self.issuer_now(),
            "sub": subject_of(session.person),
            "typ": kind,
            "azp": session.client_id,
            "jti": secrets.token_urlsafe(16),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "auth_time": int(session.authenticated_at.timestamp()),
            "session_state": session.identifier,
            "acr": session.acr,
            "preferred_username": session.person.national_id,
        }
        if session.nonce is not None:
            claims["nonce"] = session.nonce
        return claims

    def _sign(self, claims: dict[str, Any]) -> str:
        header = {"alg": "RS256", "kid": self.key.kid}
        return jwt.encode(header, claims, self.key, algorithms=["RS256"])
