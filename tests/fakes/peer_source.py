"""The peer listener of a Source, on a real socket with mutual TLS; what stands behind is fake."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.applications import Starlette
from starlette.types import ASGIApp
from tests.fakes.boxes import SOURCE, ListedBoxes, box
from tests.fakes.dicom_files import made_up_image, write_image
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.folder_pacs import FolderPacs
from tests.fakes.manifests import made_up_patient
from tests.fakes.oauth_server import OAuthServer
from tests.fakes.professionals import ALLOWED_PROFESSIONS
from tests.fakes.publications import made_up_publication

from drimbox.adapters.image_cache_disk.cache import DiskImageCache
from drimbox.adapters.pixel_worker_process.pool import PixelWorkerPool
from drimbox.entrypoints.http.bearer import PeerAuthentication, ProfessionalTokens
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.listener import HttpListener, peer_tls_context
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.source.published_manifests import PublishedManifests
from drimbox.flows.source.search_published import SearchPublished
from drimbox.flows.source.serve_study import ServeStudy
from drimbox.flows.source.source_images import SourceImages
from drimbox.model.patient import PatientTraits
from drimbox.model.publication import Publication, PublicationState
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid
from drimbox.ports.pacs import Pacs

NUMBERS = (1, 2, 3)


@dataclass
class PeerSource:
    """Published studies; boxes is the white list, its port this listener's."""

    server: OAuthServer
    boxes: ListedBoxes
    publications: Sequence[Publication]

    @property
    def publication(self) -> Publication:
        return self.publications[0]

    @property
    def audit(self) -> FakeAuditRepository:
        return self.server.audit

    @property
    def series(self) -> TargetResource:
        manifest = self.publication.manifest
        return TargetResource(manifest.study_instance_uid, manifest.series[0].series_instance_uid)


@asynccontextmanager
async def peer_source(
    folder: Path,
    *,
    pacs: Pacs | None = None,
    studies: int = 1,
    patient_of: Callable[[int], PatientTraits] = lambda _: made_up_patient(),
    behind: Callable[[ASGIApp], ASGIApp] = lambda application: application,
) -> AsyncIterator[PeerSource]:
    """Listen in front of a PACS, of those three images where none is given; study 1 is shown.

    What `behind` makes of the application stands in front of it.
    """
    boxes = ListedBoxes()
    server = OAuthServer(issuer=f"https://{SOURCE}", trusted_space=boxes)
    publications = [_published(number, patient_of(number)) for number in range(1, studies + 1)]
    cache = DiskImageCache(folder / "source-cache", max_bytes=10**8, max_age_seconds=60)
    serve = _serve_study(server, publications, pacs or _three_images(folder), cache)
    pixels = PixelWorkerPool(workers=1, deadline_seconds=20)
    authentication = PeerAuthentication(
        server.tokens, ProfessionalTokens(PSC, server.provider), boxes
    )
    door = DicomwebDoor(
        authentication, serve, pixels, f"https://{SOURCE}/dicom-web", is_for_peers=True
    )
    application = Starlette(
        routes=[*dicomweb_routes(door), *server.routes()],
        exception_handlers=exception_handlers(),
    )
    own = box(SOURCE)
    files = own.server
    tls = peer_tls_context(files.certificate_file, files.key_file, own.ca_file)
    listener = HttpListener(behind(application), "127.0.0.1", 0, tls=tls)
    await listener.start()
    boxes.port = listener.port
    try:
        yield PeerSource(server, boxes, publications)
    finally:
        await listener.stop()
        await cache.stop()
        await pixels.stop()


def _published(study: int, patient: PatientTraits) -> Publication:
    """Return the study of this number, whose CT series is that of made_up_image."""
    patient_id = patient.ins.xds_patient_id
    publication = made_up_publication(study=study, patient_id=patient_id).publication
    uid = publication.study_instance_uid
    first, *others = publication.manifest.series
    series = replace(
        first,
        series_instance_uid=SeriesInstanceUid(f"{uid}.2"),
        instances=tuple(
            replace(one, sop_instance_uid=SopInstanceUid(f"{uid}.2.{number}"))
            for number, one in enumerate(first.instances, 1)
        ),
    )
    manifest = replace(publication.manifest, patient=patient, series=(series, *others))
    return replace(publication, manifest=manifest, state=PublicationState.PUBLISHED)


def _three_images(folder: Path) -> FolderPacs:
    pacs_folder = folder / "source-pacs"
    pacs_folder.mkdir()
    for number in NUMBERS:
        write_image(made_up_image(number), pacs_folder / f"{number}.dcm")
    return FolderPacs(pacs_folder)


def _serve_study(
    server: OAuthServer, publications: Sequence[Publication], pacs: Pacs, cache: DiskImageCache
) -> ServeStudy:
    register = FakeStudyRegister()
    register.publications.extend(publications)
    return ServeStudy(
        register=register,
        images=SourceImages(pacs, cache),
        audit=server.audit,
        clock=server.clock,
        allowed_professions=ALLOWED_PROFESSIONS,
        find_published=SearchPublished(register, PublishedManifests(register), pacs),
        accesses=RecentAccesses(server.clock),
    )
