"""One document as a page of ours, where nothing that others wrote acts (threat X7).

A CDA or SR is shown from our own tree, a PDF as pictures, on a page where no script runs and which
only our pages (and whoever may frame them) frame; the PDF itself leaves as an attachment only.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.shown_failures import shown_failure_of
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.errors import DrimboxError, InvalidValue, NotFound
from drimbox.model.access import ConsultationContext
from drimbox.model.clinical_document import ClinicalDocument
from drimbox.model.patient import PatientTraits
from drimbox.model.session import Session
from drimbox.ports.document_pages import DocumentPages

_PAGE_WIDTH_PIXELS = 1240  # A4 at 150 dots an inch
_LAST_PAGE = 9999

FindDocument = Callable[[Request, Session], Awaitable[tuple[ConsultationContext, ClinicalDocument]]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentPage:
    """frame_ancestors are the origins that may frame our pages, and so what these frame."""

    drawing: DocumentPages
    pages: Pages
    frame_ancestors: tuple[str, ...] = ()

    async def show(
        self, document: ClinicalDocument, *, patient: PatientTraits, address: str
    ) -> Response:
        """Answer with the document; address is where its pages and its file stand below."""
        texts = () if document.pdf is None else await self.drawing.read_pages(document.pdf)
        return self._render(
            HTTPStatus.OK, document=document, patient=patient, texts=texts, address=address
        )

    async def picture(self, document: ClinicalDocument, page: str) -> Response:
        """Answer with one page of its PDF as PNG.

        Raises:
            NotFound: the document is no PDF, or has fewer pages.
            InvalidValue: no page number.
        """
        if document.pdf is None:
            raise NotFound("the document is no PDF")
        if not (page.isascii() and page.isdigit() and 1 <= int(page[:6]) <= _LAST_PAGE):
            raise InvalidValue("page", "a page number, counted from 1")
        drawn = await self.drawing.draw_page(document.pdf, int(page), _PAGE_WIDTH_PIXELS)
        return Response(drawn, media_type="image/png")

    def file(self, document: ClinicalDocument) -> Response:
        """Answer with its PDF as an attachment.

        Raises:
            NotFound: the document is no PDF.
        """
        if document.pdf is None:
            raise NotFound("the document is no PDF")
        headers = {
            "Content-Disposition": 'attachment; filename="document.pdf"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        return Response(document.pdf, media_type="application/pdf", headers=headers)

    def refuse(self, error: DrimboxError) -> Response:
        """Say in the page itself why a document is not shown: it may stand in a frame."""
        _log.info("document_refused", error=type(error).__name__)
        failure = shown_failure_of(error)
        return self._render(failure.status, failure=failure.sentence)

    def _render(
        self,
        status: HTTPStatus,
        *,
        document: ClinicalDocument | None = None,
        patient: PatientTraits | None = None,
        texts: tuple[str, ...] = (),
        address: str = "",
        failure: str = "",
    ) -> Response:
        response = self.pages.render(
            "document.html",
            int(status),
            document=document,
            patient=patient,
            texts=texts,
            address=address,
            failure=failure,
        )
        ancestors = " ".join(("'self'", *self.frame_ancestors))
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"form-action 'none'; frame-ancestors {ancestors}; "
            "sandbox allow-same-origin allow-downloads"
        )
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        return response


def document_page_routes(
    root: str, find: FindDocument, page: DocumentPage, signed_in: SignedInPages
) -> list[BaseRoute]:
    """Return the routes of a document that stands at root: itself, its pages, its file."""

    async def show(request: Request, session: Session) -> Response:
        try:
            context, document = await find(request, session)
            # As the browser wrote it: identifiers of documents hold characters to be quoted.
            address = quote(request.url.path)
            return await page.show(document, patient=context.patient, address=address)
        except DrimboxError as error:
            return page.refuse(error)

    async def picture(request: Request, session: Session) -> Response:
        _, document = await find(request, session)
        return await page.picture(document, request.path_params["page"])

    async def file(request: Request, session: Session) -> Response:
        _, document = await find(request, session)
        return page.file(document)

    return [
        Route(root, signed_in.page(show), methods=["GET"]),
        Route(root + "/pages/{page}", signed_in.script(picture), methods=["GET"]),
        Route(root + "/file", signed_in.script(file), methods=["GET"]),
    ]
