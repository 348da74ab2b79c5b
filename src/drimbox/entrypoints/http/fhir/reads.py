"""Reads of the FHIR door, one a resource: the record by its id -> the resource, with its version.

If-None-Match with this very version   304
/_history/[version] of another one     404: only the current version is kept
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.fhir.edge import request_id_of
from drimbox.entrypoints.http.fhir.endpoints import Endpoints
from drimbox.entrypoints.http.fhir.formats import (
    PRIVATE,
    Format,
    accepts_resource,
    format_of,
    resource_response,
)
from drimbox.errors import InvalidValue, NotAcceptable, NotFound
from drimbox.flows.fhir_trail import Request as Asked
from drimbox.flows.read_fhir import ReadFhir
from drimbox.model.access import Caller
from drimbox.model.document_entry import DocumentEntry
from drimbox.model.imaging_record import ImageSource, ImagingRecord
from drimbox.model.imaging_search import RecordQuery
from drimbox.model.scopes import Permission
from drimbox.model.uids import StudyInstanceUid
from drimbox.standards.dicomweb.media_types import parse_accept
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.document_list import encode_document_list
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.endpoint import encode_endpoint
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.manifest_bundle import encode_manifest_bundle
from drimbox.standards.fhir.organization import (
    DEVICE_ID,
    box_organization_id,
    encode_box_organization,
    encode_device,
    encode_structure,
    structure_organization_id,
)
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.people import document_of, people_of
from drimbox.standards.fhir.provenance import encode_provenance
from drimbox.standards.fhir.search import Summary, parse_parts
from drimbox.standards.fhir.subset import series_form, subset
from drimbox.standards.fhir.surface import ServiceFacts
from drimbox.standards.fhir.version import version_of

_EXTENSION_OF = {
    "application/dicom": "dcm",
    "application/pdf": "pdf",
    "application/xml": "xml",
    "text/xml": "xml",
}


@dataclass(frozen=True, slots=True)
class FhirReads:
    """One handler a resource type; each answers for the id of the path."""

    reading: ReadFhir
    facts: ServiceFacts
    own_endpoints: Endpoints

    async def imaging_study(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        try:
            query = RecordQuery(studies=(StudyInstanceUid(identifier),))
        except InvalidValue:
            raise NotFound("no such study") from None
        record = await self.reading.get_record(caller, _asked(request, "ImagingStudy"), query)
        form = series_form(*_parts(request), is_json=format_of(request) is Format.JSON)
        resource = encode_imaging_study(record, self.facts.dicomweb_url, form)
        return _versioned(request, resource, record)

    async def document_reference(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        asked = _asked(request, "DocumentReference")
        record = await self.reading.get_document(caller, asked, identifier)
        resource = encode_document_reference(record, self.facts.fhir_url)
        return _versioned(request, resource, record)

    async def document_list(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        found = await self.reading.get_list(caller, _asked(request, "List"), identifier)
        return _unversioned(request, encode_document_list(found))

    async def patient(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        subject = await self.reading.get_patient(caller, _asked(request, "Patient"), identifier)
        return _unversioned(request, encode_patient(subject, self.facts.fr_core_release))

    async def endpoint(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        places = await self.reading.find_places(caller, _asked(request, "Endpoint"))
        for endpoint in self.own_endpoints.of_places(caller, places):
            if endpoint.identifier == identifier:
                return _unversioned(request, encode_endpoint(endpoint))
        raise NotFound("no such endpoint")

    async def person(self, request: Request, caller: Caller) -> Response:
        """Return who made or signed a document, found by the document that the id names."""
        kind, identifier = request.url.path.rsplit("/", 2)[1:]
        document = document_of(identifier) or identifier
        record = await self.reading.get_document(caller, _asked(request, kind), document)
        person = people_of(record).get(f"{kind}/{identifier}")
        if person is None:
            raise NotFound("nobody of that id")
        return _unversioned(request, person)

    async def organization(self, request: Request, caller: Caller) -> Response:
        """Return an establishment of this box, who made a document, or who runs a Source."""
        identifier = request.path_params["id"]
        if document_of(identifier) is not None:
            return await self.person(request, caller)
        asked = _asked(request, "Organization")
        known = {structure_organization_id(s): encode_structure(s) for s in self.facts.structures}
        sources: tuple[ImageSource, ...] = ()
        if identifier in known:
            await self.reading.check_read(caller, asked)
        else:
            sources = (await self.reading.find_places(caller, asked)).sources
        boxes = (source.box for source in sources if source.box is not None)
        known |= {box_organization_id(box): encode_box_organization(box) for box in boxes}
        if identifier not in known:
            raise NotFound("no such organization")
        return _unversioned(request, known[identifier])

    async def device(self, request: Request, caller: Caller) -> Response:
        """Return this box, or a device that made a document."""
        identifier = request.path_params["id"]
        if document_of(identifier) is not None:
            return await self.person(request, caller)
        await self.reading.check_read(caller, _asked(request, "Device"))
        if identifier != DEVICE_ID:
            raise NotFound("no such device")
        return _unversioned(request, encode_device(self.facts.version, self.facts.creator))

    async def provenance(self, request: Request, caller: Caller) -> Response:
        identifier = request.path_params["id"]
        asked = _asked(request, "Provenance")
        record = await self.reading.get_document(caller, asked, identifier, needs_study=True)
        if record.is_derived:
            raise NotFound("no such provenance")
        return _versioned(request, encode_provenance(record), record)

    async def bundle(self, request: Request, caller: Caller) -> Response:
        """Return the FHIR manifest of a KOS (MADO)."""
        identifier = request.path_params["id"]
        record = await self.reading.get_manifest(caller, _asked(request, "Bundle"), identifier)
        facts = self.facts
        bundle = encode_manifest_bundle(
            record, facts.dicomweb_url, facts.version, facts.creator, facts.fr_core_release
        )
        return _versioned(request, bundle, record)

    async def binary(self, request: Request, caller: Caller) -> Response:
        """Return a KOS or a report: its octets, or a Binary where Accept asks for it (ITI-68)."""
        identifier = request.path_params["id"]
        asked = _asked(request, "Binary")
        record, content = await self.reading.get_octets(caller, asked, identifier)
        mime_type = record.document.mime_type
        if accepts_resource(request):
            binary: Json = {
                "resourceType": "Binary",
                "id": identifier,
                "contentType": mime_type,
                "data": base64.b64encode(content).decode(),
            }
            return _conditional(request, resource_response(binary, format_of(request)), record)
        wanted = {mime_type, mime_type.partition("/")[0] + "/*", "*/*"}
        ranges = parse_accept(request.headers.getlist("accept"))
        if not any(one.q > 0 and one.media_type in wanted for one in ranges):
            raise NotAcceptable(f"the document is {mime_type}")
        headers = {
            "Cache-Control": PRIVATE,
            "Content-Disposition": f'attachment; filename="{_file_name(record.document)}"',
            # As it is: a text says itself what its characters are.
            "Content-Type": mime_type,
            "Vary": "Accept, Authorization",
            "X-Content-Type-Options": "nosniff",
        }
        return _conditional(request, Response(content, 200, headers), record)


def written_public(request: Request, resource: Json) -> Response:
    """Write what anybody may read and keep for a while."""
    headers = {"Cache-Control": "public, max-age=300"}
    return _unless_known(request, _written(request, resource, headers))


def _asked(request: Request, resource: str) -> Asked:
    identifier = request.path_params["id"][:64].encode()
    return Asked(resource, Permission.READ, identifier, request_id_of(request))


def _parts(request: Request) -> tuple[Summary, tuple[str, ...]]:
    return parse_parts(request.query_params.multi_items())


def _written(request: Request, resource: Json, headers: dict[str, str] | None = None) -> Response:
    """Write a resource, or the part of it that is asked for."""
    written = subset(resource, *_parts(request))
    return resource_response(written, format_of(request), headers=headers)


def _versioned(request: Request, resource: Json, record: ImagingRecord) -> Response:
    version = request.path_params.get("version")
    if version is not None and version != version_of(record):
        raise NotFound("no such version: only the current one is kept")
    return _conditional(request, _written(request, resource), record)


def _unversioned(request: Request, resource: Json) -> Response:
    """Write what has no version of its own: its octets tell whether it has changed."""
    return _unless_known(request, _written(request, resource))


def _conditional(request: Request, response: Response, record: ImagingRecord) -> Response:
    """Add the version and the time of a record."""
    response.headers["Last-Modified"] = _http_date(record.updated_at)
    return _unless_known(request, response, version_of(record))


def _unless_known(request: Request, response: Response, version: str | None = None) -> Response:
    """Add ETag; 304 where the client has this very version (RFC 9110 13)."""
    version = version or hashlib.sha256(response.body).hexdigest()[:16]
    response.headers["ETag"] = f'W/"{version}"'
    known = ",".join(request.headers.getlist("if-none-match")).split(",")
    if not any(one.strip().removeprefix("W/") in {f'"{version}"', "*"} for one in known):
        return response
    kept = ("etag", "last-modified", "cache-control", "vary")
    headers = {name: response.headers[name] for name in kept if name in response.headers}
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)


def _file_name(document: DocumentEntry) -> str:
    """Return a name that tells what a document is and says nothing of whose."""
    extension = _EXTENSION_OF.get(document.mime_type.lower(), "bin")
    return f"{'kos' if document.is_kos else 'report'}.{extension}"


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.replace(microsecond=0), usegmt=True)
