"""A FranceConnect+ on loopback: OpenID provider for patients, with the real one's severity.

GET  /api/v2/authorize     state and nonce of 22 characters, eidas2 or eidas3
POST /api/v2/token         client_secret_post; code 30 s, opaque access token 60 s, no refresh
GET  /api/v2/userinfo      a JWS in a JWE, like the id_token
GET  /api/v2/session/end   id_token_hint, post_logout_redirect_uri, state
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from drimbox.sandbox.france_connect.claims import CLAIMS_OF_SCOPE, claims_of, subject_of
from drimbox.sandbox.france_connect.sealed_tokens import ENCRYPTION_ALGORITHMS, SealedTokens
from drimbox.sandbox.openid_provider.authorization_request import (
    AuthorizationRequest,
    AuthorizationRules,
)
from drimbox.sandbox.openid_provider.clients import SandboxClient, authenticate_client
from drimbox.sandbox.openid_provider.front_door import FrontDoor
from drimbox.sandbox.openid_provider.grants import Grants, Session
from drimbox.sandbox.openid_provider.listening import (
    RouteTable,
    bearer_of,
    no_store,
    read_form,
)
from drimbox.sandbox.openid_provider.pages import Choice, Look
from drimbox.sandbox.openid_provider.provider import SandboxProvider
from drimbox.sandbox.openid_provider.refusals import MachineRefused
from drimbox.sandbox.patients.identities import PATIENTS, SandboxPatient

_LOOK = Look("FranceConnect+", "#000091")
_BASE = "/api/v2"
_LEVELS = ("eidas2", "eidas3")
_ACCESS_TOKEN_LIFETIME = timedelta(seconds=60)
_RULES = AuthorizationRules(
    scopes=frozenset(CLAIMS_OF_SCOPE),
    required_scopes=frozenset({"openid"}),
    is_pkce_required=False,
)


class SandboxFranceConnect(SandboxProvider):
    """One provider; clients are registered with a secret and the key to encrypt for them.

    The real one offers no mutual TLS; the demo may.
    """

    def __init__(
        self,
        clients: Sequence[SandboxClient],
        *,
        patients: Sequence[SandboxPatient] = PATIENTS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(clients, _BASE)
        self._patients = {str(i): patient for i, patient in enumerate(patients)}
        self._now = now
        self._grants: Grants[SandboxPatient] = Grants(
            code_lifetime=timedelta(seconds=30), refresh_lifetime=timedelta()
        )
        self._access_tokens: dict[str, tuple[Session[SandboxPatient], datetime]] = {}
        self._sealed = SealedTokens()
        self._door = FrontDoor(
            look=_LOOK,
            clients=self._clients,
            rules=_RULES,
            choices=[_choice(key, patient) for key, patient in self._patients.items()],
            grant_code=self._grant_code,
            choose_path=f"{_BASE}/choose",
            now=now,
        )

    @property
    def discovery_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def _routes(self) -> RouteTable:
        return [
            ("GET", f"{_BASE}/authorize", self._door.authorize),
            ("POST", f"{_BASE}/choose", self._door.choose),
            ("GET", f"{_BASE}/.well-known/openid-configuration", self._discovery),
            ("POST", f"{_BASE}/token", self._token),
            ("GET", f"{_BASE}/userinfo", self._userinfo),
            ("GET", f"{_BASE}/jwks", self._jwks),
            ("GET", f"{_BASE}/session/end", self._end_session),
        ]

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        del request
        document: dict[str, Any] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/session/end",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["pairwise"],
            "acr_values_supported": list(_LEVELS),
            "scopes_supported": sorted(CLAIMS_OF_SCOPE),
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "id_token_encryption_alg_values_supported": list(ENCRYPTION_ALGORITHMS),
            "id_token_encryption_enc_values_supported": ["A256GCM"],
            "userinfo_signing_alg_values_supported": ["ES256"],
            "userinfo_encryption_alg_values_supported": list(ENCRYPTION_ALGORITHMS),
            "userinfo_encryption_enc_values_supported": ["A256GCM"],
            "authorization_response_iss_parameter_supported": True,
        }
        if self._mtls_base is not None:
            base = f"{self._mtls_base}{_BASE}"
            document["mtls_endpoint_aliases"] = {
                "token_endpoint": f"{base}/token",
                "userinfo_endpoint": f"{base}/userinfo",
            }
        return web.json_response(document)

    async def _jwks(self, request: web.Request) -> web.StreamResponse:
        del request
        return web.json_response(self._sealed.jwks)

    def _grant_code(self, request: AuthorizationRequest, subject: str) -> str:
        level = _level(request.acr_values)
        return self._grants.open_session(
            request, self._patients[subject], acr=level, now=self._now()
        )

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        if "client_secret" not in form:
            raise MachineRefused("invalid_client", "client_secret_post alone", status=401)
        client = authenticate_client(request, form, self._clients)
        if form.get("grant_type") != "authorization_code":
            raise MachineRefused("unsupported_grant_type", "authorization_code alone")
        now = self._now()
        session = self._grants.use_code(form, client.client_id, now)
        token = secrets.token_urlsafe(32)
        self._access_tokens[token] = (session, now + _ACCESS_TOKEN_LIFETIME)
        claims = {
            "iss": self.issuer,
            "sub": subject_of(session.person, client.client_id),
            "aud": client.client_id,
            "nonce": session.nonce,
            "acr": session.acr,
            "iat": int(now.timestamp()),
            "exp": int((now + _ACCESS_TOKEN_LIFETIME).timestamp()),
            "auth_time": int(session.authenticated_at.timestamp()),
        }
        return no_store(
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": int(_ACCESS_TOKEN_LIFETIME.total_seconds()),
                "id_token": self._seal(claims, client),
            }
        )

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        session, until = self._access_tokens.get(bearer_of(request), (None, self._now()))
        if session is None or until <= self._now() or session.is_over:
            raise MachineRefused("invalid_token", "not active", status=401)
        client = self._clients[session.client_id]
        claims = {
            "iss": self.issuer,
            "aud": client.client_id,
            "sub": subject_of(session.person, client.client_id),
            **claims_of(session.person, session.scopes),
        }
        return web.Response(
            text=self._seal(claims, client),
            content_type="application/jwt",
            headers={"Cache-Control": "no-store"},
        )

    async def _end_session(self, request: web.Request) -> web.StreamResponse:
        hint = request.query.get("id_token_hint", "")
        target = request.query.get("post_logout_redirect_uri", "")
        client = self._clients.get(str(self._sealed.read_signed(hint).get("aud")))
        if client is None or target not in client.post_logout_redirect_uris:
            return self._door.message(
                "Demande refusée", "Cette adresse de retour n'est pas enregistrée.", status=400
            )
        state = request.query.get("state")
        location = f"{target}?{urlencode({'state': state})}" if state is not None else target
        return web.Response(status=302, headers={"Location": location})

    def _seal(self, claims: dict[str, Any], client: SandboxClient) -> str:
        if client.encryption_key is None:
            raise MachineRefused("invalid_client", "no encryption key registered")
        return self._sealed.seal(claims, client.encryption_key)


def _level(acr_values: tuple[str, ...]) -> str:
    """Return the lowest known level asked for; eidas3 where none is known."""
    asked = [level for level in _LEVELS if level in acr_values]
    return asked[0] if asked else _LEVELS[-1]


def _choice(key: str, patient: SandboxPatient) -> Choice:
    traits = patient.traits
    day = traits.birth_date.value
    return Choice(
        key,
        f"{traits.given_name} {traits.family_name}",
        f"né(e) le {day[6:]}/{day[4:6]}/{day[:4]}",
    )
