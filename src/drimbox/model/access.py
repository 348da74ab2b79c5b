"""Who asks, and by what right: peers of the white list, callers, scopes, tokens."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from drimbox.model.consent import InformationEtOppositionConsultation
from drimbox.model.patient import LocalPatientId, PatientTraits
from drimbox.model.practice import Professional, Situation
from drimbox.model.search_criteria import EVERY_EXAM, SearchCriteria
from drimbox.model.uids import StudyInstanceUid


@dataclass(frozen=True, slots=True)
class Peer:
    """A Domaine of the white list: one DRIMbox.

    db_host and vi_host are lower-case FQDNs; operator_dn is DNCertificatOperateur as printed.
    """

    identifier: str
    db_host: str
    vi_host: str
    name: str
    operator_dn: str


class CallerKind(Enum):
    """How the caller proved who it is."""

    PROFESSIONAL = "professional"  # a session or a token bound to one context
    PEER = "peer"  # another DRIMbox: client certificate and a professional's token
    SYSTEM = "system"  # a FHIR client of the site by client_credentials


@dataclass(frozen=True, slots=True)
class ConsultationContext:
    """What a contextual call opened, bound to one professional once signed in.

    identifier is random (256 bits, urlsafe). professional is None until the sign-in; access_token
    is the professional's own Pro Santé Connect token where a program made the call with one (a
    browser's is in its session), to hand to Source boxes. criteria are those of the call.
    session_identifier is the session in which an application was allowed to see this patient: its
    access token is handed to Source boxes, and the application's access ends with it.
    """

    identifier: str
    patient: PatientTraits
    local_patient_id: LocalPatientId
    consent: InformationEtOppositionConsultation
    created_at: datetime
    expires_at: datetime
    situation: Situation | None = None
    professional: Professional | None = None
    access_token: str | None = None
    criteria: SearchCriteria = EVERY_EXAM
    session_identifier: str | None = None

    def __repr__(self) -> str:
        return "ConsultationContext()"


@dataclass(frozen=True, slots=True)
class Caller:
    """One authenticated caller of one request.

    scopes are the OAuth scope words; studies, when not None, is all the caller may see.
    access_token is the professional's own token, to hand to Source boxes; never logged. consent is
    what a token of ours says of it, None where the token is none of ours.
    """

    kind: CallerKind
    subject: str
    scopes: frozenset[str] = frozenset()
    context: ConsultationContext | None = None
    professional: Professional | None = None
    peer: Peer | None = None
    studies: frozenset[StudyInstanceUid] | None = None
    access_token: str | None = None
    consent: InformationEtOppositionConsultation | None = None

    def __repr__(self) -> str:
        return f"Caller({self.kind.value})"
