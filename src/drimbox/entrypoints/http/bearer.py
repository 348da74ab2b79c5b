"""Who calls: from a token, a session cookie or a peer's certificate to a Caller (ITI-72, RFC 6750).

    browser listener   Authorization: Bearer, else the session cookie
    peer listener      certificate on the white list (403), then Authorization: Bearer (401)

    token with our issuer         verified here      client of the site, a context, or another box
                                                     for a professional and with a consent
    token of Pro Santé Connect    introspected       a professional
    any other                     401 invalid_token

No credential: 401 with a bare challenge. A credential that does not hold: 401 invalid_token. A
right that is missing: 403, told by the flow that knows it. Tokens in a query or a form are never
read.
"""

import re
from dataclasses import dataclass, replace

from starlette.requests import Request

from drimbox.entrypoints.http.hardened import client_certificate
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.errors import MalformedMessage, NotAuthenticated, NotFound, Refused
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.issue_token import CONTEXT_SCOPES, TokenIssuer, professional_of
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.model.access import Caller, CallerKind, ConsultationContext, Peer
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.session import Session
from drimbox.ports.clock import Clock
from drimbox.ports.identity_provider import TokenIntrospection
from drimbox.ports.session_store import ContextStore
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.standards.iua.access_token import AccessToken

MAX_TOKEN_LENGTH = 8192
CONTEXT_HEADER = "drimbox-context"
# b64token of RFC 6750 2.1.
_BEARER = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ProfessionalTokens:
    """Callers by their Pro Santé Connect tokens."""

    issuer: str
    introspection: TokenIntrospection

    async def caller_of(self, token: str, kind: CallerKind) -> Caller:
        """Return the professional whose live token this is.

        Raises:
            NotAuthenticated: not live (invalid_token).
            Unavailable: Pro Santé Connect does not answer.
        """
        professional = await KnowProfessional(self.issuer, self.introspection)(token)
        return Caller(
            kind=kind,
            subject=professional.national_id,
            professional=professional,
            access_token=token,
        )


@dataclass(frozen=True, slots=True)
class BrowserAuthentication:
    """Who calls the browser listener."""

    tokens: TokenIssuer
    professional_tokens: ProfessionalTokens
    contexts: ContextStore
    use_session: UseSession
    cookies: BrowserCookies
    clock: Clock

    async def __call__(self, request: Request) -> Caller:
        """Return the caller.

        A cookie's context is the one named by the path parameter `context`, or by the header
        Drimbox-Context, else the session's only one; with several and none named there is none.

        Raises:
            NotAuthenticated: no credential, or one that does not hold.
            MalformedMessage: several Authorization headers.
            Unavailable: the provider does not answer.
        """
        token = bearer_token(request)
        if token is None:
            return await self._caller_of_cookie(request)
        if not self.tokens.claims_to_be_ours(token):
            return await self.professional_tokens.caller_of(token, CallerKind.PROFESSIONAL)
        own = self.tokens.read(token)
        if own.context is None:
            return _system_caller(own)
        return await self._caller_of_context(own, own.context)

    async def session_of(self, request: Request) -> Session:
        """Return the browser's live session, for pages.

        Raises:
            NotAuthenticated: no cookie, or a session that is over.
        """
        identifier = self.cookies.session_of(request)
        if identifier is None:
            raise NotAuthenticated("no session cookie")
        return await self.use_session(identifier)

    async def _caller_of_cookie(self, request: Request) -> Caller:
        session = await self.session_of(request)
        context = await self._context_of_cookie(request, session)
        return Caller(
            kind=CallerKind.PROFESSIONAL,
            subject=session.professional.national_id,
            scopes=CONTEXT_SCOPES,
            context=context,
            professional=session.professional,
            access_token=session.access_token,
        )

    async def _context_of_cookie(
        self, request: Request, session: Session
    ) -> ConsultationContext | None:
        named = request.path_params.get("context") or request.headers.get(CONTEXT_HEADER)
        if named is not None and named not in session.context_ids:
            raise NotFound("no such context in this session")
        candidates = session.context_ids if named is None else (named,)
        live = [c for c in [await self._find_context(i) for i in candidates] if c is not None]
        if named is not None and not live:
            raise NotFound("the context is over")
        return live[0] if len(live) == 1 else None

    async def _find_context(self, identifier: str) -> ConsultationContext | None:
        try:
            return await self.contexts.get(identifier, self.clock.now())
        except NotFound:
            return None

    async def _caller_of_context(self, token: AccessToken, identifier: str) -> Caller:
        context = await self._find_context(identifier)
        owner = context.professional if context is not None else None
        if context is None or owner is None or owner.national_id != token.subject:
            raise NotAuthenticated("the context of this token is over", error="invalid_token")
        return Caller(
            kind=CallerKind.PROFESSIONAL,
            subject=token.subject,
            scopes=token.scopes,
            context=context,
            professional=owner,
            access_token=await self._access_token_of(context),
        )

    async def _access_token_of(self, context: ConsultationContext) -> str | None:
        """Return what to hand to Source boxes: a program's own token, else that of the session.

        Raises:
            NotAuthenticated: the session that allowed the application is over (invalid_token).
        """
        if context.session_identifier is None:
            return context.access_token
        try:
            return (await self.use_session(context.session_identifier)).access_token
        except NotAuthenticated as error:
            if context.access_token is not None:
                return context.access_token
            raise NotAuthenticated(str(error), error="invalid_token") from error


@dataclass(frozen=True, slots=True)
class PeerAuthentication:
    """Who calls the peer listener: a box of the white list, for a professional or for itself."""

    tokens: TokenIssuer
    professional_tokens: ProfessionalTokens
    trusted_space: TrustedSpace

    async def __call__(self, request: Request) -> Caller:
        """Return the caller, its peer always set.

        Raises:
            Refused: the certificate's subject is not on the white list (before any token is read).
            NotAuthenticated: no token, or one that does not hold.
            Unavailable: no verified white list, or the provider does not answer.
        """
        certificate = client_certificate(request.scope)
        if certificate is None:
            raise Refused("no client certificate")
        peer = self.trusted_space.check_peer_certificate(certificate)
        token = bearer_token(request)
        if token is None:
            raise NotAuthenticated("no bearer token")
        if self.tokens.claims_to_be_ours(token):
            caller = _peer_caller(self.tokens.read(token, certificate), peer)
        else:
            caller = await self.professional_tokens.caller_of(token, CallerKind.PEER)
        return replace(caller, peer=peer)


def bearer_token(request: Request) -> str | None:
    """Return the token of the Authorization header, None where there is no such header.

    Raises:
        MalformedMessage: the header comes twice (RFC 6750 3.1, invalid_request).
        NotAuthenticated: another scheme, or what is no token.
    """
    headers = request.headers.getlist("authorization")
    if not headers:
        return None
    if len(headers) > 1:
        raise MalformedMessage("comes twice", where="Authorization")
    if not headers[0][:7].lower() == "bearer ":
        raise NotAuthenticated("another scheme than Bearer")
    match = _BEARER.match(headers[0]) if len(headers[0]) <= MAX_TOKEN_LENGTH else None
    if match is None:
        raise NotAuthenticated("not a bearer token", error="invalid_token")
    return match[1]


def _system_caller(token: AccessToken) -> Caller:
    return Caller(kind=CallerKind.SYSTEM, subject=token.subject, scopes=token.scopes)


def _peer_caller(token: AccessToken, peer: Peer) -> Caller:
    """Return who calls by a token of ours, which the certificate has been compared with.

    Raises:
        NotAuthenticated: a token that is bound to no certificate, or to another box by name.
    """
    if token.certificate_thumbprint is None:
        raise NotAuthenticated("a token without its certificate", error="invalid_token")
    if token.actor is None:
        return _system_caller(token)
    if token.actor != peer.db_host:
        raise NotAuthenticated("a token of another box", error="invalid_token")
    return Caller(
        kind=CallerKind.PEER,
        subject=token.subject,
        scopes=token.scopes,
        professional=professional_of(token),
        # Nothing said is not collected: only the Consommatrice can know (O10).
        consent=token.consent or InformationEtOppositionConsultation.NOT_COLLECTED,
    )
