"""HTTPS to other boxes: our ORG AUTH_CLI certificate, their FQDN proven, one pool (S1 to S5).

Where trusted_space.addresses maps a box to an IP address, nothing is resolved.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver

from drimbox.adapters.peer_dicomweb.public_resolver import PublicResolver
from drimbox.errors import TimedOut, Unavailable
from drimbox.model.access import Peer
from drimbox.ports.trusted_space import TrustedSpace
from drimbox.settings.partners import TlsFiles
from drimbox.settings.renewed import Renewed

PARTNER = "Source box"
# Twice this may wait to be read; larger pieces cost more pages than they save calls.
_READ_BYTES = 256 * 1024
# Of one Source, which gives five at least (SO.35); the rest wait their turn.
_REQUESTS_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Timeouts:
    """For the connection with its handshake, and for each octet after it; never for the whole."""

    connect_seconds: float = 10.0
    idle_seconds: float = 30.0


class PeerConnection:
    """One trust domain; `start` in its loop, `stop` at the end."""

    def __init__(
        self,
        client: TlsFiles,
        trusted_space: TrustedSpace,
        *,
        allow_private_addresses: bool = False,
        timeouts: Timeouts = Timeouts(),  # frozen
        make_resolver: Callable[[], AbstractResolver] = aiohttp.DefaultResolver,
    ) -> None:
        """Load our certificate; only ca_file is trusted for the servers. tls follows the files."""
        self._trusted_space = trusted_space
        self.tls = Renewed(client.every_file, lambda: _client_context(client))
        self._allow_private_addresses = allow_private_addresses
        self._make_resolver = make_resolver
        self._timeouts = timeouts
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session of this trust domain."""
        resolver = self._make_resolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit_per_host=_REQUESTS_AT_ONCE,
                resolver=resolver if self._allow_private_addresses else PublicResolver(resolver),
            ),
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=self._timeouts.connect_seconds,
                sock_read=self._timeouts.idle_seconds,
            ),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=_READ_BYTES,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def request(
        self,
        peer: Peer,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send one request to a box of the white list; its status is the caller's to judge.

        The server must prove the FQDN of the list, whatever address it is reached at; a redirection
        is followed nowhere.

        Raises:
            TimedOut: nothing came for half a minute.
            Unavailable: unreachable, not the box that it should be, or stopped in the middle.
        """
        assert self._session is not None, "start() first"  # noqa: S101
        address = self._trusted_space.address_of(peer)
        url = f"https://{address.host}:{address.port}{path}"
        sent = {"Host": peer.db_host, "Accept-Encoding": "identity", **(headers or {})}
        with self._failures_told():
            async with self._session.request(
                method,
                url,
                headers=sent,
                data=form,
                allow_redirects=False,
                ssl=self.tls.current,
                server_hostname=peer.db_host,
            ) as answer:
                try:
                    yield answer
                finally:
                    _leave(answer)

    async def octets_of(self, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """Yield the body as it comes, to whoever reads it, where that is not in `request`.

        Raises:
            TimedOut, Unavailable: as for request.
        """
        with self._failures_told():
            async for octets in answer.content.iter_any():
                yield octets

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise TimedOut(PARTNER, self._timeouts.idle_seconds) from error
        except (aiohttp.ClientError, ssl.SSLError, OSError) as error:
            raise Unavailable(PARTNER, "is unreachable or stopped") from error


def _client_context(client: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(client.ca_file))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(client.certificate_file, client.key_file)
    return context


def _leave(answer: aiohttp.ClientResponse) -> None:
    """Break the connection of an answer that is not read to its end: the Source is free at once.

    An orderly end of TLS waits until the next record has come, however slow the network is.
    """
    if answer.connection is not None and answer.connection.transport is not None:
        answer.connection.transport.abort()
