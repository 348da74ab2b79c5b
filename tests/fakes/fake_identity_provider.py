"""A Pro Santé Connect in memory: codes, refresh tokens, introspection."""

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from drimbox.errors import DrimboxError, NotAuthenticated, Unavailable
from drimbox.model.practice import Professional
from drimbox.ports.clock import Clock
from drimbox.ports.identity_provider import Introspection, SignedIn

ISSUER = "http://psc.test/realm"


@dataclass
class FakeIdentityProvider:
    """Signs one professional in; access tokens live two minutes, refresh tokens serve once.

    is_away makes each question fail as an outage does, failure as it says.
    """

    clock: Clock
    professional: Professional
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    live: dict[str, Introspection] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)
    is_away: bool = False
    failure: DrimboxError | None = None
    count: int = 0

    def grant_code(self, code: str, *, nonce: str, code_verifier: str) -> None:
        """Let the browser come back with this code."""
        self.codes[code] = (nonce, code_verifier)

    async def authorization_url(self, *, state: str, nonce: str, code_challenge: str) -> str:
        self._check_here()
        query = urlencode({"state": state, "nonce": nonce, "code_challenge": code_challenge})
        return f"{ISSUER}/auth?{query}"

    async def exchange_code(self, code: str, *, nonce: str, code_verifier: str) -> SignedIn:
        self._check_here()
        if self.codes.pop(code, None) != (nonce, code_verifier):
            raise NotAuthenticated("code refused")
        return self.sign_in()

    async def refresh(self, refresh_token: str) -> SignedIn:
        self._check_here()
        if refresh_token not in self.refresh_tokens:
            raise NotAuthenticated("refresh token over")
        self.refresh_tokens.remove(refresh_token)
        return self.sign_in()

    async def logout_url(self, id_token: str | None, return_to: str) -> str:
        query = {"id_token_hint": id_token or "", "post_logout_redirect_uri": return_to}
        return f"{ISSUER}/logout?{urlencode(query)}"

    async def introspect(self, access_token: str) -> Introspection:
        self._check_here()
        introspection = self.live.get(access_token)
        if introspection is None or introspection.expires_at <= self.clock.now():
            raise NotAuthenticated("not active", error="invalid_token")
        return introspection

    def sign_in(self) -> SignedIn:
        self.count += 1
        expires_at = self.clock.now() + timedelta(minutes=2)
        signed_in = SignedIn(
            professional=self.professional,
            access_token=f"psc-access-{self.count}",
            refresh_token=f"psc-refresh-{self.count}",
            id_token=f"psc-id-{self.count}",
            expires_at=expires_at,
        )
        self.live[signed_in.access_token] = Introspection(self.professional, expires_at)
        self.refresh_tokens.add(f"psc-refresh-{self.count}")
        return signed_in

    def _check_here(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self.is_away:
            raise Unavailable("Pro Santé Connect")
