"""A professional lets an application see what the professional may see (SMART App Launch 2.2).

client and redirect_uri, registered -> signed-in professional -> the patient: the launch of the
contextual call, else one open in this session -> scopes, no more than registered
-> the professional says yes, which confirms the patient too (O8) -> code, for one minute

code, once, with the verifier and the redirect_uri it was asked with -> token of that context
"""

import hmac
from dataclasses import dataclass, replace
from datetime import timedelta

from drimbox.errors import InvalidValue, Mismatch, NotFound, Refused
from drimbox.flows.authenticate_client import RegisteredClient
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.sign_in import code_challenge
from drimbox.flows.get_access_token import Connection, GetAccessToken, GrantedToken
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.access import ConsultationContext
from drimbox.model.authorization import AuthorizationCode
from drimbox.model.consent import check_may_consult
from drimbox.model.scopes import APPLICATION_LEVELS, LAUNCH_WORDS, narrow
from drimbox.model.session import Session
from drimbox.ports.authorization_codes import AuthorizationCodes
from drimbox.ports.clock import Clock, Identifiers
from drimbox.ports.session_store import ContextStore
from drimbox.standards.iua.authorization_request import AnswerAddress, AuthorizationRequest
from drimbox.standards.iua.iti71_get_access_token import CodeGrant, TokenRequest

CODE_LIFETIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the professional is asked: may this client, with these scopes, see this patient?

    contexts are those to choose from: one where the calling software launched the application.
    """

    client: RegisteredClient
    scopes: frozenset[str]
    contexts: tuple[ConsultationContext, ...]


@dataclass(frozen=True, slots=True)
class AuthorizeApplication:
    """get_access_token knows the clients, and what addresses are of this server."""

    get_access_token: GetAccessToken
    confirm_patient: ConfirmPatient
    contexts: ContextStore
    codes: AuthorizationCodes
    clock: Clock
    identifiers: Identifiers

    def get_client(self, address: AnswerAddress) -> RegisteredClient:
        """Return the client that asks, its redirect_uri registered character for character.

        Raises:
            NotFound: no such client, or not with this address: nothing may be sent there.
        """
        client = self.get_access_token.authenticate_client.clients.get(address.client_id)
        if client is None or address.redirect_uri not in client.redirect_uris:
            raise NotFound("no such application, or not with this address")
        return client

    async def propose(
        self, client: RegisteredClient, request: AuthorizationRequest, session: Session
    ) -> Proposal:
        """Return what to ask the professional.

        Raises:
            InvalidValue: what is "scope", "resource" or "launch".
            Refused: no patient is open in this session.
            ConsentMissing: the patient launched for may not be consulted.
        """
        self.get_access_token.check_resources(request.resources)
        scopes = narrow(request.scopes, client.scopes, APPLICATION_LEVELS)
        if not scopes - LAUNCH_WORDS:
            raise InvalidValue("scope", "what this application may have")
        if request.launch is None:
            return Proposal(client, scopes, await self._open_in(session))
        try:
            context = await self.confirm_patient.get_unconfirmed(session, request.launch)
        except NotFound as error:
            raise InvalidValue("launch", "a context of this professional") from error
        check_may_consult(context.consent)
        return Proposal(client, scopes, (context,))

    async def allow(
        self, proposal: Proposal, request: AuthorizationRequest, session: Session, context: str
    ) -> AuthorizationCode:
        """Return a code: the professional has said yes for one of the contexts proposed.

        Raises:
            InvalidValue: what is "launch": not one of them.
        """
        if context not in {proposed.identifier for proposed in proposal.contexts}:
            raise InvalidValue("launch", "one of the patients proposed")
        confirmed = await self.confirm_patient(session, context)
        # The application sees what this session may see, and no longer than it lasts.
        await self.contexts.bind(replace(confirmed, session_identifier=session.identifier))
        code = AuthorizationCode(
            code=self.identifiers.new_secret(),
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            scopes=tuple(sorted(proposal.scopes)),
            context=context,
            expires_at=self.clock.now() + CODE_LIFETIME,
        )
        await self.codes.add(code)
        return code

    async def _open_in(self, session: Session) -> tuple[ConsultationContext, ...]:
        """Return the contexts confirmed in this session that may be consulted, latest first."""
        found = []
        for identifier in reversed(session.context_ids):
            try:
                context = await self.confirm_patient.get_confirmed(session, identifier)
            except NotFound:
                continue
            if context.consent.allows_consultation:
                found.append(context)
        if not found:
            raise Refused("no patient is open in this session")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """authorization_code at the token endpoint."""

    tokens: TokenIssuer
    codes: AuthorizationCodes
    contexts: ContextStore

    async def __call__(
        self, client: RegisteredClient, request: TokenRequest, connection: Connection
    ) -> GrantedToken:
        """See GrantFlow."""
        del connection
        if not isinstance(request.grant, CodeGrant):
            raise Refused("a code is redeemed here")
        code = await self._take(request.grant, client)
        try:
            context = await self.contexts.get(code.context, self.tokens.clock.now())
        except NotFound as error:
            raise Mismatch("code: its context is over") from error
        scopes = frozenset(code.scopes)
        issued = self.tokens.issue_context_token(context, client_id=client.client_id, scopes=scopes)
        return GrantedToken(issued, scopes, context.professional, context, context.consent)

    async def _take(self, grant: CodeGrant, client: RegisteredClient) -> AuthorizationCode:
        """Return the code, used up whatever comes of it (RFC 6749 4.1.2).

        Raises:
            Mismatch: unknown, over, or not this client's, this address's, this verifier's.
        """
        try:
            code = await self.codes.take(grant.code, self.tokens.clock.now())
        except NotFound as error:
            raise Mismatch("code: unknown, over, or used") from error
        challenge = code_challenge(grant.code_verifier)
        is_same = (code.client_id, code.redirect_uri) == (client.client_id, grant.redirect_uri)
        if not is_same or not hmac.compare_digest(code.code_challenge, challenge):
            raise Mismatch("code: of another request")
        return code
