"""The access tokens of one listener: signed for whom, saying what, and read back (RFC 9068).

The issuer is the listener's base URL, and the only audience. Grants and the contextual call ask for
tokens here; bearers are read here.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from drimbox.errors import Refused
from drimbox.model.access import ConsultationContext
from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.practice import Activity, Code, Professional, Structure
from drimbox.ports.clock import Clock, Identifiers
from drimbox.standards.iua.access_token import (
    AccessToken,
    VerifiedTokens,
    check_binding,
    encode_access_token,
    thumbprint,
)
from drimbox.standards.iua.iua_extensions import NORMAL_ACCESS, IheIua
from drimbox.standards.iua.jwks import PublicKeys, SigningKey
from drimbox.standards.iua.signed_token import peek_issuer

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
class Subject:
    """For whom a token is signed and what it will say of it; see AccessToken."""

    identifier: str
    client_id: str
    scopes: frozenset[str]
    certificate_der: bytes | None = None
    actor: str | None = None
    professional: Professional | None = None
    structure: Structure | None = None
    ihe_iua: IheIua | None = None
    consent: InformationEtOppositionConsultation | None = None

    def __repr__(self) -> str:
        return "Subject()"


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Signs the access tokens of one listener and reads them back.

    signing_key is the newest; other_keys verify too: those of before, and the one to come.
    """

    issuer: str
    signing_key: SigningKey
    clock: Clock
    identifiers: Identifiers
    client_token_lifetime: timedelta = timedelta(minutes=5)
    context_token_lifetime: timedelta = timedelta(minutes=20)
    other_keys: PublicKeys = field(default_factory=PublicKeys)
    _verified: VerifiedTokens = field(
        default_factory=VerifiedTokens, init=False, repr=False, compare=False
    )

    @property
    def keys(self) -> PublicKeys:
        """Return every key that verifies a token of ours, for all to know (ITI-103, jwks_uri)."""
        return self.signing_key.public.joined(self.other_keys)

    def issue_client_token(
        self, client_id: str, scopes: frozenset[str], certificate_der: bytes | None
    ) -> IssuedToken:
        """Sign a token for a client, bound to its certificate where it presented one."""
        return self.issue(Subject(client_id, client_id, scopes, certificate_der))

    def issue(self, subject: Subject) -> IssuedToken:
        """Sign a token that lives as long as a client's."""
        return self._sign(subject, self.clock.now() + self.client_token_lifetime)

    def issue_context_token(
        self,
        context: ConsultationContext,
        *,
        client_id: str = CONTEXT_CLIENT_ID,
        scopes: frozenset[str] = CONTEXT_SCOPES,
    ) -> IssuedToken:
        """Sign a token bound to a context and its professional; it does not outlive the context.

        Raises:
            Refused: the context has no professional yet, or is over.
        """
        professional = context.professional
        if professional is None:
            raise Refused("a context without a professional gets no token")
        now = self.clock.now()
        expires_at = min(now + self.context_token_lifetime, context.expires_at)
        if expires_at <= now:
            raise Refused("the context is over")
        subject = Subject(
            professional.national_id,
            client_id,
            scopes,
            professional=professional,
            structure=_structure_of(context, professional),
            consent=context.consent,
        )
        return self._sign(subject, expires_at, context.identifier)

    def read(self, text: str, certificate_der: bytes | None = None) -> AccessToken:
        """Return one of our tokens, live, presented by whom it is bound to.

        Raises:
            NotAuthenticated: anything else (invalid_token).
        """
        token = self.read_unbound(text)
        check_binding(token, certificate_der)
        return token

    def read_unbound(self, text: str) -> AccessToken:
        """Return one of our tokens, live, whoever presents it: to tell about it (ITI-102).

        Raises:
            NotAuthenticated: anything else (invalid_token).
        """
        return self._verified.parse(
            text, self.keys, issuer=self.issuer, audience=self.issuer, now=self.clock.now()
        )

    def claims_to_be_ours(self, text: str) -> bool:
        """Tell whether a token names this issuer; whether it is one of ours, `read` tells."""
        return text in self._verified or peek_issuer(text) == self.issuer

    def _sign(
        self, subject: Subject, expires_at: datetime, context: str | None = None
    ) -> IssuedToken:
        now = self.clock.now()
        professional, certificate = subject.professional, subject.certificate_der
        token = AccessToken(
            issuer=self.issuer,
            subject=subject.identifier,
            client_id=subject.client_id,
            audience=self.issuer,
            scopes=subject.scopes,
            identifier=self.identifiers.new_secret(),
            issued_at=now,
            expires_at=expires_at,
            context=context,
            certificate_thumbprint=thumbprint(certificate) if certificate else None,
            ihe_iua=_ihe_iua(subject),
            consent=subject.consent,
            actor=subject.actor,
            family_name=professional.family_name or None if professional else None,
            given_name=professional.given_name or None if professional else None,
        )
        seconds = int((expires_at - now).total_seconds())
        return IssuedToken(encode_access_token(token, self.signing_key), seconds)


def professional_of(token: AccessToken) -> Professional:
    """Return the professional that a token of ours was signed for."""
    said = token.ihe_iua
    roles = said.subject_role if said is not None else ()
    places: tuple[Activity, ...] = ()
    if said is not None and said.subject_organization_id is not None:
        place = Structure(said.subject_organization_id, said.subject_organization or "")
        places = (Activity(place, ""),)
    return Professional(
        national_id=token.subject,
        family_name=token.family_name or "",
        given_name=token.given_name or "",
        profession_code=next((c.value for c in roles if str(c.system) == _PROFESSIONS), ""),
        speciality_code=None,
        activities=places,
        authenticated_at=token.issued_at,
    )


def _structure_of(context: ConsultationContext, professional: Professional) -> Structure | None:
    """Return where the professional consults: the context's situation, else the first activity."""
    places = [activity.structure for activity in professional.activities]
    situation = context.situation
    if situation is None:
        return places[0] if places else None
    named = (place for place in places if place.identifier == situation.value)
    return next(named, Structure(situation.value, ""))


def _ihe_iua(subject: Subject) -> IheIua | None:
    professional, place = subject.professional, subject.structure
    if professional is None:
        return subject.ihe_iua
    profession = professional.profession_code
    return IheIua(
        subject_name=f"{professional.given_name} {professional.family_name}".strip()
        or professional.national_id,
        subject_organization=place.name or None if place else None,
        subject_organization_id=place.identifier if place else None,
        subject_role=(Code(profession, _PROFESSIONS),) if profession else (),
        purpose_of_use=(NORMAL_ACCESS,),
        national_provider_identifier=professional.national_id,
    )
