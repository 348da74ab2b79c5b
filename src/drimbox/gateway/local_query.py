"""Query/Retrieve for local systems (CO.72): which exams, who may ask, and where images go."""

from datetime import timedelta

from drimbox.adapters.pacs_dimse.store_scu import DimseStorage
from drimbox.adapters.pixel_worker_process.instance_transcoder import FileTranscoder
from drimbox.entrypoints.dimse.query_retrieve_scp import LocalQueryDoor, QueryRetrieveScp
from drimbox.flows.consumer.keep_exams import KeepExams
from drimbox.flows.consumer.serve_kept_exams import ServeKeptExams
from drimbox.flows.opened_study import ImageService
from drimbox.gateway.parts import Parts
from drimbox.ports.pacs import MoveDestination
from drimbox.settings.partners import ExportDestination, LocalQuerySettings


def keeping(parts: Parts, images: ImageService) -> ImageService:
    """Return the images, noted as kept here when they are opened, where local systems may ask."""
    if parts.settings.local_query is None:
        return images
    lifetime = timedelta(seconds=parts.settings.storage.cache_max_age_seconds)
    return KeepExams(images, parts.stores.kept_exams, parts.clock, lifetime)


def make_query_retrieve_scp(
    parts: Parts, settings: LocalQuerySettings, *, is_shared: bool
) -> QueryRetrieveScp:
    """Make the listener; it is started with the box, on each of its workers where it is shared."""
    exams = ServeKeptExams(parts.stores.kept_exams, parts.cache, parts.stores.audit, parts.clock)
    transcoder = FileTranscoder(parts.pixels)
    peers = {peer.ae_title: peer for peer in settings.peers}

    def destination_of(title: str, asked_by: str, message_id: int) -> MoveDestination:
        peer = peers[title]
        destination = ExportDestination(
            name=title,
            host=peer.host,
            port=peer.port,
            ae_title=title,
            calling_ae_title=settings.ae_title,
        )
        return DimseStorage(destination, originator=(asked_by, message_id), transcoder=transcoder)

    door = LocalQueryDoor(settings, exams, destination_of)
    return QueryRetrieveScp(door, is_shared=is_shared)
