"""A Pro Santé Connect on loopback: OpenID provider for professionals, with the real one's severity.

    browser    GET  /auth                        the wallet: whom to sign in as
    machines   POST {issuer}/protocol/openid-connect/{token, token/introspect}, GET userinfo, certs
               the same over mutual TLS, as mtls_endpoint_aliases says (RFC 8705 5)
    sandbox    POST {issuer}/sandbox/token       subject=RPPS: a token without a browser

Tokens obtained with a client certificate are bound to it: userinfo asks for the same one.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from drimbox.errors import NotFound
from drimbox.sandbox.openid_provider.authorization_request import (
    AuthorizationRequest,
    AuthorizationRules,
)
from drimbox.sandbox.openid_provider.clients import (
    SandboxClient,
    authenticate_client,
    client_certificate,
    thumbprint,
)
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
from drimbox.sandbox.patients.professionals import (
    PROFESSIONALS,
    SandboxProfessional,
    get_professional,
)
from drimbox.sandbox.pro_sante_connect.access_tokens import AccessTokens, ProfessionalSession
from drimbox.sandbox.pro_sante_connect.claims import introspection_of, userinfo_of
from drimbox.sandbox.pro_sante_connect.discovery import PROTOCOL, REALM, discovery_document

_LOOK = Look("Pro Santé Connect", "#1f5fa8")
_SANDBOX_CLIENT = "sandbox"
_PROFESSION_NAMES = {
    "10": "médecin",
    "21": "pharmacien",
    "40": "chirurgien-dentiste",
    "50": "sage-femme",
    "331": "secrétaire médical(e), sans accès aux images",
}
_ACR = "eidas1"
_RULES = AuthorizationRules(
    scopes=frozenset({"openid", "scope_all", "offline_access"}),
    required_scopes=frozenset({"openid", "scope_all"}),
    is_pkce_required=True,
    required_acr=frozenset({_ACR}),
)
# What the caller of /sandbox/token cannot do, refresh, is made up for by a longer life.
_SANDBOX_LIFETIME = timedelta(minutes=30)


class SandboxProSanteConnect(SandboxProvider):
    """One provider; clients are the boxes registered with it."""

    def __init__(
        self,
        clients: Sequence[SandboxClient],
        *,
        professionals: Sequence[SandboxProfessional] = PROFESSIONALS,
        access_token_lifetime: timedelta = timedelta(minutes=2),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(clients, REALM)
        self._professionals = {p.rpps: p for p in professionals}
        self._now = now
        self._lifetime = access_token_lifetime
        self._grants: Grants[SandboxProfessional] = Grants(
            code_lifetime=timedelta(seconds=60), refresh_lifetime=timedelta(minutes=30)
        )
        self._door = FrontDoor(
            look=_LOOK,
            clients=self._clients,
            rules=_RULES,
            choices=[_choice(p) for p in professionals],
            grant_code=self._grant_code,
            choose_path="/auth/choose",
            now=now,
        )
        self._tokens = AccessTokens(lambda: self.issuer, access_token_lifetime)

    @property
    def discovery_url(self) -> str:
        """The address that the real one publishes, which is not the standard's."""
        return f"{self.issuer}/.well-known/wallet-openid-configuration"

    def _routes(self) -> RouteTable:
        return [
            ("GET", "/auth", self._door.authorize),
            ("POST", "/auth/choose", self._door.choose),
            ("GET", f"{REALM}/.well-known/wallet-openid-configuration", self._discovery),
            ("GET", f"{REALM}/.well-known/openid-configuration", self._discovery),
            ("POST", f"{PROTOCOL}/token", self._token),
            ("POST", f"{PROTOCOL}/token/introspect", self._introspect),
            ("GET", f"{PROTOCOL}/userinfo", self._userinfo),
            ("POST", f"{PROTOCOL}/userinfo", self._userinfo),
            ("GET", f"{PROTOCOL}/certs", self._certs),
            ("GET", f"{PROTOCOL}/logout", self._logout),
            ("POST", f"{REALM}/sandbox/token", self._sandbox_token),
        ]

    async def _discovery(self, request: web.Request) -> web.StreamResponse:
        del request
        return web.json_response(discovery_document(self._base, self._mtls_base))

    async def _certs(self, request: web.Request) -> web.StreamResponse:
        del request
        return web.json_response({"keys": [self._tokens.key.as_dict(private=False)]})

    def _grant_code(self, request: AuthorizationRequest, subject: str) -> str:
        professional = self._professionals[subject]
        return self._grants.open_session(request, professional, acr=_ACR, now=self._now())

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        client = authenticate_client(request, form, self._clients)
        grant_type = form.get("grant_type")
        now = self._now()
        if grant_type == "authorization_code":
            session = self._grants.use_code(form, client.client_id, now)
        elif grant_type == "refresh_token":
            session = self._grants.use_refresh_token(
                form.get("refresh_token", ""), client.client_id, now
            )
        else:
            raise MachineRefused("unsupported_grant_type", "authorization_code or refresh_token")
        certificate = client_certificate(request)
        bound_to = thumbprint(certificate) if certificate is not None else None
        access_token = self._tokens.sign_access_token(session, now, thumbprint=bound_to)
        answer = self._answer(access_token, self._lifetime, session)
        answer["refresh_token"] = self._grants.new_refresh_token(session, now)
        answer["refresh_expires_in"] = 1800
        answer["id_token"] = self._tokens.sign_id_token(session, now, access_token)
        return no_store(answer)

    async def _introspect(self, request: web.Request) -> web.StreamResponse:
        form = await read_form(request)
        authenticate_client(request, form, self._clients)
        if "token" not in form:
            raise MachineRefused("invalid_request", "token is required")
        try:
            claims, session = self._tokens.judge(form["token"], self._now())
        except MachineRefused:
            return no_store({"active": False})
        answer = claims | introspection_of(session.person)
        return no_store(answer | {"client_id": session.client_id, "active": True})

    async def _userinfo(self, request: web.Request) -> web.StreamResponse:
        claims, session = self._tokens.judge(bearer_of(request), self._now())
        bound_to = claims.get("cnf", {}).get("x5t#S256")
        certificate = client_certificate(request)
        presented = thumbprint(certificate) if certificate is not None else None
        if bound_to is not None and bound_to != presented:
            raise MachineRefused("invalid_token", "bound to another certificate", status=401)
        return no_store(userinfo_of(session.person))

    async def _logout(self, request: web.Request) -> web.StreamResponse:
        hint, target = (
            request.query.get("id_token_hint"),
            request.query.get("post_logout_redirect_uri"),
        )
        if hint is None:
            return self._door.message("Déconnexion", "Vous pouvez fermer cette page.")
        claims = self._tokens.read_hint(hint)
        client = self._clients.get(str(claims["azp"]))
        if client is None or (
            target is not None and target not in client.post_logout_redirect_uris
        ):
            return self._door.message(
                "Demande refusée", "Cette adresse de retour n'est pas enregistrée.", status=400
            )
        self._tokens.end_session(str(claims["session_state"]))
        if target is None:
            return self._door.message("Déconnexion", "Vous êtes déconnecté.")
        return web.Response(status=302, headers={"Location": target})

    async def _sandbox_token(self, request: web.Request) -> web.StreamResponse:
        subject = (await read_form(request)).get("subject", "")
        try:
            professional = self._professionals.get(subject) or get_professional(subject)
        except NotFound:
            raise MachineRefused("invalid_request", "no such professional") from None
        session: ProfessionalSession = Session(
            identifier=secrets.token_urlsafe(16),
            person=professional,
            client_id=_SANDBOX_CLIENT,
            scopes=_RULES.required_scopes,
            acr=_ACR,
            nonce=None,
            authenticated_at=self._now(),
        )
        token = self._tokens.sign_access_token(
            session, self._now(), thumbprint=None, lifetime=_SANDBOX_LIFETIME
        )
        return no_store(self._answer(token, _SANDBOX_LIFETIME, session))

    def _answer(
        self, access_token: str, lifetime: timedelta, session: ProfessionalSession
    ) -> dict[str, Any]:
        return {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": int(lifetime.total_seconds()),
            "scope": " ".join(sorted(session.scopes)),
            "session_state": session.identifier,
        }


def _choice(professional: SandboxProfessional) -> Choice:
    places = ", ".join(a.structure.name for a in professional.activities) or "sans activité"
    code = professional.profession_code
    profession = _PROFESSION_NAMES.get(code, f"profession {code}")
    return Choice(
        professional.rpps,
        f"{professional.given_name} {professional.family_name}",
        f"{profession} · RPPS {professional.rpps} · {places}",
    )
