"""Pieces of an answer whose length is not known (RFC 9112 7.1): no copies, and few system calls.

uvicorn joins each piece with the frame of its chunk: a copy of every octet of a study, and twice
its memory while it waits to be sent. It hands each to the system, too, however small: the end of an
image, the header of the next part, its first elements. Here large pieces leave as they are, and
small ones wait a millisecond for company.
"""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_LEAST_BYTES = 32 * 1024
_COMPANY_SECONDS = 0.001


class LargePieces:
    """The application, as uvicorn's protocol runs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        if not isinstance(cycle, RequestResponseCycle):
            await self._app(scope, receive, send)
            return
        pieces = _Pieces(cycle, send)
        try:
            await self._app(scope, receive, pieces.send)
        finally:
            pieces.flush()


class _Pieces:
    """The body of one answer."""

    def __init__(self, cycle: RequestResponseCycle, send: Send) -> None:
        self.cycle = cycle
        self._send = send
        self._waiting: list[bytes] = []
        self._octets = 0
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Do as the cycle does."""
        body = message.get("body", b"")
        if not body or not self._is_chunked():
            self.flush()
            await self._send(message)
            return
        if self.cycle.flow.write_paused and not self.cycle.disconnected:
            await self.cycle.flow.drain()
        self._waiting += (b"%x\r\n" % len(body), body, b"\r\n")
        self._octets += len(body)
        if self._octets >= _LEAST_BYTES:
            self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_COMPANY_SECONDS, self._end_waiting)
        if not message.get("more_body", False):
            self.flush()
            await self._send({"type": message["type"], "body": b"", "more_body": False})

    def flush(self) -> None:
        """Hand over what waits."""
        waiting, self._waiting, self._octets = self._waiting, [], 0
        if waiting and not self.cycle.disconnected:
            self.cycle.transport.writelines(waiting)

    def _end_waiting(self) -> None:
        self._timer = None
        self.flush()

    def _is_chunked(self) -> bool:
        """Tell whether a body is due, in chunks."""
        is_body_due = self.cycle.response_started and not self.cycle.response_complete
        return (
            is_body_due
            and bool(self.cycle.chunked_encoding)
            and self.cycle.scope["method"] != "HEAD"
        )
