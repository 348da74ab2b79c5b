"""Documents of the DMP that are read beside the images (CO.58, CO.59, CO.95).

GET /consultation/{context}/documents                           the list, for a page's script
GET /consultation/{context}/documents/{document}                one, as a page of ours
GET /consultation/{context}/documents/{document}/pages/{page}   a page of its PDF, PNG
GET /consultation/{context}/documents/{document}/file           its PDF, to be kept
"""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.document_page import DocumentPage, document_page_routes
from drimbox.entrypoints.http.exam_filters import parse_filters
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.read_documents import ReadDocuments
from drimbox.model.access import ConsultationContext
from drimbox.model.clinical_document import ClinicalDocument
from drimbox.model.session import Session


@dataclass(frozen=True, slots=True)
class DocumentsDoor:
    confirm_patient: ConfirmPatient
    read_documents: ReadDocuments
    document_page: DocumentPage
    pages: Pages

    async def list(self, request: Request, session: Session) -> Response:
        """Show what answers the criteria; the list of exams says what stands in the way."""
        context = await self._context(request, session)
        criteria = parse_filters(request.query_params, context.criteria)
        return self.pages.render(
            "documents.html",
            context=context.identifier,
            documents=await self.read_documents.find(context, criteria),
        )

    async def document(
        self, request: Request, session: Session
    ) -> tuple[ConsultationContext, ClinicalDocument]:
        context = await self._context(request, session)
        return context, await self.read_documents.get(context, request.path_params["document"])

    async def _context(self, request: Request, session: Session) -> ConsultationContext:
        return await self.confirm_patient.get_confirmed(session, request.path_params["context"])


def document_routes(door: DocumentsDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the routes of the documents."""
    root = "/consultation/{context}/documents"
    return [
        Route(root, signed_in.script(door.list), methods=["GET"]),
        *document_page_routes(root + "/{document}", door.document, door.document_page, signed_in),
    ]
