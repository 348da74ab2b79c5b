"""Pro Santé Connect as OpenID provider and as judge of its tokens (code + PKCE, RFC 7662).

browser -> authorization_url ... callback -> exchange_code
    token endpoint (mutual TLS) -> id_token verified -> userinfo (same sub) -> SignedIn
Source <- bearer -> introspect
    introspection (mutual TLS) -> userinfo where the provider lets us -> Introspection
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import anyio
import httpx2

from drimbox.adapters.pro_sante_connect.last_good import LastGood
from drimbox.adapters.pro_sante_connect.provider_connection import (
    PARTNER,
    ProviderConnection,
    read_json,
    translated,
)
from drimbox.adapters.pro_sante_connect.provider_metadata import (
    ProviderMetadata,
    is_safe_address,
    parse_metadata,
)
from drimbox.errors import (
    MalformedMessage,
    NotAuthenticated,
    RejectedByPartner,
    SettingsError,
)
from drimbox.model.practice import Professional
from drimbox.ports.clock import Clock
from drimbox.ports.identity_provider import Introspection, SignedIn
from drimbox.settings.partners import OpenIdProviderSettings
from drimbox.standards.iua.id_token import IdToken, IdTokenRules, parse_id_token
from drimbox.standards.iua.jwks import PublicKeys, parse_jwks
from drimbox.standards.iua.pro_sante_connect_userinfo import parse_userinfo
from drimbox.standards.iua.signed_token import kid_of

INTROSPECTION_CACHE_SECONDS = 10.0
_MAX_CACHED = 10_000
_DEFAULT_LIFETIME = 60


@dataclass(frozen=True, slots=True, repr=False)
class _TokenAnswer:
    """What the token endpoint gave."""

    access_token: str
    refresh_token: str | None
    id_token: str | None
    expires_at: datetime


class ProSanteConnect:
    """SignInProvider and TokenIntrospection; base_url is that of our browser listener."""

    def __init__(
        self,
        settings: OpenIdProviderSettings,
        *,
        base_url: str,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked of the provider before it is needed.

        Raises:
            SettingsError: an issuer that is neither HTTPS nor on loopback, or no proof of who we
                are.
        """
        if not is_safe_address(settings.issuer, settings.issuer):
            raise SettingsError("pro_sante_connect.issuer", "https")
        if settings.tls is None and settings.client_secret_file is None:
            raise SettingsError("pro_sante_connect", "tls or client_secret_file is required")
        self._settings = settings
        self._clock = clock
        self._monotonic = monotonic
        self._connection = ProviderConnection(
            settings, redirect_uri=base_url + settings.redirect_path
        )
        self.tls = self._connection.tls
        self._metadata = LastGood(PARTNER, self._fetch_metadata, monotonic=monotonic)
        self._keys = LastGood(PARTNER, self._fetch_keys, monotonic=monotonic)
        self._introspected: dict[bytes, tuple[float, Introspection]] = {}
        self._introspecting: WeakValueDictionary[bytes, anyio.Lock] = WeakValueDictionary()

    async def close(self) -> None:
        await self._connection.close()

    async def check(self) -> None:
        """Check that the provider answers now, whatever of it is kept.

        Raises:
            Unavailable, RejectedByPartner: it does not, or with something else.
        """
        await self._fetch_metadata()

    async def authorization_url(self, *, state: str, nonce: str, code_challenge: str) -> str:
        """Return where to send the browser (code + PKCE S256, acr_values)."""
        metadata = await self._metadata.get()
        url, _ = self._connection.client().create_authorization_url(
            metadata.authorization_endpoint,
            state=state,
            nonce=nonce,
            code_challenge=code_challenge,
            code_challenge_method="S256",
            acr_values=self._settings.acr_values,
        )
        return str(url)

    async def exchange_code(self, code: str, *, nonce: str, code_verifier: str) -> SignedIn:
        """Exchange the code, verify the id_token, read the userinfo.

        Raises:
            NotAuthenticated: refused, or an id_token that does not hold.
        """
        metadata = await self._metadata.get()
        answer = await self._request_token(
            metadata, grant_type="authorization_code", code=code, code_verifier=code_verifier
        )
        if answer.id_token is None:
            raise NotAuthenticated(f"{PARTNER} gave no id_token")
        id_token = await self._verify(answer.id_token, answer.access_token, nonce)
        return await self._signed_in(metadata, answer, id_token)

    async def refresh(self, refresh_token: str) -> SignedIn:
        """Exchange a refresh token; NotAuthenticated when it is over."""
        metadata = await self._metadata.get()
        answer = await self._request_token(
            metadata, grant_type="refresh_token", refresh_token=refresh_token
        )
        id_token = None
        if answer.id_token is not None:
            # OpenID Connect Core 12.2: a refreshed id_token need not carry the nonce.
            id_token = await self._verify(answer.id_token, answer.access_token, None)
        return await self._signed_in(metadata, answer, id_token)

    async def logout_url(self, id_token: str | None, return_to: str) -> str:
        """Return where to send the browser (RP-Initiated Logout 2, which puts the hint there)."""
        metadata = await self._metadata.get()
        parameters = {
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": return_to,
        }
        if id_token is not None:
            parameters["id_token_hint"] = id_token
        return str(httpx2.URL(metadata.end_session_endpoint).copy_merge_params(parameters))

    async def introspect(self, access_token: str) -> Introspection:
        """Return whose live token this is; an answer serves again for ten seconds at most.

        Raises:
            NotAuthenticated: not active.
            Unavailable: the provider does not answer.
        """
        key = hashlib.sha256(access_token.encode()).digest()
        lock = self._introspecting.setdefault(key, anyio.Lock())
        async with lock:
            known = self._introspected.get(key)
            if known is not None and known[0] > self._monotonic():
                introspection = known[1]
            else:
                introspection = await self._introspect(access_token)
                self._remember(key, introspection)
        if introspection.expires_at <= self._clock.now():
            raise NotAuthenticated("the token is over", error="invalid_token")
        return introspection

    async def _introspect(self, access_token: str) -> Introspection:
        metadata = await self._metadata.get()
        async with translated():
            response = await self._connection.client().introspect_token(
                metadata.introspection_endpoint,
                token=access_token,
                token_type_hint="access_token",  # noqa: S106
            )
        if response.status_code in {401, 403}:
            # Our own proof was refused: that says nothing of the token.
            raise RejectedByPartner(PARTNER, "invalid_client")
        claims = read_json(response)
        if claims.get("active") is not True or claims.get("iss", metadata.issuer) != (
            metadata.issuer
        ):
            raise NotAuthenticated("not active", error="invalid_token")
        expires_at = _instant(claims.get("exp"))
        if expires_at is None:
            raise RejectedByPartner(PARTNER, "introspection without exp")
        professional = await self._professional_of(metadata, access_token, claims)
        return Introspection(professional, expires_at)

    async def _professional_of(
        self, metadata: ProviderMetadata, access_token: str, claims: Mapping[str, Any]
    ) -> Professional:
        """Return who it is: from userinfo, else from the introspection itself.

        A token bound to another box's certificate opens no userinfo to us; the introspection then
        tells the national identifier and the role.
        """
        authenticated_at = _instant(claims.get("auth_time")) or self._clock.now()
        try:
            userinfo = await self._connection.get_json(
                metadata.userinfo_endpoint, bearer=access_token
            )
        except (NotAuthenticated, RejectedByPartner):
            return _read_userinfo(claims, authenticated_at)
        if userinfo.get("sub") != claims.get("sub"):
            raise NotAuthenticated("userinfo of another subject", error="invalid_token")
        return _read_userinfo(userinfo, authenticated_at)

    def _remember(self, key: bytes, introspection: Introspection) -> None:
        now = self._monotonic()
        if len(self._introspected) >= _MAX_CACHED:
            self._introspected = {k: v for k, v in self._introspected.items() if v[0] > now}
        if len(self._introspected) < _MAX_CACHED:
            self._introspected[key] = (now + INTROSPECTION_CACHE_SECONDS, introspection)

    async def _request_token(self, metadata: ProviderMetadata, **grant: str) -> _TokenAnswer:
        client = self._connection.client()
        async with translated():
            if grant["grant_type"] == "refresh_token":
                answer = await client.refresh_token(
                    metadata.token_endpoint, refresh_token=grant["refresh_token"]
                )
            else:
                answer = await client.fetch_token(metadata.token_endpoint, **grant)
        access_token = answer.get("access_token")
        if not isinstance(access_token, str) or answer.get("token_type", "").lower() != "bearer":
            raise RejectedByPartner(PARTNER, "no bearer token in its answer")
        seconds = answer.get("expires_in")
        lifetime = seconds if isinstance(seconds, int) and seconds > 0 else _DEFAULT_LIFETIME
        return _TokenAnswer(
            access_token=access_token,
            refresh_token=_text(answer.get("refresh_token")),
            id_token=_text(answer.get("id_token")),
            expires_at=self._clock.now() + timedelta(seconds=lifetime),
        )

    async def _verify(self, id_token: str, access_token: str, nonce: str | None) -> IdToken:
        kid = kid_of(id_token, max_bytes=len(id_token))
        keys = await self._keys.get(lambda keys: kid is None or kid in keys.kids)
        rules = IdTokenRules(
            issuer=self._settings.issuer,
            client_id=self._settings.client_id,
            nonce=nonce,
            access_token=access_token,
        )
        return parse_id_token(id_token, keys, rules, self._clock.now())

    async def _signed_in(
        self, metadata: ProviderMetadata, answer: _TokenAnswer, id_token: IdToken | None
    ) -> SignedIn:
        userinfo = await self._connection.get_json(
            metadata.userinfo_endpoint, bearer=answer.access_token
        )
        # OpenID Connect Core 5.3.2: a userinfo of another subject must not be used.
        if id_token is not None and userinfo.get("sub") != id_token.subject:
            raise NotAuthenticated("userinfo of another subject")
        at = id_token.authenticated_at if id_token is not None else self._clock.now()
        return SignedIn(
            professional=_read_userinfo(userinfo, at),
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            id_token=answer.id_token,
            expires_at=answer.expires_at,
        )

    async def _fetch_metadata(self) -> ProviderMetadata:
        if not is_safe_address(self._settings.discovery_url, self._settings.issuer):
            raise RejectedByPartner(PARTNER, "discovery_url is not https")
        members = await self._connection.get_json(self._settings.discovery_url)
        return parse_metadata(
            members,
            issuer=self._settings.issuer,
            is_mutual_tls=self._connection.is_mutual_tls,
        )

    async def _fetch_keys(self) -> PublicKeys:
        metadata = await self._metadata.get()
        async with translated():
            response = await self._connection.client().request(
                "GET", metadata.jwks_uri, withhold_token=True, auth=None
            )
        try:
            return parse_jwks(response.content)
        except MalformedMessage as error:
            raise RejectedByPartner(PARTNER, "no usable key set") from error


def _read_userinfo(claims: Mapping[str, Any], authenticated_at: datetime) -> Professional:
    try:
        return parse_userinfo(claims, authenticated_at=authenticated_at)
    except MalformedMessage as error:
        raise RejectedByPartner(PARTNER, "userinfo without a national identifier") from error


def _instant(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**34:
        return None
    return datetime.fromtimestamp(value, UTC)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
