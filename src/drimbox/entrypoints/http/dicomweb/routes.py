"""DICOMweb on either listener: QIDO-RS, WADO-RS, WADO-URI and Capabilities (PS3.18 8 to 10).

    authenticate -> what is asked (path, Accept) -> one flow -> DICOM JSON, or parts as they arrive

A stream that fails after its first octets is cut without its closing boundary: the client can tell.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPMethod

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.dicomweb.bulk_data import (
    all_bulk_data_response,
    bulk_data_response,
    pixel_data_response,
)
from drimbox.entrypoints.http.dicomweb.capabilities import capabilities_response
from drimbox.entrypoints.http.dicomweb.frames import frames_response
from drimbox.entrypoints.http.dicomweb.instances import instances_response
from drimbox.entrypoints.http.dicomweb.metadata import MetadataRequest, metadata_response
from drimbox.entrypoints.http.dicomweb.metadata_xml import metadata_xml_response
from drimbox.entrypoints.http.dicomweb.rendered import rendered_response, thumbnail_response
from drimbox.entrypoints.http.dicomweb.representation import accept_of
from drimbox.entrypoints.http.dicomweb.request import ImageRequest, own_address
from drimbox.entrypoints.http.dicomweb.search import SearchDoor, search_routes
from drimbox.entrypoints.http.dicomweb.uri import parse_wado_uri, wado_uri_response
from drimbox.flows.draw_ahead import DrawAhead
from drimbox.flows.fetch_ahead import FetchAhead
from drimbox.flows.opened_study import ImageService, OpenedStudy
from drimbox.model.access import Caller
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicomweb.media_types import DICOM_XML, choose_metadata

Authenticate = Callable[[Request], Awaitable[Caller]]


@dataclass(frozen=True, slots=True)
class DicomwebDoor:
    """Handlers of one listener; base_url is that of its /dicom-web."""

    authenticate: Authenticate
    images: ImageService
    pixels: PixelWorker
    base_url: str
    is_for_peers: bool = False
    fetch_ahead: FetchAhead | None = None
    draw_ahead: DrawAhead | None = None

    async def retrieve(self, request: Request) -> Response:
        """Study, series or instance as DICOM objects (PS3.18 10.4.1.1.1)."""
        return await instances_response(await self._ask(request))

    async def metadata(self, request: Request) -> Response:
        asked = await self._ask(request)
        media_type = choose_metadata(asked.ranges)
        if self.fetch_ahead is not None:
            self.fetch_ahead.begin(asked.opened)
        metadata = MetadataRequest(asked.opened, asked.target, asked.base_url)
        if media_type == DICOM_XML:
            return await metadata_xml_response(request, metadata)
        return await metadata_response(request, metadata)

    async def bulk_data(self, request: Request) -> Response:
        return await bulk_data_response(await self._ask(request), request.path_params["path"])

    async def all_bulk_data(self, request: Request) -> Response:
        return await all_bulk_data_response(await self._ask(request))

    async def pixel_data(self, request: Request) -> Response:
        return await pixel_data_response(await self._ask(request))

    async def frames(self, request: Request) -> Response:
        return await frames_response(await self._ask(request))

    async def wado_uri(self, request: Request) -> Response:
        """One object, named by query parameters (PS3.18 9)."""
        caller = await self.authenticate(request)
        wado = parse_wado_uri(request.query_params.multi_items())
        opened = await self._open(request, caller, wado.target)
        base_url = own_address(request, self.base_url)
        asked = ImageRequest(request, opened, wado.target, self.pixels, base_url, (), {})
        return await wado_uri_response(wado, asked)

    async def rendered(self, request: Request) -> Response:
        return await rendered_response(await self._ask(request))

    async def thumbnail(self, request: Request) -> Response:
        return await thumbnail_response(await self._ask(request))

    async def capabilities(self, request: Request) -> Response:
        """What this service does; no token is needed (SO.103, PS3.18 8.9)."""
        return capabilities_response(request, self.base_url, is_for_peers=self.is_for_peers)

    async def _ask(self, request: Request) -> ImageRequest:
        """Find out who asks for what, and open it for them."""
        caller = await self.authenticate(request)
        target = _target(request)
        opened = await self._open(request, caller, target)
        return ImageRequest(
            request,
            opened,
            target,
            self.pixels,
            own_address(request, self.base_url),
            ranges=accept_of(request),
            parameters=request.query_params,
            frames=request.path_params.get("frames"),
            draw_ahead=self.draw_ahead,
        )

    async def _open(self, request: Request, caller: Caller, target: TargetResource) -> OpenedStudy:
        kos = request.headers.get("kos-sopinstanceuid")
        return await self.images.open_study(caller, target, kos)


def dicomweb_routes(door: DicomwebDoor) -> list[BaseRoute]:
    """Return the routes of /dicom-web; peers get WADO-RS only."""
    study = "/dicom-web/studies/{study}"
    series = f"{study}/series/{{series}}"
    instance = f"{series}/instances/{{instance}}"
    # Tried in this order: frames and pictures, asked for by the hundred, come first.
    routes: list[BaseRoute] = [
        Route(f"{instance}/frames/{{frames}}", door.frames),
        Route(f"{instance}/frames/{{frames}}/rendered", door.rendered),
        Route(f"{instance}/frames/{{frames}}/thumbnail", door.thumbnail),
        Route(f"{instance}/bulkdata/{{path:path}}", door.bulk_data),
    ]
    for path in (instance, series, study):
        routes += [
            Route(f"{path}/rendered", door.rendered),
            Route(f"{path}/thumbnail", door.thumbnail),
            Route(f"{path}/metadata", door.metadata),
            Route(f"{path}/bulkdata", door.all_bulk_data),
            Route(f"{path}/pixeldata", door.pixel_data),
            Route(path, door.retrieve),
        ]
    routes += [
        Route(path, door.capabilities, methods=[HTTPMethod.GET, HTTPMethod.OPTIONS])
        for path in ("/dicom-web", "/dicom-web/")
    ]
    if door.is_for_peers:
        return [
            *routes,
            Route("/dicom-web/studies", door.capabilities, methods=[HTTPMethod.OPTIONS]),
        ]
    search = SearchDoor(door.authenticate, door.images, door.base_url, door.fetch_ahead)
    return [
        *search_routes(search, door.capabilities),
        *routes,
        Route("/dicom-web/wado", door.wado_uri),
    ]


def _target(request: Request) -> TargetResource:
    """Read the UIDs of the path.

    Raises:
        InvalidValue: one is no UID.
    """
    parameters = request.path_params
    series = parameters.get("series")
    instance = parameters.get("instance")
    return TargetResource(
        StudyInstanceUid(parameters["study"]),
        SeriesInstanceUid(series) if series is not None else None,
        SopInstanceUid(instance) if instance is not None else None,
    )
