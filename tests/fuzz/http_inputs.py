"""An HTTP request as one would write it down, asked of an ASGI application in this process.

GET /path?query
header: value

body
"""

import asyncio
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import quote, unquote

from starlette.types import ASGIApp

from drimbox.errors import NotAcceptable

Scope = MutableMapping[str, Any]
# What a URI may hold as it stands (RFC 3986 2.2, 2.3): the HTTP parser lets nothing else through.
_URI = "!#$%&'()*+,/:;=?@[]~"


def scope_of(octets: bytes) -> tuple[Scope, bytes]:
    """Read an input as the HTTP parser would hand it over; without a blank line there is no body.

    That parser lets no target through that does not begin with a slash, but for the asterisk.
    """
    head, _, body = octets.partition(b"\n\n")
    line, *lines = head.split(b"\n")
    method, _, target = line.decode("latin-1").partition(" ")
    target = target if target == "*" else f"/{target.removeprefix('/')}"
    path, _, query = quote(target, safe=_URI).partition("?")
    headers = [_header(one) for one in lines if b":" in one]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method if method in {"GET", "HEAD", "OPTIONS", "POST"} else "GET",
        "scheme": "https",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"box.test"), (b"content-length", b"%d" % len(body)), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("box.test", 443),
        "state": {},
    }, body


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.strip().lower(), bytes(c for c in value.strip() if c >= 32)


async def status_of(app: ASGIApp, scope: Scope, body: bytes) -> int:
    """Ask, read the whole answer, return its status.

    A study of which an image fits no accepted syntax is cut there (decision 18): that is no defect.
    """
    status = 0
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        told = next(messages, None)
        if told is None:
            await asyncio.Event().wait()
        assert told is not None
        return told

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    try:
        await app(scope, receive, send)
    except RuntimeError as cut:
        if not (status and isinstance(cut.__cause__, NotAcceptable)):
            raise
    return status
