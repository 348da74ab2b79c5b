"""CORS (Fetch standard): pages of other origins that may call our interfaces, by setting.

    OPTIONS with Access-Control-Request-Method   204, allowed or without a word of permission
    any other request                            answered, and readable by the origins configured

Credentials are never allowed: a page of another origin brings its own token, not our cookie.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_HEADERS = (
    "Accept, Accept-Encoding, Authorization, Content-Type, If-None-Match, Prefer, Range, "
    "X-Request-Id"
)
_ANSWER_HEADERS = (
    "Content-Location, ETag, Last-Modified, Location, Retry-After, WWW-Authenticate, X-Request-Id"
)
_METHODS = "GET, HEAD, POST, OPTIONS"
_MAX_AGE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class CrossOriginPolicy:
    """Exact origins, and the paths that they may call."""

    origins: frozenset[str]
    prefixes: tuple[str, ...] = ("/fhir/", "/dicom-web", "/oauth2/", "/.well-known/")

    def covers(self, path: str) -> bool:
        return bool(self.origins) and path.startswith(self.prefixes)


class CrossOrigin:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, policy: CrossOriginPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._policy.covers(scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        origin = origins[0] if len(origins) == 1 and origins[0] in self._policy.origins else None
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            preflight = Response(status_code=204, headers=_preflight(origin))
            await preflight(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer.add_vary_header("Origin")
                for name, value in _permission(origin):
                    answer[name] = value
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _permission(origin: str | None) -> Sequence[tuple[str, str]]:
    if origin is None:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", _ANSWER_HEADERS),
    )


def _preflight(origin: str | None) -> dict[str, str]:
    headers = {"Vary": "Origin", "Cache-Control": "no-store"}
    if origin is None:
        return headers
    return headers | {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": _METHODS,
        "Access-Control-Allow-Headers": _REQUEST_HEADERS,
        "Access-Control-Max-Age": str(_MAX_AGE_SECONDS),
    }
