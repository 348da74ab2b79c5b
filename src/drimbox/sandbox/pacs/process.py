"""A sandbox PACS in its own process, as a hospital's is in its own machine."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from drimbox.errors import Unavailable
from drimbox.sandbox.pacs.server import PeerAddress

_STOP_SECONDS = 10.0


class PacsProcess:
    """Starts `python -m drimbox.sandbox.pacs` and knows where it listens.

    Args:
        ae_title: its AE title.
        folder: its objects.
        peers: the move destinations it knows, by AE title.
        port: 0 lets the system choose; `port` then tells which.
    """

    dicomweb_url: str | None = None

    def __init__(
        self,
        ae_title: str,
        folder: Path,
        *,
        peers: Mapping[str, PeerAddress] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.ae_title, self.host, self.dicom_port = ae_title, host, port
        self._folder = folder
        self._peers = dict(peers or {})
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            Unavailable: it ended before it listened.
        """
        command = [
            sys.executable, "-m", "drimbox.sandbox.pacs", "--ae", self.ae_title,
            "--host", self.host, "--port", str(self.dicom_port), "--data", str(self._folder),
        ]  # fmt: skip
        for title, address in self._peers.items():
            command += ["--peer", f"{title}={address.host}:{address.port}"]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, our own arguments
            command, stdout=subprocess.PIPE, text=True
        )
        ready = self._process.stdout.readline().split() if self._process.stdout else []
        if len(ready) != 5 or ready[0] != "ready":
            self.stop()
            raise Unavailable("sandbox PACS", "ended before it listened")
        self.dicom_port = int(ready[3])

    def stop(self) -> None:
        """End it, gently then firmly."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
