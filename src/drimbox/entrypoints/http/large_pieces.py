"""Large pieces of an answer whose length is not known, sent as they are (RFC 9112 7.1).

uvicorn joins each piece with the frame of its chunk: a copy of every octet of a study, and twice
its memory while it waits to be sent. Small pieces are left to it.
"""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_LEAST_BYTES = 32 * 1024


class LargePieces:
    """The application, as uvicorn's protocol runs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cycle = getattr(send, "__self__", None)
        if isinstance(cycle, RequestResponseCycle):
            send = _sending(cycle, send)
        await self._app(scope, receive, send)


def _sending(cycle: RequestResponseCycle, send: Send) -> Callable[[Message], Awaitable[None]]:
    """Return what sends as the cycle does, without joining."""

    async def send_unjoined(message: Message) -> None:
        body = message.get("body", b"")
        if len(body) < _LEAST_BYTES or not _is_chunked(cycle):
            await send(message)
            return
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        cycle.transport.writelines((b"%x\r\n" % len(body), body, b"\r\n"))
        if not message.get("more_body", False):
            await send({"type": message["type"], "body": b"", "more_body": False})

    return send_unjoined


def _is_chunked(cycle: RequestResponseCycle) -> bool:
    """Tell whether a body is due, in chunks."""
    is_body_due = cycle.response_started and not cycle.response_complete
    return is_body_due and bool(cycle.chunked_encoding) and cycle.scope["method"] != "HEAD"
