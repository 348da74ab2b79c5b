"""One HTTP listener: uvicorn with our protocol, on a socket bound before anything starts."""

import asyncio
import socket
import ssl
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from drimbox.entrypoints.http.hardened import HardenedProtocol
from drimbox.settings.renewed import Renewed

_GRACE_SECONDS = 30
MAX_REQUESTS = 1000
HANDSHAKE_SECONDS = 10.0


class HttpListener:
    """`start` returns once it listens; `port` is then the real one; `stop` drains."""

    def __init__(
        self,
        app: ASGIApp,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        max_requests: int = MAX_REQUESTS,
        is_shared: bool = False,
    ) -> None:
        """Bind nothing yet; is_shared lets several worker processes listen on the same port."""
        self._host = host
        self._port = port
        self._is_shared = is_shared
        config = uvicorn.Config(
            app,
            http=HardenedProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=max_requests,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _Server(config, tls)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._port

    async def start(self) -> None:
        """Bind and listen.

        Raises:
            OSError: the address cannot be had.
        """
        bound = _bind(self._host, self._port, is_shared=self._is_shared)
        self._port = bound.getsockname()[1]
        self._task = asyncio.create_task(self._server.serve(sockets=[bound]))
        while not self._server.is_listening:
            if self._task.done():
                self._task.result()
                raise OSError(f"{self._host}:{self._port} does not start")
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Accept nothing more, let requests under way end, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


class _Server(uvicorn.Server):
    """Signals belong to the process that runs several listeners, not to one of them.

    A peer that connects and says nothing is let go in time: uvicorn leaves the handshake the minute
    that asyncio gives it.
    """

    def __init__(self, config: uvicorn.Config, tls: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self._tls = tls
        self.is_listening = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        for bound in sockets or []:
            server = await asyncio.get_running_loop().create_server(
                self._make_protocol,
                sock=bound,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_SECONDS,
                backlog=self.config.backlog,
            )
            self.servers.append(server)
        self.is_listening = True

    def _make_protocol(self) -> HardenedProtocol:
        return HardenedProtocol(self.config, self.server_state, self.lifespan.state)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def peer_tls_context(certificate: Path, key: Path, client_authorities: Path) -> ssl.SSLContext:
    """Return the context of the peer listener: TLS 1.2 or 1.3, client certificate required."""
    context = _tls_context(certificate, key)
    context.load_verify_locations(client_authorities)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def browser_tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return the context of the browser listener: no client certificate is asked for."""
    return _tls_context(certificate, key)


def following(contexts: Renewed[ssl.SSLContext]) -> ssl.SSLContext:
    """Return a context whose handshakes are those of contexts.current at that moment (R15).

    Certificate, key and authorities are then those of today; what is asked of the peer and the
    suites stay those of the first one. Connections that stand are left alone.
    """
    first = contexts.current

    def choose(tls: ssl.SSLObject, name: str, context: ssl.SSLContext) -> None:
        del name, context
        tls.context = contexts.current

    # OpenSSL asks it of every handshake, of a client that names no server too.
    first.sni_callback = choose
    return first


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.load_cert_chain(certificate, key)
    return context


def _bind(host: str, port: int, *, is_shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: without it, an answer
    # whose head and body are written apart waits 40 ms for a delayed acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if is_shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((host, port))
    bound.setblocking(False)  # noqa: FBT003  # the socket module's own signature
    return bound
