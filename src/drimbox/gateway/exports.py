"""Where studies are exported to, and in which transfer syntax (CO.60, CO.74, CO.75)."""

from importlib.metadata import version

from drimbox.adapters.pacs_dicomweb.stow import StowStorage
from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.adapters.pixel_worker_process.instance_transcoder import FileTranscoder
from drimbox.flows.consumer.consultation_audit import ConsultationAudit
from drimbox.flows.consumer.download_studies import DownloadStudies
from drimbox.flows.consumer.export_syntaxes import ExportSyntaxes
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.consumer.media_pages import MediaCreator
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.opened_study import ImageService
from drimbox.gateway.parts import Parts
from drimbox.model.export_syntax import SyntaxRule
from drimbox.ports.pacs import StorageDestination
from drimbox.ports.pixel_worker import InstanceTranscoder
from drimbox.settings.partners import ExportDestination


def make_import_studies(
    parts: Parts,
    use_session: UseSession,
    find_prior_studies: FindPriorStudies,
    images: ImageService,
    audit: ConsultationAudit,
) -> ImportStudies:
    """Make the flow of exports.

    Raises:
        SettingsError: a file of a destination cannot be used.
    """
    destinations = parts.settings.export_destinations
    transcoder = FileTranscoder(parts.pixels)
    return ImportStudies(
        find_prior_studies=find_prior_studies,
        images=images,
        destinations={one.name: _storage(one, transcoder) for one in destinations},
        exports=parts.stores.exports,
        audit=audit,
        clock=parts.clock,
        identifiers=parts.identifiers,
        use_session=use_session,
        syntaxes=ExportSyntaxes(
            transcoder,
            {
                one.name: SyntaxRule(one.transfer_syntax, one.transfer_syntaxes)
                for one in destinations
            },
        ),
    )


def make_download_studies(parts: Parts, exports: ImportStudies) -> DownloadStudies:
    """Make the flow of downloads, which brings images into a syntax as exports do."""
    return DownloadStudies(
        images=exports.images,
        syntaxes=exports.syntaxes,
        audit=exports.audit,
        clock=parts.clock,
        identifiers=parts.identifiers,
        creator=MediaCreator(
            # What is known of one establishment of a box is known of its site.
            institution=parts.settings.dmp.establishments[0].name,
            contact=parts.settings.dmp.establishments[0].contact,
            software=f"drimbox {version('drimbox')}",
        ),
    )


def _storage(destination: ExportDestination, transcoder: InstanceTranscoder) -> StorageDestination:
    if destination.dicomweb is not None:
        return StowStorage(destination.dicomweb, destination.name)
    return DimseStorage(destination, transcoder=transcoder)
