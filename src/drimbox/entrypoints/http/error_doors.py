"""Which door answers an error that no handler has answered: by the path of the request."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb_answers import error_response
from drimbox.entrypoints.http.oauth import oauth_error
from drimbox.entrypoints.http.problems import problem_response
from drimbox.errors import DrimboxError

_DOORS: tuple[tuple[str, Callable[[Request, DrimboxError], Response]], ...] = (
    ("/dicom-web", error_response),
    ("/oauth2/", oauth_error),
)


async def answer_by_path(request: Request, error: Exception) -> Response:
    """Return the answer of the door that the path belongs to; problem+json elsewhere."""
    if not isinstance(error, DrimboxError):
        raise error
    for prefix, answer in _DOORS:
        if request.url.path.startswith(prefix):
            return answer(request, error)
    return problem_response(request, error)
