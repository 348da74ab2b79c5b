"""The PACS of a site in the demo: the built-in one in a child process, or a real Orthanc."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from drimbox.sandbox.network.processes import Child, accepts_connections

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class PacsAddress:
    """How the box reaches it; box_host is the address at which it reaches the box (C-MOVE)."""

    host: str
    port: int
    ae_title: str
    dicomweb_url: str | None = None
    box_host: str = "127.0.0.1"


class SitePacs(Protocol):
    """A PACS that the demo starts and stops."""

    @property
    def address(self) -> PacsAddress: ...

    async def start(self, peers: Sequence[tuple[str, str, int]]) -> None:
        """Serve; peers are (AE title, host, port) known for C-MOVE."""

    async def stop(self) -> None:
        """End it."""


class BuiltInPacs:
    """drimbox.sandbox.pacs as its own process."""

    def __init__(self, name: str, address: PacsAddress, images: Path, log_file: Path) -> None:
        self._address = address
        self._images = images
        self._name = name
        self._log_file = log_file
        self._child: Child | None = None

    @property
    def address(self) -> PacsAddress:
        return self._address

    async def start(self, peers: Sequence[tuple[str, str, int]]) -> None:
        """See SitePacs."""
        arguments = ["-m", "drimbox.sandbox.pacs", "--port", str(self.address.port)]
        arguments += ["--ae", self.address.ae_title, "--data", str(self._images)]
        for ae_title, host, port in peers:
            arguments += ["--peer", f"{ae_title}={host}:{port}"]
        self._child = Child(self._name, arguments, self._log_file)
        await self._child.start()
        await self._child.wait_until(
            lambda: accepts_connections(self.address.host, self.address.port),
            timeout_seconds=_START_SECONDS,
        )

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop()
