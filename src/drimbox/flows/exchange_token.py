"""Another box brings a professional's own token and gets one of ours (RFC 8693, ITI-71).

    box known by its certificate -> token introspected at Pro Santé Connect (SO.33) -> profession
    (SO.34) -> the box says, signed, that the patient is informed and not opposed -> our token,
    bound to that certificate, naming professional, place, purpose, consent and acting box

The Consommatrice collected the consent, so it is the Consommatrice that says it, in the actor
token; without one the token says no consent, and opens no images here (O10).
"""

from dataclasses import dataclass

from drimbox.errors import (
    Conflict,
    ConsentMissing,
    InvalidValue,
    MalformedMessage,
    NotAuthenticated,
    Refused,
)
from drimbox.flows.authenticate_client import AuthenticateClient, RegisteredClient
from drimbox.flows.get_access_token import Connection, GrantedToken, grant_scopes
from drimbox.flows.issue_token import Subject, TokenIssuer
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.model.access import Peer
from drimbox.model.consent import check_may_consult
from drimbox.model.practice import Professional, Structure
from drimbox.model.scopes import SYSTEM_LEVELS
from drimbox.standards.iua.assertion import Assertion, parse_assertion
from drimbox.standards.iua.iti71_get_access_token import ExchangeGrant, TokenRequest
from drimbox.standards.iua.jwks import keys_of_certificate


@dataclass(frozen=True, slots=True)
class CheckSubject:
    """Whose token is brought, and whether that profession may see images."""

    know_professional: KnowProfessional
    allowed_professions: frozenset[str]

    async def __call__(self, subject_token: str) -> Professional:
        """Return the professional.

        Raises:
            InvalidValue: what is "subject_token" (RFC 8693 2.2.2: invalid_request, whatever it is).
            Unavailable: Pro Santé Connect does not answer.
        """
        try:
            professional = await self.know_professional(subject_token)
        except NotAuthenticated as error:
            raise InvalidValue("subject_token", "a live token of Pro Santé Connect") from error
        if professional.profession_code not in self.allowed_professions:
            raise InvalidValue("subject_token", "of a profession that may see images")
        return professional


@dataclass(frozen=True, slots=True)
class ExchangeForPeer:
    authenticate_client: AuthenticateClient
    tokens: TokenIssuer
    check_subject: CheckSubject

    async def __call__(
        self, client: RegisteredClient, request: TokenRequest, connection: Connection
    ) -> GrantedToken:
        """See GrantFlow."""
        grant, peer, certificate = request.grant, client.peer, connection.certificate_der
        if not isinstance(grant, ExchangeGrant) or peer is None or certificate is None:
            raise Refused("boxes of the white list exchange tokens here")
        scopes = grant_scopes(request.scopes, client, SYSTEM_LEVELS)
        professional = await self.check_subject(grant.subject_token)
        actor = await self._believe(grant.actor_token, peer, certificate)
        subject = Subject(
            professional.national_id,
            client.client_id,
            scopes,
            certificate,
            actor=peer.db_host,
            professional=professional,
            structure=_place_of(actor, professional),
            consent=actor.consent if actor else None,
        )
        return GrantedToken(
            self.tokens.issue(subject), scopes, professional, consent=subject.consent
        )

    async def _believe(
        self, actor_token: str | None, peer: Peer, certificate_der: bytes
    ) -> Assertion | None:
        """Return what the acting box says, signed with the key of its own certificate.

        Raises:
            InvalidValue: what is "actor_token": another's, served before, or of a patient whom
                nobody may consult.
        """
        if actor_token is None:
            return None
        authenticate = self.authenticate_client
        try:
            actor = parse_assertion(
                actor_token,
                keys_of_certificate(certificate_der),
                issuer=peer.db_host,
                audiences=authenticate.audiences,
                now=authenticate.clock.now(),
            )
            await authenticate.use_once(peer.db_host, actor.identifier, actor.expires_at)
        except (NotAuthenticated, MalformedMessage, Conflict) as error:
            raise InvalidValue("actor_token", "signed by this box, for us, once") from error
        if actor.subject != peer.db_host:
            raise InvalidValue("actor_token", "of this very box")
        try:
            if actor.consent is not None:
                check_may_consult(actor.consent)
        except ConsentMissing as error:
            raise InvalidValue("actor_token", "a consent that lets consult") from error
        return actor


def _place_of(actor: Assertion | None, professional: Professional) -> Structure | None:
    """Return where the professional consults: what the box says, else the first activity."""
    said = actor.ihe_iua if actor is not None else None
    if said is not None and said.subject_organization_id is not None:
        return Structure(said.subject_organization_id, said.subject_organization or "")
    return professional.activities[0].structure if professional.activities else None
