"""A real Orthanc as the PACS of a site in the demo."""

from collections.abc import Callable, Sequence
from pathlib import Path

from drimbox.sandbox.network.site_pacs import PacsAddress
from drimbox.sandbox.pacs.orthanc import OrthancPacs, OrthancPorts
from drimbox.sandbox.pacs.server import PeerAddress


class OrthancSite:
    """Implements sandbox.network.site_pacs.SitePacs; `prepare` before its address is asked for."""

    def __init__(
        self,
        ae_title: str,
        ports: OrthancPorts,
        images: Path,
        folder: Path,
        *,
        is_without_delay: bool = False,
    ) -> None:
        self._orthanc = OrthancPacs(
            ae_title, folder, ports=ports, is_without_delay=is_without_delay
        )
        self._images = images
        self._peers: dict[str, PeerAddress] = {}

    async def prepare(self, warn: Callable[[str], None]) -> None:
        """Settle where it will listen.

        Raises:
            SettingsError: Orthanc is not installed; the command to install it is in the text.
        """
        await self._orthanc.prepare()
        if self._orthanc.warning is not None:
            warn(self._orthanc.warning)

    @property
    def address(self) -> PacsAddress:
        orthanc = self._orthanc
        return PacsAddress(
            host=orthanc.host,
            port=orthanc.dicom_port,
            ae_title=orthanc.ae_title,
            dicomweb_url=orthanc.dicomweb_url,
            box_host=orthanc.box_host,
        )

    async def start(self, peers: Sequence[tuple[str, str, int]]) -> None:
        """See SitePacs; loads the images too."""
        self._peers = {ae_title: PeerAddress(host, port) for ae_title, host, port in peers}
        await self._orthanc.start(sorted(self._images.rglob("*.dcm")), self._peers)

    async def restart(self, *, is_without_delay: bool) -> None:
        """Start it again on the images that it holds, with or without TCP_NODELAY."""
        await self._orthanc.stop()
        self._orthanc.is_without_delay = is_without_delay
        await self._orthanc.start((), self._peers)

    async def stop(self) -> None:
        await self._orthanc.stop()
