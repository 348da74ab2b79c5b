"""The PACS of the site, each by the protocol that its settings name (CS.05, SO.04)."""

from dataclasses import dataclass

from drimbox.adapters.pacs_dicomweb.pacs import DicomwebPacs
from drimbox.adapters.pacs_dimse.pacs import DimsePacs
from drimbox.adapters.pacs_dimse.store_scp import StoreScp
from drimbox.flows.several_pacs import SeveralPacs
from drimbox.ports.pacs import Pacs
from drimbox.ports.pacs_features import PacsFeatures
from drimbox.settings.load import Settings
from drimbox.settings.partners import PacsSettings


@dataclass(frozen=True, slots=True)
class SitePacs:
    """service is what the flows ask; the adapters behind it start and close with the box."""

    service: Pacs
    adapters: tuple[DimsePacs | DicomwebPacs, ...]

    async def start(self) -> None:
        for adapter in self.adapters:
            await adapter.start()

    async def close(self) -> None:
        for adapter in self.adapters:
            await adapter.close()


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
