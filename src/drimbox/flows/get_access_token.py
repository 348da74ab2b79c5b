"""Get Access Token, ITI-71: what every grant shares, and what each gives.

form -> the listener serves this grant -> client -> grant -> audit -> token
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from drimbox.errors import DrimboxError, InvalidValue, UnsupportedMessage
from drimbox.flows.authenticate_client import AuthenticateClient, RegisteredClient
from drimbox.flows.issue_token import IssuedToken, TokenIssuer
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction, AuditEvent, AuditOutcome
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.practice import Professional
from drimbox.model.scopes import Level, narrow
from drimbox.ports.audit_repository import AuditRepository
from drimbox.standards.iua.assertion import claimed_issuer
from drimbox.standards.iua.iti71_get_access_token import AssertionGrant, GrantType, TokenRequest


@dataclass(frozen=True, slots=True)
class Connection:
    """Over what a request came: the certificate that the handshake verified, and from where."""

    certificate_der: bytes | None
    source_address: str


@dataclass(frozen=True, slots=True)
class GrantedToken:
    """What a grant gave, and for whom.

    professional and context where it is for one of them; subject where a client named another.
    """

    issued: IssuedToken
    scopes: frozenset[str]
    professional: Professional | None = None
    context: ConsultationContext | None = None
    consent: InformationEtOppositionConsultation | None = None
    subject: str | None = None

    def __repr__(self) -> str:
        return "GrantedToken()"


class GrantFlow(Protocol):
    """What happens once the client is known; every refusal is one of the errors below."""

    async def __call__(
        self, client: RegisteredClient, request: TokenRequest, connection: Connection
    ) -> GrantedToken:
        """Return the token.

        Raises:
            InvalidValue: a parameter that cannot be accepted; what names it.
            Mismatch: a code or assertion that does not hold here (invalid_grant).
            Refused: this client may not use this grant (unauthorized_client).
            Unavailable: a partner or the storage does not answer.
        """


@dataclass(frozen=True, slots=True)
class GetAccessToken:
    """Get Access Token, ITI-71; grants are those that this listener serves."""

    authenticate_client: AuthenticateClient
    tokens: TokenIssuer
    audit: AuditRepository
    grants: Mapping[GrantType, GrantFlow]

    async def __call__(self, request: TokenRequest, connection: Connection) -> GrantedToken:
        """Return a token and what it grants; each attempt is audited before it is answered.

        Raises:
            UnsupportedMessage: a grant that this listener does not serve.
            NotAuthenticated: invalid_client.
            InvalidValue: what is "scope" (invalid_scope) or "resource" (invalid_target).
            Others: as GrantFlow.
        """
        client: RegisteredClient | None = None
        try:
            grant_flow = self.grants.get(request.grant.grant_type)
            if grant_flow is None:
                raise UnsupportedMessage("a grant of this listener", where="grant_type")
            client = await self._client_of(request, connection)
            self.check_resources(request.resources)
            granted = await grant_flow(client, request, connection)
        except DrimboxError as error:
            name = client.client_id if client is not None else ""
            await self._record(request, connection, _failure(name, str(error)))
            raise
        await self._record(request, connection, _success(client, granted))
        return granted

    def check_resources(self, resources: tuple[str, ...]) -> None:
        """Check that a token is asked for this server (RFC 8707, RFC 8693 2.1, aud of SMART).

        Raises:
            InvalidValue: what is "resource".
        """
        own = self.tokens.issuer
        if not all(r == own or r.startswith(own + "/") for r in resources):
            raise InvalidValue("resource", "an address of this server (RFC 8707)")

    async def _client_of(self, request: TokenRequest, connection: Connection) -> RegisteredClient:
        grant, credentials = request.grant, request.credentials
        if credentials is None:
            # RFC 7523 2.1: the assertion is from the client itself, and proves it further on.
            claimed = claimed_issuer(grant.assertion) if isinstance(grant, AssertionGrant) else None
            return self.authenticate_client.get(claimed)
        return await self.authenticate_client(
            credentials,
            connection.certificate_der,
            may_be_public=grant.grant_type is GrantType.AUTHORIZATION_CODE,
        )

    async def _record(
        self, request: TokenRequest, connection: Connection, event: "_Outcome"
    ) -> None:
        professional = event.professional
        await self.audit.record(
            AuditEvent(
                action=AuditAction.TOKEN_ISSUED,
                outcome=event.outcome,
                occurred_at=self.tokens.clock.now(),
                user=event.user,
                user_name=f"{professional.family_name} {professional.given_name}"
                if professional
                else "",
                user_role=professional.profession_code if professional else "",
                source_address=connection.source_address,
                consent=event.consent.value if event.consent else None,
                description=f"{request.grant.grant_type.value}: {event.description}",
            )
        )


class _Outcome(NamedTuple):
    outcome: AuditOutcome
    user: str
    description: str
    professional: Professional | None = None
    consent: InformationEtOppositionConsultation | None = None


def _failure(client_id: str, reason: str) -> _Outcome:
    return _Outcome(AuditOutcome.MINOR_FAILURE, client_id, reason)


def _success(client: RegisteredClient, granted: GrantedToken) -> _Outcome:
    professional = granted.professional
    user = professional.national_id if professional else granted.subject or client.client_id
    name = client.client_id
    return _Outcome(AuditOutcome.SUCCESS, user, name, professional, granted.consent)


def grant_scopes(
    requested: frozenset[str], client: RegisteredClient, levels: frozenset[Level]
) -> frozenset[str]:
    """Return the scopes of a token whose asker must get what it asks for, or be told no.

    Raises:
        InvalidValue: what is "scope": one is not covered by those of the client, or none is left.
    """
    granted = narrow(requested, client.scopes, levels)
    if not granted or not requested <= granted:
        raise InvalidValue("scope", "what this client may have")
    return granted
