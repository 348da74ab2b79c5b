"""Where studies are exported to, and in which transfer syntax (CO.60, CO.74, CO.75)."""

from collections.abc import Mapping

from drimbox.adapters.pacs_dicomweb.stow import StowStorage
from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.adapters.pixel_worker_process.instance_transcoder import FileTranscoder
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.flows.consumer.export_syntaxes import ExportSyntaxes
from drimbox.model.export_syntax import SyntaxRule
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


def make_syntaxes(settings: Settings, pixels: PixelWorkerPool) -> ExportSyntaxes:
    """Return the rules of the destinations, and what brings images into a syntax."""
    return ExportSyntaxes(
        FileTranscoder(pixels),
        {
            one.name: SyntaxRule(one.transfer_syntax, one.transfer_syntaxes)
            for one in settings.export_destinations
        },
    )
