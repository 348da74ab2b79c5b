"""What a person reads where images or a document cannot be shown: one set of words (VI-CO.27).

The viewer's scripts get a word and its sentence as JSON, the page of a document and the list of
exams the sentence in its place. A sentence says what can be done, never what was sent.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drimbox.entrypoints.http.signed_in_pages import SessionEndpoint
from drimbox.errors import (
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
    TimedOut,
    TooLarge,
    Unavailable,
    UnsupportedMessage,
    row_of,
)
from drimbox.flows.consumer.view_study import NoCommonSyntax
from drimbox.model.session import Session
from drimbox.ports.dmp import DmpForbids, DocumentAbsent, DocumentAltered, DocumentUnreadable

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShownFailure:
    """One row: the answer's status, the word of scripts, the sentence of people."""

    status: HTTPStatus
    word: str
    sentence: str


_AWAY = "La DRIMbox ou le service d'origine ne répond pas. Réessayez dans un instant."

SHOWN_FAILURES: Mapping[type[DrimboxError], ShownFailure] = MappingProxyType(
    {
        ConsentMissing: ShownFailure(
            HTTPStatus.FORBIDDEN,
            "consent",
            "Le patient n'a pas donné son accord à la consultation.",
        ),
        Refused: ShownFailure(
            HTTPStatus.FORBIDDEN,
            "not-authorised",
            "Votre profession n'est pas autorisée à consulter ces données.",
        ),
        NotAuthenticated: ShownFailure(
            HTTPStatus.BAD_GATEWAY,
            "token-refused",
            "La DRIMbox d'origine n'a pas accepté votre identification. Reconnectez-vous, puis "
            "réessayez.",
        ),
        NotFound: ShownFailure(
            HTTPStatus.NOT_FOUND,
            "not-found",
            "Ces données ne sont pas, ou ne sont plus, disponibles.",
        ),
        DocumentAbsent: ShownFailure(
            HTTPStatus.NOT_FOUND,
            "document-absent",
            "Le DMP annonce ce document, mais ne le détient plus ou ne vous le montre pas. Il est "
            "inutile de réessayer.",
        ),
        DocumentAltered: ShownFailure(
            HTTPStatus.BAD_GATEWAY,
            "document-altered",
            "Le DMP donne autre chose que le document annoncé : il n'est pas affiché.",
        ),
        DocumentUnreadable: ShownFailure(
            HTTPStatus.BAD_GATEWAY,
            "unreadable",
            "Ce document n'est pas lisible.",
        ),
        DmpForbids: ShownFailure(
            HTTPStatus.FORBIDDEN,
            "not-authorised",
            "Le DMP ne vous permet pas de lire ce document.",
        ),
        NoCommonSyntax: ShownFailure(
            HTTPStatus.NOT_ACCEPTABLE,
            "no-common-syntax",
            "La DRIMbox d'origine n'a ces images dans aucun des formats demandés (syntaxes de "
            "transfert).",
        ),
        NotAcceptable: ShownFailure(
            HTTPStatus.NOT_ACCEPTABLE,
            "not-an-image",
            "Cet objet n'est pas une image, ou son type n'est pas pris en charge.",
        ),
        UnsupportedMessage: ShownFailure(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported",
            "Ce type de document ne peut pas être affiché ici.",
        ),
        Mismatch: ShownFailure(
            HTTPStatus.CONFLICT,
            "other-patient",
            "Ce qui a été reçu porte l'identité d'un autre patient : rien n'est affiché.",
        ),
        MalformedMessage: ShownFailure(
            HTTPStatus.BAD_GATEWAY,
            "unreadable",
            "Ces données ne sont pas lisibles.",
        ),
        TooLarge: ShownFailure(
            HTTPStatus.BAD_GATEWAY,
            "too-large",
            "Ces données sont trop volumineuses pour être affichées.",
        ),
        InvalidValue: ShownFailure(
            HTTPStatus.BAD_REQUEST,
            "bad-request",
            "Cette adresse n'est pas valable. Rouvrez l'examen depuis la liste.",
        ),
        RejectedByPartner: ShownFailure(
            HTTPStatus.BAD_GATEWAY,
            "source-refused",
            "La DRIMbox ou le service d'origine a refusé l'envoi.",
        ),
        TimedOut: ShownFailure(HTTPStatus.GATEWAY_TIMEOUT, "source-unavailable", _AWAY),
        Unavailable: ShownFailure(HTTPStatus.SERVICE_UNAVAILABLE, "source-unavailable", _AWAY),
        DrimboxError: ShownFailure(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            "error",
            "L'affichage n'a pas été possible. Réessayez dans un instant.",
        ),
    }
)


def shown_failure_of(error: DrimboxError) -> ShownFailure:
    """Return the row of an error, or of what it is a kind of."""
    return row_of(SHOWN_FAILURES, error)


def failing_in_words(
    handler: Callable[[Request, Session], Awaitable[Response]],
) -> SessionEndpoint:
    """Answer a script what went wrong by a word and its sentence."""

    async def answer(request: Request, session: Session) -> Response:
        try:
            return await handler(request, session)
        except DrimboxError as error:
            failure = shown_failure_of(error)
            _log.info("image_refused", error=type(error).__name__, failure=failure.word)
            content = {"failure": failure.word, "sentence": failure.sentence}
            return JSONResponse(content, failure.status)

    return answer
