"""Reports and PDF among the series of an exam, as pages beside its images (VI-CS.30).

GET /viewer/{context}/{study}/series/{series}/instances/{instance}/document
GET   .../document/pages/{page}       a page of its PDF, PNG
GET   .../document/file               its PDF, to be kept
"""

from dataclasses import dataclass

import anyio
from starlette.requests import Request
from starlette.routing import BaseRoute

from drimbox.entrypoints.http.document_page import DocumentPage, document_page_routes
from drimbox.entrypoints.http.exports import caller_of
from drimbox.entrypoints.http.instance_files import read_instance_header
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.entrypoints.http.viewer.page import image_address
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.view_study import ViewStudy
from drimbox.model.access import ConsultationContext
from drimbox.model.clinical_document import ClinicalDocument
from drimbox.model.session import Session
from drimbox.standards.dicom.readable_object import parse_readable_object


@dataclass(frozen=True, slots=True)
class ViewerDocumentsDoor:
    confirm_patient: ConfirmPatient
    view_study: ViewStudy
    document_page: DocumentPage

    async def document(
        self, request: Request, session: Session
    ) -> tuple[ConsultationContext, ClinicalDocument]:
        context = await self.confirm_patient.get_confirmed(session, request.path_params["context"])
        caller = caller_of(session, context)
        instance = await self.view_study.get_instance(caller, image_address(request))
        header = await anyio.to_thread.run_sync(read_instance_header, instance)
        return context, parse_readable_object(instance.sop_class_uid, header.data_set)


def viewer_document_routes(door: ViewerDocumentsDoor, signed_in: SignedInPages) -> list[BaseRoute]:
    """Return the routes of documents in the viewer."""
    root = "/viewer/{context}/{study}/series/{series}/instances/{instance}/document"
    return document_page_routes(root, door.document, door.document_page, signed_in)
