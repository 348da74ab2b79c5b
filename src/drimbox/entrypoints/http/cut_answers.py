"""An answer that fails once it has begun is cut: whoever reads it sees that its end is missing.

The status has gone by then, and an orderly end would pass a part for the whole. uvicorn cuts too,
but writes a traceback for what is a partner's failure; here it is one line. What is no error of
ours stays uvicorn's to tell.
"""

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from drimbox.errors import DrimboxError

_log = structlog.get_logger(__name__)


class CutAnswers:
    """The application, as uvicorn's protocol runs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            cycle = getattr(send, "__self__", None)
            failure = _failure(error)
            if failure is None or not isinstance(cycle, RequestResponseCycle):
                raise
            if not cycle.response_started:
                raise
            door = str(scope.get("path", "")).split("/", 2)[1:2]
            _log.warning("answer_cut", error=type(failure).__name__, door="".join(door)[:32])
            cycle.disconnected = True
            cycle.transport.close()


def _failure(error: BaseException) -> DrimboxError | None:
    """Return the error of ours, where it is one, or what Starlette made of it too late."""
    while not isinstance(error, DrimboxError):
        inner = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__
        if inner is None:
            return None
        error = inner
    return error
