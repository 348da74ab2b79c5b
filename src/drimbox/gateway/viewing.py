"""What shows images and documents to people: our own page, OHIF, the pages of documents."""

from dataclasses import dataclass

from starlette.routing import BaseRoute

from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.document_page import DocumentPage
from drimbox.entrypoints.http.documents import DocumentsDoor, document_routes
from drimbox.entrypoints.http.ohif import OhifDoor, OhifFiles, ohif_routes
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.entrypoints.http.viewer.documents import ViewerDocumentsDoor, viewer_document_routes
from drimbox.entrypoints.http.viewer.key_images import (
    ViewerKeyImagesDoor,
    viewer_key_images_routes,
)
from drimbox.entrypoints.http.viewer.links import ViewerLinksDoor, viewer_links_routes
from drimbox.entrypoints.http.viewer.page import ViewerDoor, viewer_routes
from drimbox.entrypoints.http.viewer.slices import ViewerSlicesDoor, viewer_slices_routes
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.consumer.read_documents import ReadDocuments
from drimbox.flows.consumer.view_study import ViewStudy
from drimbox.flows.consumer.viewer_links import ViewerLinks
from drimbox.flows.opened_study import ImageService
from drimbox.gateway.identity import Identity
from drimbox.gateway.parts import Parts


@dataclass(frozen=True, slots=True)
class Viewing:
    """What shows images and documents to people."""

    parts: Parts
    pages: Pages
    confirm: ConfirmPatient
    signed_in: SignedInPages
    images: ImageService
    import_studies: ImportStudies

    def document_routes(self, read_documents: ReadDocuments) -> list[BaseRoute]:
        door = DocumentsDoor(self.confirm, read_documents, self._document_page(), self.pages)
        return document_routes(door, self.signed_in)

    def viewer_routes(self, links: ViewerLinks) -> list[BaseRoute]:
        """Return the routes of our own image page, and of the links to it."""
        view_study = ViewStudy(self.images, self.parts.pixels)
        has_ohif = self.parts.settings.browser.ohif_directory is not None
        key_images = ViewerKeyImagesDoor(self.confirm, view_study)
        documents = ViewerDocumentsDoor(self.confirm, view_study, self._document_page())
        door = ViewerDoor(
            self.confirm,
            view_study,
            self.import_studies,
            self.pages,
            has_ohif=has_ohif,
            frame_ancestors=self._frame_ancestors,
        )
        return [
            # Before /viewer/{context}/{study}: links is not a context.
            *viewer_links_routes(ViewerLinksDoor(links), self.signed_in),
            *viewer_document_routes(documents, self.signed_in),
            *viewer_key_images_routes(key_images, self.signed_in),
            *viewer_slices_routes(ViewerSlicesDoor(self.confirm, view_study), self.signed_in),
            *viewer_routes(door, self.signed_in),
        ]

    def ohif_routes(self, identity: Identity) -> list[BaseRoute]:
        """Return the routes of OHIF; none where its folder is not configured."""
        browser = self.parts.settings.browser
        if browser.ohif_directory is None:
            return []
        files = OhifFiles(browser.ohif_directory, self._frame_ancestors)
        dicomweb = DicomwebDoor(
            identity.browser_callers,
            self.images,
            self.parts.pixels,
            f"{browser.base_url}/dicom-web",
            fetch_ahead=self.parts.fetch_ahead,
            draw_ahead=self.parts.draw_ahead,
        )
        return ohif_routes(
            OhifDoor(self.confirm, files),
            self.signed_in,
            dicomweb_routes(dicomweb),
        )

    def _document_page(self) -> DocumentPage:
        return DocumentPage(self.parts.pixels, self.pages, self._frame_ancestors)

    @property
    def _frame_ancestors(self) -> tuple[str, ...]:
        return self.parts.settings.contextual_call.frame_ancestors
