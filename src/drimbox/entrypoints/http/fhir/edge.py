"""What every answer of /fhir gets: its request id, `_pretty`, gzip for who takes it (spec 4.5).

The id is the caller's X-Request-Id where it is a plain word, else ours; it is in the audit trail.
"""

import re
from collections.abc import Callable
from uuid import uuid4

import anyio.to_thread
from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from drimbox.standards.dicomweb.content_coding import (
    accepts_gzip,
    compress,
    is_worth_compressing,
)
from drimbox.standards.fhir.json import indented_json
from drimbox.standards.fhir.xml import indented_xml

REQUEST_ID = "X-Request-Id"
_PREFIX = "/fhir/"
_STATE_KEY = "request_id"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}\Z", re.ASCII)
_COMPRESSED = ("application/fhir+json", "application/fhir+xml")
# Below this the event loop is done before a thread is had.
_IN_A_THREAD = 64 * 1024


class FhirEdge:
    """ASGI middleware; leaves every other path alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not f"{scope['path']}/".startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path.endswith("/") and path != _PREFIX:
            # Not redirected: Location would repeat a query that may name a patient.
            scope = {**scope, "path": path.rstrip("/")}
        headers = Headers(scope=scope)
        identifier = headers.get(REQUEST_ID, "")
        if not _PLAIN.match(identifier):
            identifier = str(uuid4())
        scope.setdefault("state", {})[_STATE_KEY] = identifier
        answer = _Answer(
            send,
            identifier,
            takes_gzip=accepts_gzip(headers.get("accept-encoding")),
            is_pretty=QueryParams(scope["query_string"]).get("_pretty") == "true",
        )
        await self._app(scope, receive, answer.send)


def request_id_of(request: Request) -> str:
    """Return the id of a request that came through the edge; empty where it did not."""
    identifier = getattr(request.state, _STATE_KEY, "")
    return identifier if isinstance(identifier, str) else ""


class _Answer:
    """One answer on its way out. Ours are one message each; a stream would go as it is."""

    def __init__(self, send: Send, identifier: str, *, takes_gzip: bool, is_pretty: bool) -> None:
        self._send = send
        self._identifier = identifier
        self._takes_gzip = takes_gzip
        self._is_pretty = is_pretty
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers[REQUEST_ID] = self._identifier
            if headers.get("content-type", "").startswith(_COMPRESSED):
                headers.add_vary_header("Accept-Encoding")
                if self._takes_gzip or self._is_pretty:
                    self._start = message
                    return
        if self._start is not None:
            message = await self._changed(message, self._start)
            await self._send(self._start)
            self._start = None
        await self._send(message)

    async def _changed(self, message: Message, start: Message) -> Message:
        body: bytes = message.get("body", b"")
        if message.get("more_body") or not body:
            return message
        headers = MutableHeaders(scope=start)
        if self._is_pretty:
            is_json = "json" in headers["content-type"]
            body = await _quickly(indented_json if is_json else indented_xml, body)
        if self._takes_gzip and is_worth_compressing(body):
            body = await _quickly(compress, body)
            headers["Content-Encoding"] = "gzip"
        headers["Content-Length"] = str(len(body))
        return {**message, "body": body}


async def _quickly(work: Callable[[bytes], bytes], body: bytes) -> bytes:
    """Work here, or in a thread where that would hold the event loop."""
    if len(body) > _IN_A_THREAD:
        return await anyio.to_thread.run_sync(work, body)
    return work(body)
