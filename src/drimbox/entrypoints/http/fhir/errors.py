"""What the FHIR door answers to each error: an OperationOutcome, always (spec 4.6, 4.7).

Texts are for people, in French, and never quote what the caller or a partner sent.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.fhir.formats import Format, format_of, resource_response
from drimbox.entrypoints.http.problems import problem_headers
from drimbox.entrypoints.http.request_limit import TooManyRequests
from drimbox.errors import (
    Conflict,
    ConsentMissing,
    DrimboxError,
    InvalidValue,
    MalformedMessage,
    Mismatch,
    NotAcceptable,
    NotAuthenticated,
    NotFound,
    Refused,
    RejectedByPartner,
    SettingsError,
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedMessage,
    row_of,
)
from drimbox.flows.fhir_service import UnknownDomain
from drimbox.flows.read_fhir import DocumentGone
from drimbox.model.contextual_call import MalformedCall
from drimbox.model.scopes import ScopeMissing
from drimbox.ports.dmp import (
    DmpAtFault,
    DmpForbids,
    DmpMisunderstands,
    DmpRefusesUser,
    DocumentAbsent,
    DocumentAltered,
    TooManyDocuments,
)
from drimbox.standards.fhir.operation_outcome import Issue, Severity, encode_outcome
from drimbox.standards.fhir.search import InvalidSearch
from drimbox.standards.fhir.search_page import PageExpired
from drimbox.standards.iua.access_token import TokenExpired


class FhirAnswer(NamedTuple):
    """Status, issue type of FHIR, our own code, and the text."""

    status: HTTPStatus
    kind: str
    code: str
    text: str
    severity: Severity = Severity.ERROR


FHIR_ANSWER_TO: Mapping[type[DrimboxError], FhirAnswer] = MappingProxyType(
    {
        InvalidValue: FhirAnswer(
            HTTPStatus.BAD_REQUEST, "invalid", "invalid-value", "Une valeur n'est pas admise."
        ),
        MalformedMessage: FhirAnswer(
            HTTPStatus.BAD_REQUEST, "structure", "malformed", "La demande est mal formée."
        ),
        UnsupportedMessage: FhirAnswer(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            "unsupported-content",
            "Ce type de contenu n'est pas accepté.",
        ),
        TooLarge: FhirAnswer(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-long",
            "too-large",
            "La demande est trop volumineuse.",
        ),
        NotAcceptable: FhirAnswer(
            HTTPStatus.NOT_ACCEPTABLE,
            "not-supported",
            "not-acceptable",
            "Aucun des formats acceptés (Accept, _format) ne peut être fourni.",
        ),
        NotFound: FhirAnswer(
            HTTPStatus.NOT_FOUND,
            "not-found",
            "not-found",
            "Cette ressource n'existe pas, ou n'est pas accessible.",
        ),
        UnknownDomain: FhirAnswer(
            HTTPStatus.NOT_FOUND,
            "code-invalid",
            "unknown-domain",
            "Aucun identifiant de ce domaine (system) n'est connu ici.",
        ),
        DocumentGone: FhirAnswer(
            HTTPStatus.GONE, "deleted", "document-gone", "Ce document a été remplacé ou retiré."
        ),
        DocumentAbsent: FhirAnswer(
            HTTPStatus.NOT_FOUND,
            "not-found",
            "document-absent",
            "Le DMP annonce ce document, mais ne le détient plus ou ne le montre pas.",
        ),
        DocumentAltered: FhirAnswer(
            HTTPStatus.BAD_GATEWAY,
            "exception",
            "document-altered",
            "Document altéré : le DMP donne autre chose que ce qu'il annonce, ou d'illisible.",
        ),
        PageExpired: FhirAnswer(
            HTTPStatus.GONE,
            "expired",
            "page-expired",
            "Cette page a expiré : refaites la recherche.",
        ),
        NotAuthenticated: FhirAnswer(
            HTTPStatus.UNAUTHORIZED, "login", "not-authenticated", "Jeton absent, ou sans valeur."
        ),
        TokenExpired: FhirAnswer(
            HTTPStatus.UNAUTHORIZED,
            "expired",
            "token-expired",
            "Le jeton a expiré : demandez-en un autre.",
        ),
        Refused: FhirAnswer(
            HTTPStatus.FORBIDDEN, "forbidden", "refused", "Ce droit manque à l'appelant."
        ),
        ScopeMissing: FhirAnswer(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            "insufficient-scope",
            "Le jeton ne donne pas ce droit (scope).",
        ),
        TooManyRequests: FhirAnswer(
            HTTPStatus.TOO_MANY_REQUESTS,
            "throttled",
            "too-many-requests",
            "Trop de demandes en peu de temps : réessayez un peu plus tard.",
        ),
        ConsentMissing: FhirAnswer(
            HTTPStatus.FORBIDDEN,
            "forbidden",
            "consent-missing",
            "Le patient est opposé à la consultation, ou n'a pas été interrogé.",
        ),
        Mismatch: FhirAnswer(
            HTTPStatus.CONFLICT, "conflict", "mismatch", "Deux sources ne concordent pas."
        ),
        Conflict: FhirAnswer(
            HTTPStatus.CONFLICT, "conflict", "conflict", "L'état a changé entre-temps."
        ),
        Unavailable: FhirAnswer(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "transient",
            "partner-unavailable",
            "Un service distant ne répond pas ; réessayez dans un instant.",
        ),
        TimedOut: FhirAnswer(
            HTTPStatus.GATEWAY_TIMEOUT,
            "timeout",
            "partner-timeout",
            "Un service distant n'a pas répondu à temps.",
        ),
        DmpAtFault: FhirAnswer(
            HTTPStatus.BAD_GATEWAY, "exception", "partner-failed", "Le DMP est en erreur."
        ),
        DmpRefusesUser: FhirAnswer(
            HTTPStatus.UNAUTHORIZED,
            "login",
            "partner-refused-user",
            "Le DMP n'accepte pas cette identité, ou la session a expiré : reconnectez-vous.",
        ),
        DmpForbids: FhirAnswer(
            HTTPStatus.FORBIDDEN, "forbidden", "partner-forbids", "Le DMP ne permet pas cet accès."
        ),
        TooManyDocuments: FhirAnswer(
            HTTPStatus.BAD_REQUEST,
            "too-costly",
            "too-many-documents",
            "Le DMP a trop de documents pour cette demande : affinez la recherche.",
        ),
        DmpMisunderstands: FhirAnswer(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "exception",
            "internal",
            "Erreur interne : le DMP ne comprend pas la demande de cette DRIMbox.",
            Severity.FATAL,
        ),
        RejectedByPartner: FhirAnswer(
            HTTPStatus.BAD_GATEWAY,
            "exception",
            "partner-refused",
            "Un service distant a refusé la demande.",
        ),
        SettingsError: FhirAnswer(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "exception",
            "internal",
            "Erreur interne.",
            Severity.FATAL,
        ),
        DrimboxError: FhirAnswer(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "exception",
            "internal",
            "Erreur interne.",
            Severity.FATAL,
        ),
    }
)
# Rules of Tableau 1 whose words are not those of a Patient resource.
_RULES_OF_FHIR: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Patient.gender": {"M ou F": "male ou female"},
        "Patient.birthDate": {
            "AAAAMMJJ, mois ou jour 00 si inconnu": "AAAA-MM-JJ, AAAA-MM ou AAAA",
        },
    }
)
METHOD_NOT_ALLOWED = FhirAnswer(
    HTTPStatus.METHOD_NOT_ALLOWED,
    "not-supported",
    "method-not-allowed",
    "Cette interaction n'existe pas ici : voir /fhir/metadata.",
)
# R4 3.1.0.14: a resource type or an interaction that this server has not, rather than an id.
NOT_SUPPORTED = FhirAnswer(
    HTTPStatus.NOT_FOUND,
    "not-supported",
    "not-supported",
    "Ce type de ressource ou cette interaction n'existe pas ici : voir /fhir/metadata.",
)
# RFC 6750 3.1: what a 403 says to a client whose token lacks the scope.
_INSUFFICIENT = 'Bearer realm="drimbox", error="insufficient_scope"'
_SIGN_IN_ANEW = 'Bearer realm="drimbox", error="invalid_token"'


def fhir_error(request: Request, error: DrimboxError) -> Response:
    """Answer an error by this door's table."""
    answer = answer_to(error)
    headers = problem_headers(error)
    if isinstance(error, ScopeMissing):
        headers["WWW-Authenticate"] = _INSUFFICIENT
    if isinstance(error, DmpRefusesUser):
        # A token of another sign-in may be accepted (RFC 9110 15.5.2: a 401 says how).
        headers["WWW-Authenticate"] = _SIGN_IN_ANEW
    return outcome_response(request, answer.status, _issues(error, answer), headers)


def no_such_interaction(
    request: Request, status: HTTPStatus, headers: Mapping[str, str]
) -> Response:
    """Answer what no route takes: no such address (404), or method (405, Allow names those)."""
    answer = NOT_SUPPORTED if status is HTTPStatus.NOT_FOUND else METHOD_NOT_ALLOWED
    issue = Issue(answer.severity, answer.kind, answer.code, answer.text)
    return outcome_response(request, answer.status, (issue,), dict(headers))


def outcome_response(
    request: Request, status: HTTPStatus, issues: tuple[Issue, ...], headers: dict[str, str]
) -> Response:
    try:
        written_as = format_of(request)
    except NotAcceptable:
        written_as = Format.JSON
    return resource_response(encode_outcome(issues), written_as, status, headers)


def answer_to(error: DrimboxError) -> FhirAnswer:
    """Return the answer of the error's class, or of its nearest ancestor in the table."""
    return row_of(FHIR_ANSWER_TO, error)


def _issues(error: DrimboxError, answer: FhirAnswer) -> tuple[Issue, ...]:
    if isinstance(error, InvalidSearch):
        return tuple(
            Issue(
                Severity.ERROR,
                "not-supported" if fault.is_unknown else "invalid",
                "parameter-unknown" if fault.is_unknown else "invalid-value",
                f"{fault.parameter} : {fault.rule}",
                fault.parameter,
            )
            for fault in error.faults
        )
    if isinstance(error, MalformedCall):
        return tuple(
            Issue(
                Severity.ERROR,
                "required" if fault.rule == "obligatoire" else "value",
                "E200",
                _RULES_OF_FHIR.get(fault.parameter or "", {}).get(fault.rule, fault.rule),
                fault.parameter,
            )
            for fault in error.faults
        )
    return (Issue(answer.severity, answer.kind, answer.code, answer.text),)
