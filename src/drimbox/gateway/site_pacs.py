"""The PACS of the site, each by the protocol that its settings name (CS.05, SO.04)."""

import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.adapters.pacs_dimse.move_relay import FirstWorker, MoveRelay
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.errors import NotFound
from drimbox.flows.several_pacs import SeveralPacs
from drimbox.model.retrieval import InstanceStream, TargetResource
from drimbox.model.uids import TransferSyntaxUid
from drimbox.ports.pacs import Pacs
from drimbox.ports.pacs_features import PacsFeatures
from drimbox.settings.load import Settings
from drimbox.settings.partners import PacsSettings
from drimbox.settings.renewed import Renewed


@dataclass(frozen=True, slots=True)
class SitePacs:
    """service is what the flows ask; the adapters behind it start and close with the box."""

    service: Pacs
    adapters: tuple[DimsePacs | DicomwebPacs, ...]
    relays: list[MoveRelay] = field(default_factory=list)

    async def start(self, *, is_first_worker: bool = True, shared: Path | None = None) -> None:
        """Start every adapter.

        shared is the folder of images that the workers of a host share, None where there is one
        worker: the first listens for what a PACS sends by C-MOVE, and passes it on to who asked.
        """
        first_worker = None
        if shared is not None and is_first_worker:
            self.relays.append(MoveRelay(shared, self._retrieve_from))
            await self.relays[0].start()
        elif shared is not None:
            first_worker = FirstWorker(shared)
        for adapter in self.adapters:
            if isinstance(adapter, DimsePacs):
                await adapter.start(first_worker)
            else:
                await adapter.start()

    async def close(self) -> None:
        for relay in self.relays:
            await relay.close()
        for adapter in self.adapters:
            await adapter.close()

    @property
    def renewed(self) -> dict[str, Renewed[ssl.SSLContext]]:
        """What follows the files of certificates, under the settings that name them."""
        return {
            f"pacs {number}": adapter.tls
            for number, adapter in enumerate(self.adapters, 1)
            if isinstance(adapter, DicomwebPacs)
        }

    def _retrieve_from(
        self, name: str, target: TargetResource, syntaxes: Sequence[TransferSyntaxUid]
    ) -> AsyncIterator[InstanceStream]:
        for adapter in self.adapters:
            if isinstance(adapter, DimsePacs) and adapter.name == name:
                return adapter.retrieve(target, syntaxes)
        raise NotFound("no such PACS")


def make_site_pacs(settings: Settings, features: PacsFeatures | None = None) -> SitePacs:
    """Make one adapter for each PACS; those of DIMSE share our one listener.

    features remembers what each lacks, over restarts.

    Raises:
        SettingsError: a file of theirs cannot be used.
    """
    every = (settings.pacs, *settings.more_pacs)
    by_dimse = [one for one in every if one.dicomweb is None]
    listener = settings.dicom
    scp = StoreScp(by_dimse, listener) if listener is not None and by_dimse else None
    adapters = tuple(_make(one, scp, features) for one in every)
    service = adapters[0] if len(adapters) == 1 else SeveralPacs(adapters)
    return SitePacs(service, adapters)


def _make(
    settings: PacsSettings, scp: StoreScp | None, features: PacsFeatures | None
) -> DimsePacs | DicomwebPacs:
    if settings.dicomweb is not None:
        return DicomwebPacs(settings.dicomweb, settings.issuer_of_patient_id)
    return DimsePacs(settings, scp, features)
