"""A real Orthanc (Debian's orthanc and orthanc-dicomweb), started for the demo and the tests.

Orthanc listens on every address. As root it therefore runs in a network namespace of its own;
otherwise it refuses remote HTTP and every modality that is not on 127.0.0.1, and `warning` says so.
"""

import asyncio
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from drimbox.errors import SettingsError, TimedOut, Unavailable
from drimbox.sandbox.pacs.network_namespace import (
    NetworkNamespace,
    can_make_namespaces,
    make_namespace,
    remove_namespace,
)
from drimbox.sandbox.pacs.orthanc_loading import load_instances
from drimbox.sandbox.pacs.server import PeerAddress

_INSTALL = "not installed: apt-get install orthanc orthanc-dicomweb"
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_LOOPBACK = "127.0.0.1"
_SERVICES = ("Echo", "Find", "Get", "Move", "Store")
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=10, sock_read=60)


@dataclass(frozen=True, slots=True)
class OrthancPorts:
    """Where it listens, inside its namespace or on loopback."""

    dicom: int = 14242
    http: int = 18042


class OrthancPacs:
    """One Orthanc: prepare, start with files, stop.

    host is where it is reached, box_host the address at which it reaches us (C-MOVE); both are
    known once `prepare` has run.

    Args:
        ae_title: its AE title.
        folder: its index, storage, configuration and log; made if need be.
        ports: where it listens.
        is_without_delay: set TCP_NODELAY, which Debian's build leaves off.
    """

    def __init__(
        self,
        ae_title: str,
        folder: Path,
        *,
        ports: OrthancPorts | None = None,
        is_without_delay: bool = False,
    ) -> None:
        self.ae_title = ae_title
        self.ports = ports or OrthancPorts()
        self.host = self.box_host = _LOOPBACK
        self.warning: str | None = None
        self._folder = folder
        self.is_without_delay = is_without_delay
        self._namespace: NetworkNamespace | None = None
        self._process: asyncio.subprocess.Process | None = None

    @property
    def dicom_port(self) -> int:
        return self.ports.dicom

    @property
    def http_url(self) -> str:
        return f"http://{self.host}:{self.ports.http}"

    @property
    def dicomweb_url(self) -> str:
        return f"{self.http_url}/dicom-web"

    async def prepare(self) -> None:
        """Make the network; settles `host` and `box_host`.

        Raises:
            SettingsError: Orthanc is not installed.
        """
        _find_orthanc()
        if self._namespace is not None:
            return
        try:
            if can_make_namespaces():
                self._namespace = await make_namespace()
        except Unavailable as error:
            self.warning = f"Orthanc listens on every address of this machine ({error})"
            return
        if self._namespace is None:
            self.warning = "Orthanc listens on every address of this machine (we are not root)"
            return
        self.host = self._namespace.inner_address
        self.box_host = self._namespace.outer_address

    async def start(
        self, files: Iterable[Path] = (), peers: Mapping[str, PeerAddress] | None = None
    ) -> None:
        """Serve these objects; peers, by AE title, are the modalities it knows.

        Raises:
            SettingsError: Orthanc is not installed.
            Unavailable: it ended, or does not answer, or breaks off each time.
            RejectedByPartner: it refused a file.
        """
        await self.prepare()
        program = _find_orthanc()
        self._folder.mkdir(parents=True, exist_ok=True)
        configuration = self._folder / "orthanc.json"
        configuration.write_bytes(orjson.dumps(self._configuration(dict(peers or {}))))
        command: tuple[str, ...] = (str(program), str(configuration))
        if self._namespace is not None:
            command = self._namespace.command(*command)
        with (self._folder / "orthanc.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, env=self._environment(), start_new_session=True
            )
        try:
            await self._load(list(files))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End Orthanc, then remove its namespace."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        namespace, self._namespace = self._namespace, None
        if namespace is not None:
            await remove_namespace(namespace)
        self.host = self.box_host = _LOOPBACK

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self.is_without_delay:
            environment["TCP_NODELAY"] = "1"
        return environment

    def _configuration(self, peers: Mapping[str, PeerAddress]) -> dict[str, object]:
        is_apart = self._namespace is not None
        storage = str(self._folder / "storage")
        return {
            "Name": self.ae_title,
            "StorageDirectory": storage,
            "IndexDirectory": storage,
            "HttpPort": self.ports.http,
            "RemoteAccessAllowed": is_apart,
            "AuthenticationEnabled": False,
            "HttpThreadsCount": 50,
            "KeepAlive": True,
            "TcpNoDelay": True,
            "DicomAet": self.ae_title,
            "DicomPort": self.ports.dicom,
            "DicomCheckCalledAet": True,
            "DicomCheckModalityHost": not is_apart,
            **{f"DicomAlwaysAllow{service}": is_apart for service in _SERVICES},
            "DicomModalities": {title: _modality(title, at) for title, at in peers.items()},
            "MaximumPduLength": 131072,
            "SynchronousCMove": True,
            "OverwriteInstances": True,
            "DefaultEncoding": "Utf8",
            "Plugins": [str(_PLUGIN)],
            "DicomWeb": {
                "Enable": True,
                "Root": "/dicom-web/",
                "StudiesMetadata": "Full",
                "SeriesMetadata": "Full",
            },
        }

    async def _load(self, files: list[Path]) -> None:
        async with aiohttp.ClientSession(
            timeout=_TIMEOUT, auto_decompress=False, trust_env=False
        ) as session:
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await self._wait_until_it_answers(session)
            except TimeoutError as error:
                raise TimedOut("Orthanc", _START_SECONDS) from error
            await load_instances(session, self.http_url, files)

    async def _wait_until_it_answers(self, session: aiohttp.ClientSession) -> None:
        while True:
            if self._process is None or self._process.returncode is not None:
                raise Unavailable("Orthanc", f"ended at once, see {self._folder}/orthanc.log")
            try:
                url = f"{self.http_url}/system"
                async with session.get(url, allow_redirects=False) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


def _modality(title: str, address: PeerAddress) -> dict[str, object]:
    allowed = {f"Allow{service}": True for service in _SERVICES}
    return {"AET": title, "Host": address.host, "Port": address.port, **allowed}


def _find_orthanc() -> Path:
    """Return the program.

    Raises:
        SettingsError: it, or its DICOMweb plugin, is not installed.
    """
    found = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None or not _PLUGIN.exists():
        raise SettingsError("--pacs orthanc", _INSTALL)
    return Path(found)
