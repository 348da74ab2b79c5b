"""Where studies are exported to (CO.60)."""

from collections.abc import Mapping

from drimbox.adapters.pacs_dicomweb.stow import StowStorage
from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.ports.pacs import StorageDestination
from drimbox.settings.load import Settings
from drimbox.settings.partners import ExportDestination


def make_destinations(settings: Settings) -> Mapping[str, StorageDestination]:
    """Return the destinations by the name that users choose.

    Raises:
        SettingsError: a file of theirs cannot be used.
    """
    return {one.name: _storage(one) for one in settings.export_destinations}


def _storage(destination: ExportDestination) -> StorageDestination:
    if destination.dicomweb is not None:
        return StowStorage(destination.dicomweb, destination.name)
    return DimseStorage(destination)
