"""A program of the site brings a professional's own token for an open context (RFC 8693).

As a contextual call that brings that token, in two steps: the call opens the context, whose
identifier comes back here as `launch`. The patient and the consent are those of the call.
"""

from dataclasses import dataclass, replace

from drimbox.errors import Conflict, ConsentMissing, InvalidValue, NotFound
from drimbox.flows.authenticate_client import RegisteredClient
from drimbox.flows.exchange_token import CheckSubject
from drimbox.flows.get_access_token import Connection, GrantedToken, grant_scopes
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.access import ConsultationContext
from drimbox.model.consent import check_may_consult
from drimbox.model.practice import Professional
from drimbox.model.scopes import APPLICATION_LEVELS
from drimbox.ports.session_store import ContextStore
from drimbox.standards.iua.iti71_get_access_token import ExchangeGrant, TokenRequest


@dataclass(frozen=True, slots=True)
class ExchangeForContext:
    tokens: TokenIssuer
    check_subject: CheckSubject
    contexts: ContextStore

    async def __call__(
        self, client: RegisteredClient, request: TokenRequest, connection: Connection
    ) -> GrantedToken:
        """See GrantFlow."""
        del connection
        grant = request.grant
        if not isinstance(grant, ExchangeGrant) or grant.launch is None:
            raise InvalidValue("launch", "the context of a contextual call")
        if grant.actor_token is not None:
            raise InvalidValue("actor_token", "none: the consent is that of the call")
        scopes = grant_scopes(request.scopes, client, APPLICATION_LEVELS)
        professional = await self.check_subject(grant.subject_token)
        context = await self._bind(grant.launch, professional, grant.subject_token)
        issued = self.tokens.issue_context_token(context, client_id=client.client_id, scopes=scopes)
        return GrantedToken(issued, scopes, professional, context, context.consent)

    async def _bind(
        self, identifier: str, professional: Professional, subject_token: str
    ) -> ConsultationContext:
        """Return the context, now this professional's.

        Raises:
            InvalidValue: what is "launch": unknown, over, another's, or of a patient whom nobody
                may consult.
        """
        try:
            context = await self.contexts.get(identifier, self.tokens.clock.now())
            check_may_consult(context.consent)
            bound = replace(context, professional=professional, access_token=subject_token)
            await self.contexts.bind(bound)
        except (NotFound, Conflict, ConsentMissing) as error:
            raise InvalidValue(
                "launch", "a live context that this professional may consult"
            ) from error
        return bound
