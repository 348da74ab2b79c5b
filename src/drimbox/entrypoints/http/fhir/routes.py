"""FHIR R4 on the browser listener: metadata, reads, searches (spec 4.1, 4.5).

    authenticate -> parse -> one flow -> resource, in JSON or XML

Every answer is a resource; errors are OperationOutcome (fhir_errors.py, by error_doors.py). The
routes follow the table of standards/fhir/surface.py, which /metadata is made of too.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.fhir.definitions import (
    PublicDefinitions,
    load_definitions,
    public_definitions,
)
from drimbox.entrypoints.http.fhir.reads import FhirReads
from drimbox.entrypoints.http.fhir.search import FhirSearch, owner_of
from drimbox.entrypoints.http.request_limit import RequestLimit
from drimbox.errors import NotAuthenticated
from drimbox.model.access import Caller
from drimbox.model.scopes import ScopeMissing
from drimbox.standards.fhir.surface import SURFACE, OfferedResource

Authenticate = Callable[[Request], Awaitable[Caller]]
Handler = Callable[[Request, Caller], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
PREFIX = "/fhir"


class _IdConvertor(Convertor[str]):
    """What may be an id: not `_search`, `_history` or `$operation`, which are interactions."""

    regex = "[^/_$][^/]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("fhir_id", _IdConvertor())
_ID = "{id:fhir_id}"


@dataclass(frozen=True, slots=True)
class FhirDoor:
    """authenticate tells who calls; reads and search answer.

    is_strict: a token without the scope is answered as IUA wants it, 401, and not 403 (D4).
    """

    authenticate: Authenticate
    reads: FhirReads
    search: FhirSearch
    limit: RequestLimit
    is_strict: bool = False


def fhir_routes(door: FhirDoor) -> list[BaseRoute]:
    """Return the routes of /fhir."""
    public = public_definitions(door.search.answers, load_definitions())
    routes: list[BaseRoute] = [Route(f"{PREFIX}/metadata", public.metadata)]
    for offered in SURFACE:
        if offered.is_public:
            routes += _public_routes(public, offered)
        else:
            routes += _guarded_routes(door, offered)
    return routes


def _public_routes(public: PublicDefinitions, offered: OfferedResource) -> Iterator[BaseRoute]:
    path, resource = f"{PREFIX}/{offered.name}", offered.search
    if resource is not None:

        async def search(request: Request) -> Response:
            return await public.search(request, resource)

        yield Route(path, search)
        yield Route(f"{path}/_search", search, methods=["POST"])
    yield Route(f"{path}/{_ID}", public.read)


def _guarded_routes(door: FhirDoor, offered: OfferedResource) -> Iterator[BaseRoute]:
    path = f"{PREFIX}/{offered.name}"
    if offered.search is not None:
        search = _guarded(door, _searches(door.search)[offered.name])
        yield Route(path, search)
        yield Route(f"{path}/_search", search, methods=["POST"])
    read = _guarded(door, _reads(door.reads)[offered.name])
    yield Route(f"{path}/{_ID}", read)
    if offered.has_versions:
        yield Route(f"{path}/{_ID}/_history/{{version}}", read)


def _guarded(door: FhirDoor, handler: Handler) -> Endpoint:
    async def handle(request: Request) -> Response:
        caller = await door.authenticate(request)
        door.limit.take(owner_of(caller))
        try:
            return await handler(request, caller)
        except ScopeMissing as error:
            if not door.is_strict:
                raise
            raise NotAuthenticated(str(error), error="insufficient_scope") from error

    return handle


def _searches(search: FhirSearch) -> Mapping[str, Handler]:
    return {
        "ImagingStudy": search.imaging_studies,
        "DocumentReference": search.document_references,
        "List": search.lists,
        "Patient": search.patients,
        "Endpoint": search.endpoints,
    }


def _reads(reads: FhirReads) -> Mapping[str, Handler]:
    return {
        "ImagingStudy": reads.imaging_study,
        "DocumentReference": reads.document_reference,
        "List": reads.document_list,
        "Patient": reads.patient,
        "Endpoint": reads.endpoint,
        "Binary": reads.binary,
        "Bundle": reads.bundle,
        "Provenance": reads.provenance,
        "Practitioner": reads.person,
        "PractitionerRole": reads.person,
        "Organization": reads.organization,
        "Device": reads.device,
    }
