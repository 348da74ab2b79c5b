"""Introspect Token, ITI-102: what a token of ours is worth here (RFC 7662)."""

from dataclasses import dataclass

from drimbox.errors import NotAuthenticated, NotFound
from drimbox.flows.authenticate_client import AuthenticateClient
from drimbox.flows.issue_token import TokenIssuer
from drimbox.ports.session_store import ContextStore
from drimbox.standards.iua.access_token import AccessToken
from drimbox.standards.iua.iti102_introspect_token import IntrospectionRequest


@dataclass(frozen=True, slots=True)
class IntrospectToken:
    """A token of a context is worth nothing once that is over."""

    authenticate_client: AuthenticateClient
    tokens: TokenIssuer
    contexts: ContextStore

    async def __call__(
        self, request: IntrospectionRequest, certificate_der: bytes | None = None
    ) -> AccessToken | None:
        """Return the live token, None where it is worth nothing here.

        Binding is the asker's to check: cnf is in the answer.

        Raises:
            NotAuthenticated: invalid_client.
        """
        await self.authenticate_client(request.credentials, certificate_der)
        try:
            token = self.tokens.read_unbound(request.token)
            if token.context is not None:
                await self.contexts.get(token.context, self.tokens.clock.now())
        except (NotAuthenticated, NotFound):
            return None
        return token
