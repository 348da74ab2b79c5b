"""What every sandbox provider is: its clients, a front door for persons, two sockets."""

import ssl
from abc import ABC, abstractmethod
from collections.abc import Sequence

from drimbox.sandbox.openid_provider.clients import SandboxClient
from drimbox.sandbox.openid_provider.front_door import FrontDoor
from drimbox.sandbox.openid_provider.listening import Listening, RouteTable, application


class SandboxProvider(ABC):
    """One provider; its issuer is known once it has started.

    Args:
        clients: those registered with it.
        path: where its issuer is, below the root.
    """

    _door: FrontDoor

    def __init__(self, clients: Sequence[SandboxClient], path: str) -> None:
        self._clients = {client.client_id: client for client in clients}
        self._path = path
        self._listening = Listening()

    @property
    def issuer(self) -> str:
        return self._door.issuer

    def register(self, client: SandboxClient) -> None:
        """Add or replace a client, also while running (redirect URIs know their port late)."""
        self._clients[client.client_id] = client

    async def start(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        mtls_port: int | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen; port 0 takes a free one. ssl_context must require client certificates."""
        await self._listening.start(
            application(self._routes()),
            host=host,
            port=port,
            mtls_port=mtls_port,
            ssl_context=ssl_context,
        )
        self._door.issuer = f"{self._base}{self._path}"

    async def stop(self) -> None:
        await self._listening.stop()

    @abstractmethod
    def _routes(self) -> RouteTable:
        """Return what is served, below the root."""

    @property
    def _base(self) -> str:
        """The address of the root, for browsers."""
        return f"http://localhost:{self._listening.port}"

    @property
    def _mtls_base(self) -> str | None:
        """The address of the root, for machines with a certificate."""
        port = self._listening.mtls_port
        return None if port is None else f"https://localhost:{port}"
