"""FHIR R4 on the browser listener: metadata, reads, searches (spec 4.1, 4.5).

    authenticate -> parse -> one flow -> resource, in JSON or XML

Every answer is a resource; errors are OperationOutcome (fhir_errors.py, by error_doors.py).
"""

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.fhir_formats import (
    PRIVATE,
    accepts_resource,
    format_of,
    resource_response,
)
from drimbox.entrypoints.http.fhir_search import FhirSearch
from drimbox.errors import InvalidValue, NotAcceptable, NotFound
from drimbox.flows.read_fhir import ReadFhir
from drimbox.flows.read_fhir import Request as Asked
from drimbox.model.access import Caller
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.imaging_search import RecordQuery
from drimbox.model.scopes import Permission
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.dicomweb.media_types import parse_accept
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.endpoint import WadoEndpoint, encode_endpoint
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.version import version_of

Authenticate = Callable[[Request], Awaitable[Caller]]
Handler = Callable[[Request, Caller], Awaitable[Response]]
PREFIX = "/fhir"


@dataclass(frozen=True, slots=True)
class FhirDoor:
    """capability is the CapabilityStatement, which needs no token."""

    authenticate: Authenticate
    reading: ReadFhir
    search: FhirSearch
    capability: Json

    async def metadata(self, request: Request) -> Response:
        written_as = format_of(request)
        return resource_response(
            self.capability, written_as, headers={"Cache-Control": "public, max-age=300"}
        )

    async def imaging_study(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        try:
            query = RecordQuery(studies=(StudyInstanceUid(identifier),))
        except InvalidValue:
            raise NotFound("no such study") from None
        record = await self.reading.get_record(
            caller, _asked("ImagingStudy", identifier), query, identifier
        )
        resource = encode_imaging_study(record, self.search.dicomweb_url)
        return _versioned(request, resource, record)

    async def document_reference(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        record = await self.reading.get_record(
            caller,
            _asked("DocumentReference", identifier),
            RecordQuery(documents=(identifier,)),
            identifier,
        )
        resource = encode_document_reference(record, self.search.fhir_url)
        return _versioned(request, resource, record)

    async def patient(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        subject = await self.reading.get_patient(caller, _asked("Patient", identifier), identifier)
        return resource_response(encode_patient(subject), format_of(request))

    async def endpoint(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        locations = await self.reading.find_locations(caller, _asked("Endpoint", identifier))
        for location in locations:
            endpoint = WadoEndpoint(self.search.dicomweb_url, location)
            if endpoint.identifier == identifier:
                return resource_response(encode_endpoint(endpoint), format_of(request))
        raise NotFound("no such endpoint")

    async def binary(self, request: Request, caller: Caller) -> Response:
        """Return the KOS: its octets, or a Binary where a resource is asked for (ITI-68)."""
        identifier = request.path_params["id"]
        record = await self.reading.get_kos(caller, _asked("Binary", identifier), identifier)
        assert record.study is not None  # noqa: S101  # get_kos answers with a KOS
        content, mime_type = record.study.kos, record.document.mime_type
        if accepts_resource(request):
            binary: Json = {
                "resourceType": "Binary",
                "id": identifier,
                "contentType": mime_type,
                "data": base64.b64encode(content).decode(),
            }
            return resource_response(binary, format_of(request))
        wanted = {mime_type, mime_type.partition("/")[0] + "/*", "*/*"}
        ranges = parse_accept(request.headers.getlist("accept"))
        if not any(one.q > 0 and one.media_type in wanted for one in ranges):
            raise NotAcceptable(f"the document is {mime_type}")
        headers = {
            "Cache-Control": PRIVATE,
            "Content-Disposition": 'attachment; filename="kos.dcm"',
            "X-Content-Type-Options": "nosniff",
        }
        return _conditional(request, Response(content, 200, headers, mime_type), record)


def fhir_routes(door: FhirDoor) -> list[BaseRoute]:
    """Return the routes of /fhir."""

    def guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            return await handler(request, await door.authenticate(request))

        return handle

    searches: dict[str, Handler] = {
        "ImagingStudy": door.search.imaging_studies,
        "DocumentReference": door.search.document_references,
        "Patient": door.search.patients,
        "Endpoint": door.search.endpoints,
    }
    reads: dict[str, Handler] = {
        "ImagingStudy": door.imaging_study,
        "DocumentReference": door.document_reference,
        "Patient": door.patient,
        "Endpoint": door.endpoint,
        "Binary": door.binary,
    }
    routes: list[BaseRoute] = [Route(f"{PREFIX}/metadata", door.metadata)]
    for name, handler in searches.items():
        routes += [
            Route(f"{PREFIX}/{name}", guarded(handler)),
            Route(f"{PREFIX}/{name}/_search", guarded(handler), methods=["POST"]),
        ]
    routes += [Route(f"{PREFIX}/{name}/{{id}}", guarded(read)) for name, read in reads.items()]
    return routes


def _asked(resource: str, identifier: str) -> Asked:
    return Asked(resource, Permission.READ, identifier[:64].encode())


def _versioned(request: Request, resource: Json, record: ImagingRecord) -> Response:
    return _conditional(request, resource_response(resource, format_of(request)), record)


def _conditional(request: Request, response: Response, record: ImagingRecord) -> Response:
    """Add ETag and Last-Modified; 304 where the client has this very version (RFC 9110 13)."""
    etag = f'W/"{version_of(record)}"'
    headers = {"ETag": etag, "Last-Modified": _http_date(record.updated_at)}
    known = ",".join(request.headers.getlist("if-none-match"))
    if any(one.strip().removeprefix("W/") in {etag[2:], "*"} for one in known.split(",")):
        headers["Cache-Control"] = PRIVATE
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    response.headers.update(headers)
    return response


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)
