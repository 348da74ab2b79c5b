"""Our authorization server (IUA): tokens for FHIR clients of the site and for open contexts.

    ITI-71   form -> client by its assertion, once -> scopes it may have -> token -> audit
    ITI-102  form -> client by its assertion, once -> what the token is worth here

One set of these serves one listener: the issuer is that listener's base URL, and its only audience.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from drimbox.errors import Conflict, InvalidValue, NotAuthenticated, Refused
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.practice import Code, Professional
from drimbox.ports.audit_repository import AuditRepository
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.session_store import UsedTokens
from drimbox.standards.iua.access_token import (
    AccessToken,
    IheIua,
    check_binding,
    encode_access_token,
    parse_access_token,
    thumbprint,
)
from drimbox.standards.iua.client_assertion import claimed_client_id, parse_client_assertion
from drimbox.standards.iua.iti71_get_access_token import ClientCredentials, TokenRequest
from drimbox.standards.iua.iti102_introspect_token import IntrospectionRequest
from drimbox.standards.iua.jwks import PublicKeys, SigningKey

# SMART App Launch 2: read and search whatever belongs to the patient of the context.
CONTEXT_SCOPES = frozenset({"patient/*.rs"})
CONTEXT_CLIENT_ID = "drimbox-contextual-call"
# TRE_G15-ProfessionSante.
_PROFESSIONS = "1.2.250.1.71.1.2.7"


class IssuedToken(NamedTuple):
    """A fresh access token, and its life in seconds."""

    access_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client of the settings: its public keys and the scopes it may ask for."""

    client_id: str
    keys: PublicKeys
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Signs the access tokens of one listener and reads them back."""

    issuer: str
    signing_key: SigningKey
    clock: Clock
    identifiers: Identifiers
    client_token_lifetime: timedelta = timedelta(minutes=5)
    context_token_lifetime: timedelta = timedelta(minutes=20)

    def issue_client_token(
        self, client_id: str, scopes: frozenset[str], certificate_der: bytes | None
    ) -> IssuedToken:
        """Sign a token for a client, bound to its certificate where it presented one."""
        now = self.clock.now()
        token = AccessToken(
            issuer=self.issuer,
            subject=client_id,
            client_id=client_id,
            audience=self.issuer,
            scopes=scopes,
            identifier=self.identifiers.new_secret(),
            issued_at=now,
            expires_at=now + self.client_token_lifetime,
            certificate_thumbprint=thumbprint(certificate_der) if certificate_der else None,
        )
        return self._sign(token)

    def issue_context_token(self, context: ConsultationContext) -> IssuedToken:
        """Sign a token bound to a context and its professional; it does not outlive the context.

        Raises:
            Refused: the context has no professional yet, or is over.
        """
        if context.professional is None:
            raise Refused("a context without a professional gets no token")
        now = self.clock.now()
        expires_at = min(now + self.context_token_lifetime, context.expires_at)
        if expires_at <= now:
            raise Refused("the context is over")
        token = AccessToken(
            issuer=self.issuer,
            subject=context.professional.national_id,
            client_id=CONTEXT_CLIENT_ID,
            audience=self.issuer,
            scopes=CONTEXT_SCOPES,
            identifier=self.identifiers.new_secret(),
            issued_at=now,
            expires_at=expires_at,
            context=context.identifier,
            ihe_iua=_ihe_iua(context.professional),
        )
        return self._sign(token)

    def read(self, text: str, certificate_der: bytes | None = None) -> AccessToken:
        """Return one of our tokens, live, presented by whom it is bound to.

        Raises:
            NotAuthenticated: anything else (invalid_token).
        """
        token = parse_access_token(
            text,
            self.signing_key.public,
            issuer=self.issuer,
            audience=self.issuer,
            now=self.clock.now(),
        )
        check_binding(token, certificate_der)
        return token

    def _sign(self, token: AccessToken) -> IssuedToken:
        seconds = int((token.expires_at - token.issued_at).total_seconds())
        return IssuedToken(encode_access_token(token, self.signing_key), seconds)


@dataclass(frozen=True, slots=True)
class AuthenticateClient:
    """Believe a client assertion, once (RFC 7523 3)."""

    clients: Mapping[str, RegisteredClient]
    audiences: frozenset[str]
    used_tokens: UsedTokens
    clock: Clock

    async def __call__(self, credentials: ClientCredentials) -> RegisteredClient:
        """Return the client.

        Raises:
            NotAuthenticated: unknown, or an assertion that does not hold or served before
                (invalid_client).
        """
        claimed = claimed_client_id(credentials.assertion)
        if claimed is None or credentials.client_id not in {None, claimed}:
            raise NotAuthenticated("no client named", error="invalid_client")
        client = self.clients.get(claimed)
        if client is None:
            raise NotAuthenticated("no such client", error="invalid_client")
        try:
            assertion = parse_client_assertion(
                credentials.assertion,
                client.keys,
                client_id=client.client_id,
                audiences=self.audiences,
                now=self.clock.now(),
            )
            await self.used_tokens.use_once(
                client.client_id, assertion.identifier, assertion.expires_at
            )
        except Conflict as error:
            raise NotAuthenticated("assertion served before", error="invalid_client") from error
        except NotAuthenticated as error:
            raise NotAuthenticated(str(error), error="invalid_client") from error
        return client


@dataclass(frozen=True, slots=True)
class IssueToken:
    """Get Access Token, ITI-71, for a client of the site."""

    authenticate_client: AuthenticateClient
    tokens: TokenIssuer
    audit: AuditRepository

    async def __call__(
        self, request: TokenRequest, *, certificate_der: bytes | None, source_address: str
    ) -> tuple[IssuedToken, frozenset[str]]:
        """Return a token and the scopes it grants; each attempt is audited.

        Raises:
            NotAuthenticated: invalid_client.
            InvalidValue: what is "scope" (invalid_scope) or "resource" (invalid_target).
        """
        try:
            client = await self.authenticate_client(request.credentials)
        except NotAuthenticated:
            await self._record(AuditOutcome.MINOR_FAILURE, "", source_address)
            raise
        try:
            scopes = _granted(request, client)
            self._check_resources(request)
        except InvalidValue as error:
            await self._record(
                AuditOutcome.MINOR_FAILURE, client.client_id, source_address, str(error)
            )
            raise
        await self._record(AuditOutcome.SUCCESS, client.client_id, source_address)
        return self.tokens.issue_client_token(client.client_id, scopes, certificate_der), scopes

    def _check_resources(self, request: TokenRequest) -> None:
        own = self.tokens.issuer
        if not all(r == own or r.startswith(own + "/") for r in request.resources):
            raise InvalidValue("resource", "an address of this server (RFC 8707)")

    async def _record(
        self, outcome: AuditOutcome, client_id: str, source_address: str, description: str = ""
    ) -> None:
        await self.audit.record(
            AuditEvent(
                action=AuditAction.TOKEN_ISSUED,
                outcome=outcome,
                occurred_at=self._now(),
                user=client_id,
                source_address=source_address,
                description=description,
            )
        )

    def _now(self) -> datetime:
        return self.tokens.clock.now()


@dataclass(frozen=True, slots=True)
class IntrospectToken:
    """Introspect Token, ITI-102, for tokens of ours."""

    authenticate_client: AuthenticateClient
    tokens: TokenIssuer

    async def __call__(self, request: IntrospectionRequest) -> AccessToken | None:
        """Return the live token, None where it is worth nothing here.

        Binding is the asker's to check: cnf is in the answer.

        Raises:
            NotAuthenticated: invalid_client.
        """
        await self.authenticate_client(request.credentials)
        try:
            return parse_access_token(
                request.token,
                self.tokens.signing_key.public,
                issuer=self.tokens.issuer,
                audience=self.tokens.issuer,
                now=self.tokens.clock.now(),
            )
        except NotAuthenticated:
            return None


def _granted(request: TokenRequest, client: RegisteredClient) -> frozenset[str]:
    if not request.scopes:
        return client.scopes
    if not request.scopes <= client.scopes:
        raise InvalidValue("scope", "what this client is registered for")
    return request.scopes


def _ihe_iua(professional: Professional) -> IheIua:
    place = professional.activities[0].structure if professional.activities else None
    profession = professional.profession_code
    return IheIua(
        subject_name=f"{professional.given_name} {professional.family_name}",
        subject_organization=place.name or None if place else None,
        subject_organization_id=place.identifier if place else None,
        subject_role=(Code(profession, _PROFESSIONS),) if profession else (),
    )
