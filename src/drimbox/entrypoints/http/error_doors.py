"""Which door answers an error that no handler has answered: by the path of the request."""

from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from drimbox.entrypoints.http.dicomweb.answers import error_response
from drimbox.entrypoints.http.fhir.errors import fhir_error, method_not_allowed
from drimbox.entrypoints.http.oauth import oauth_error
from drimbox.entrypoints.http.problems import ExceptionHandler, problem_response
from drimbox.errors import DrimboxError, NotFound

Answer = Callable[[Request, DrimboxError], Response]

_DOORS: tuple[tuple[str, Answer], ...] = (
    ("/dicom-web", error_response),
    ("/fhir/", fhir_error),
    ("/oauth2/", oauth_error),
)


def exception_handlers(
    elsewhere: Answer = problem_response,
) -> Mapping[type[Exception], ExceptionHandler]:
    """Return the handlers of one application; elsewhere answers what belongs to no other door."""

    async def answer_by_path(request: Request, error: Exception) -> Response:
        if not isinstance(error, DrimboxError):
            raise error
        for prefix, answer in _DOORS:
            if request.url.path.startswith(prefix):
                return answer(request, error)
        return elsewhere(request, error)

    async def answer_router(request: Request, error: Exception) -> Response:
        """Answer what the router itself refuses: no such path (404), no such method (405)."""
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == HTTPStatus.NOT_FOUND:
            return await answer_by_path(request, NotFound("no such resource"))
        return _refused_by_router(request, error)

    return {DrimboxError: answer_by_path, HTTPException: answer_router}


def _refused_by_router(request: Request, error: HTTPException) -> Response:
    if request.url.path.startswith("/fhir/"):
        return method_not_allowed(request, error.headers or {})
    body = {"status": error.status_code, "message": error.detail}
    return JSONResponse(body, error.status_code, dict(error.headers or {}))
