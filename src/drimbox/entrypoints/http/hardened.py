"""What uvicorn's HTTP protocol lacks: the client certificate, limits on headers, large pieces.

    first octet of a request, then 10 s      -> 408 unless its headers are complete
    header block over 32 KiB                 -> 431
    a body that hardly comes                 -> 408 (slow_peers)
    an answer that is hardly taken           -> cut (slow_peers)
    more requests under way than allowed     -> 503, come back later (R10)
    an answer that fails after its head      -> cut (cut_answers)
    a large piece of a body                  -> sent as it is (large_pieces)

`scope["extensions"]["tls"]` then holds client_cert_der (bytes or None), tls_version, cipher_suite;
the key is absent on a plain connection. A header that claims a certificate is never read.
"""

import asyncio
import ssl
from asyncio import TimerHandle
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from drimbox.entrypoints.http.cut_answers import CutAnswers
from drimbox.entrypoints.http.large_pieces import LargePieces
from drimbox.entrypoints.http.slow_peers import SlowPeerWatch

HEADER_DEADLINE_SECONDS = 10.0
MAX_HEADER_BYTES = 32 * 1024
# Octets of an answer that its peer has not taken yet: at most, shared by the answers under way
# when it begins, at least.
_MOST_WAITING = 512 * 1024
_WAITING_TOGETHER = 4 * 1024 * 1024
_LEAST_WAITING = 64 * 1024
_CONNECTIONS_A_REQUEST = 4
_OVERLOADED = b"503 Service Unavailable\r\nretry-after: 10"
_CLOSE = b"content-length: 0\r\nconnection: close\r\n\r\n"


class HardenedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.app = CutAnswers(LargePieces(self.app))
        # uvicorn's own refusal says nothing of when to come back.
        self._most_at_once, self.limit_concurrency = self.limit_concurrency, None
        self._header_bytes = 0
        self._is_in_header = True
        self._deadline: TimerHandle | None = None
        self._body_bytes = 0
        self._sender = SlowPeerWatch(self.loop, lambda: self._body_bytes, self._end_slow_body)
        self._reader = SlowPeerWatch(self.loop, self._octets_taken, self._end_slow_answer)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if isinstance(tls, ssl.SSLObject | ssl.SSLSocket):
            cipher = tls.cipher()
            facts: dict[str, object] = {
                "client_cert_der": tls.getpeercert(binary_form=True),
                "tls_version": tls.version(),
                "cipher_suite": cipher[0] if cipher else None,
            }
            self.app = _TlsScope(self.app, facts)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._sender.stop()
        self._reader.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_in_header:
            self._arm()
            self._header_bytes += len(data)
        else:
            self._body_bytes += len(data)
        super().data_received(data)
        if not self._is_in_header:
            self._sender.start()
        elif self._header_bytes > MAX_HEADER_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")

    def on_headers_complete(self) -> None:
        self._disarm()
        self._reader.stop()
        self._is_in_header = False
        # The whole block may have arrived at once, with more than the limit.
        if sum(len(n) + len(v) + 4 for n, v in self.headers) + len(self.url) > MAX_HEADER_BYTES:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._is_overloaded():
            self._refuse(_OVERLOADED)
        # llhttp objects to an unknown transfer coding once the application runs (RFC 9112 6.1).
        elif any(n == b"transfer-encoding" and v.lower() != b"chunked" for n, v in self.headers):
            self._refuse(b"400 Bad Request")
        # A whole image may wait to be taken: so the next is read while the peer reads this one.
        share = _WAITING_TOGETHER // (len(self.tasks) + 1)
        most = min(max(share, _LEAST_WAITING), _MOST_WAITING)
        self.transport.set_write_buffer_limits(high=most)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._sender.stop()
        self._is_in_header = True
        self._header_bytes = 0

    def on_response_complete(self) -> None:
        is_last = not self.pipeline
        super().on_response_complete()
        if is_last and _octets_waiting(self.transport):
            self._reader.start()

    def timeout_keep_alive_handler(self) -> None:
        if _octets_waiting(self.transport):  # not idle: an answer is still being taken
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader.start()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reader.stop()

    def _octets_taken(self) -> int:
        """Count from any number; holds while nothing more is written."""
        return -_octets_waiting(self.transport)

    def _end_slow_answer(self) -> None:
        if _octets_waiting(self.transport):
            self.transport.abort()

    def _end_slow_body(self) -> None:
        if self.flow.read_paused:  # it is we who do not read
            self._sender.start()
        elif self.cycle.response_started:
            self.transport.abort()
        else:
            self._refuse(b"408 Request Timeout")

    def _is_overloaded(self) -> bool:
        """Count requests under way; connections that only wait do not keep others out."""
        most = self._most_at_once
        if most is None:
            return False
        return len(self.tasks) >= most or len(self.connections) > _CONNECTIONS_A_REQUEST * most

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADER_DEADLINE_SECONDS, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._refuse(b"408 Request Timeout")

    def _refuse(self, status: bytes) -> None:
        self._disarm()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + _CLOSE)
            self.transport.close()
            self.app = _refused


class _TlsScope:
    """Adds the facts of the handshake to every scope of one connection."""

    def __init__(self, app: ASGIApp, facts: dict[str, object]) -> None:
        self._app = app
        self._facts = facts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})["tls"] = self._facts
        await self._app(scope, receive, send)


async def _refused(scope: Scope, receive: Receive, send: Send) -> None:
    """Run in place of the application once the connection was refused."""
    del scope, receive, send


def _octets_waiting(transport: asyncio.Transport) -> int:
    """Count what the peer has not taken, that which is encrypted already too.

    asyncio's transport of TLS counts only what it has not handed to the one below.
    """
    below = getattr(getattr(transport, "_ssl_protocol", None), "_transport", None)
    waiting = transport.get_write_buffer_size()
    return waiting + below.get_write_buffer_size() if below is not None else waiting


def client_certificate(scope: Scope) -> bytes | None:
    """Return the peer's certificate (DER) as the handshake verified it, or None."""
    der = scope.get("extensions", {}).get("tls", {}).get("client_cert_der")
    return der if isinstance(der, bytes) else None
