"""Tokens for machines: a client for itself, or for a user it names (RFC 6749 4.4, RFC 7523)."""

from dataclasses import dataclass

from drimbox.errors import Conflict, Mismatch, NotAuthenticated, Refused
from drimbox.flows.authenticate_client import AuthenticateClient, RegisteredClient
from drimbox.flows.get_access_token import Connection, GrantedToken, grant_scopes
from drimbox.flows.issue_token import Subject, TokenIssuer
from drimbox.model.scopes import SYSTEM_LEVELS
from drimbox.standards.iua.assertion import Assertion, parse_assertion
from drimbox.standards.iua.iti71_get_access_token import AssertionGrant, TokenRequest


@dataclass(frozen=True, slots=True)
class GrantToClient:
    """client_credentials: the client is the subject."""

    tokens: TokenIssuer

    async def __call__(
        self, client: RegisteredClient, request: TokenRequest, connection: Connection
    ) -> GrantedToken:
        """See GrantFlow."""
        scopes = grant_scopes(request.scopes, client, SYSTEM_LEVELS)
        issued = self.tokens.issue_client_token(
            client.client_id, scopes, connection.certificate_der
        )
        return GrantedToken(issued, scopes)


@dataclass(frozen=True, slots=True)
class GrantByAssertion:
    """jwt-bearer: the subject is whom the client's assertion names, its rights the client's.

    What the assertion says of that person (ihe_iua) is the client's word and goes into the token
    as such; a professional's own rights come with that person's own token only (exchange).
    """

    authenticate_client: AuthenticateClient
    tokens: TokenIssuer

    async def __call__(
        self, client: RegisteredClient, request: TokenRequest, connection: Connection
    ) -> GrantedToken:
        """See GrantFlow."""
        if not isinstance(request.grant, AssertionGrant) or client.peer is not None:
            raise Refused("a box speaks for a professional by token exchange")
        assertion = await self._believe(request.grant.assertion, client)
        scopes = grant_scopes(request.scopes, client, SYSTEM_LEVELS)
        subject = Subject(
            assertion.subject,
            client.client_id,
            scopes,
            connection.certificate_der,
            ihe_iua=assertion.ihe_iua,
        )
        return GrantedToken(self.tokens.issue(subject), scopes, subject=assertion.subject)

    async def _believe(self, text: str, client: RegisteredClient) -> Assertion:
        authenticate = self.authenticate_client
        try:
            assertion = parse_assertion(
                text,
                client.keys,
                issuer=client.client_id,
                audiences=authenticate.audiences,
                now=authenticate.clock.now(),
            )
            await authenticate.use_once(
                client.client_id, assertion.identifier, assertion.expires_at
            )
        except (NotAuthenticated, Conflict) as error:
            raise Mismatch(f"assertion: {error}") from error
        return assertion
