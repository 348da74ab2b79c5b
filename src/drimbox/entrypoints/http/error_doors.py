"""Which door answers an error that no handler has answered: by the path of the request.

The log gets the class and the first segment of a path that a route has: deeper segments, and any
of an address that we do not know, may hold identifiers.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from drimbox.entrypoints.http.dicomweb.answers import error_response
from drimbox.entrypoints.http.fhir.errors import fhir_error, no_such_interaction
from drimbox.entrypoints.http.oauth import oauth_error
from drimbox.entrypoints.http.problems import problem_response
from drimbox.entrypoints.http.trailing_slash import find_redirect
from drimbox.errors import DrimboxError, NotFound, raised_at

Answer = Callable[[Request, DrimboxError], Response]
ExceptionHandler = Callable[[Request, Exception], Awaitable[Response]]

_log = structlog.get_logger(__name__)

_FHIR = "/fhir/"
_DOORS: tuple[tuple[str, Answer], ...] = (
    ("/dicom-web/", error_response),
    (_FHIR, fhir_error),
    ("/oauth2/", oauth_error),
)


def application_of(routes: Sequence[BaseRoute], elsewhere: Answer = problem_response) -> Starlette:
    """Return one application: its routes, and our answers to whatever they leave or refuse."""
    application = Starlette(routes=routes, exception_handlers=exception_handlers(elsewhere))
    # Starlette's own redirections quote the Host of the request; ours do not.
    application.router.redirect_slashes = False
    return application


def exception_handlers(
    elsewhere: Answer = problem_response,
) -> Mapping[type[Exception], ExceptionHandler]:
    """Return the handlers of one application; elsewhere answers what belongs to no other door."""

    async def answer_by_path(request: Request, error: Exception) -> Response:
        if not isinstance(error, DrimboxError):
            raise error
        response = answer_of_door(request, error, elsewhere)
        _note(request, error, response.status_code)
        return response

    async def answer_router(request: Request, error: Exception) -> Response:
        """Answer what the router itself refuses: no such path (404), no such method (405)."""
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == HTTPStatus.NOT_FOUND and not _is_at(_FHIR, request):
            if (redirect := find_redirect(request)) is not None:
                return redirect
            return await answer_by_path(request, NotFound("no such resource"))
        return _refused_by_router(request, error)

    return {DrimboxError: answer_by_path, HTTPException: answer_router}


def answer_of_door(
    request: Request, error: DrimboxError, elsewhere: Answer = problem_response
) -> Response:
    """Answer an error as the door of this path does."""
    answer = next((answer for door, answer in _DOORS if _is_at(door, request)), elsewhere)
    return answer(request, error)


def _note(request: Request, error: DrimboxError, status: int) -> None:
    kind = type(error).__name__
    has_route = "endpoint" in request.scope
    door = request.url.path.split("/", 2)[1] if has_route else None
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        where = raised_at(error)
        _log.error("request_failed", error=kind, status=int(status), door=door, where=where)
    else:
        _log.info("request_failed", error=kind, status=int(status), door=door)


def _refused_by_router(request: Request, error: HTTPException) -> Response:
    if _is_at(_FHIR, request):
        return no_such_interaction(request, HTTPStatus(error.status_code), error.headers or {})
    body = {"status": error.status_code, "message": error.detail}
    return JSONResponse(body, error.status_code, dict(error.headers or {}))


def _is_at(door: str, request: Request) -> bool:
    """Tell whether an address is a door's own, with or without its slash, or below it."""
    return f"{request.url.path}/".startswith(door)
