"""An address with a slash too many, or one too few, leads to the one that is meant.

By its path alone (RFC 9110 10.2.2): what is in Host was written by whoever asks, and behind a proxy
neither it nor the scheme of this hop are those of the reader.
"""

from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Router


def find_redirect(request: Request) -> Response | None:
    """Return the redirection of an address that no route has taken; None where none is near."""
    router = request.scope.get("router")
    near = _near(request.scope["path"])
    if not isinstance(router, Router) or near is None:
        return None
    # What a mount has changed is put back: its router saw a part of the path.
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    scope = {**request.scope, "path": near, "root_path": root}
    for route in router.routes:
        if _is_meant(route, near) and route.matches(scope)[0] is not Match.NONE:
            query = request.scope["query_string"].decode("latin-1")
            location = quote(near) + (f"?{query}" if query else "")
            return Response(
                status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": location}
            )
    return None


def _near(path: str) -> str | None:
    near = path.rstrip("/") if path.endswith("/") else f"{path}/"
    # Two slashes would begin with the name of another host (RFC 3986 4.2).
    return near if near and not near.startswith("//") else None


def _is_meant(route: BaseRoute, near: str) -> bool:
    """Tell whether a route may have this address: a mount takes all that is below it.

    One at / takes what others leave; below another one a slash is never added: a file that is not
    there would lead to itself and back.
    """
    if not isinstance(route, Mount):
        return True
    return bool(route.path) and (not near.endswith("/") or near == f"{route.path}/")
