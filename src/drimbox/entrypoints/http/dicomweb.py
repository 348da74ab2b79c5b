"""DICOMweb on either listener: QIDO-RS, WADO-RS and Capabilities (PS3.18 sections 8, 10).

    authenticate -> what is asked (path, Accept) -> one flow -> DICOM JSON, or parts as they arrive

A stream that fails after its first octets is cut without its closing boundary: the client can tell.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPMethod

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.dicomweb_bulk_data import (
    all_bulk_data_response,
    bulk_data_response,
    pixel_data_response,
)
from drimbox.entrypoints.http.dicomweb_frames import frames_response
from drimbox.entrypoints.http.dicomweb_instances import instances_response
from drimbox.entrypoints.http.dicomweb_metadata import MetadataRequest, metadata_response
from drimbox.entrypoints.http.dicomweb_metadata_xml import metadata_xml_response
from drimbox.entrypoints.http.dicomweb_rendered import rendered_response, thumbnail_response
from drimbox.entrypoints.http.dicomweb_request import ImageRequest
from drimbox.entrypoints.http.dicomweb_search import SearchDoor, search_routes
from drimbox.flows.opened_study import ImageService
from drimbox.model.access import Caller
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicomweb.media_types import DICOM_XML, choose_metadata

Authenticate = Callable[[Request], Awaitable[Caller]]
_CAPABILITIES = "application/json"


@dataclass(frozen=True, slots=True)
class DicomwebDoor:
    """Handlers of one listener; base_url is that of its /dicom-web."""

    authenticate: Authenticate
    images: ImageService
    pixels: PixelWorker
    base_url: str

    async def retrieve(self, request: Request) -> Response:
        """Study, series or instance as DICOM objects (PS3.18 10.4.1.1.1)."""
        return await instances_response(await self._ask(request))

    async def metadata(self, request: Request) -> Response:
        asked = await self._ask(request)
        media_type = choose_metadata(asked.ranges)
        metadata = MetadataRequest(asked.opened, asked.target, self.base_url)
        if media_type == DICOM_XML:
            return await metadata_xml_response(metadata)
        return await metadata_response(request, metadata)

    async def bulk_data(self, request: Request) -> Response:
        return await bulk_data_response(await self._ask(request), request.path_params["path"])

    async def all_bulk_data(self, request: Request) -> Response:
        return await all_bulk_data_response(await self._ask(request))

    async def pixel_data(self, request: Request) -> Response:
        return await pixel_data_response(await self._ask(request))

    async def frames(self, request: Request) -> Response:
        asked = await self._ask(request)
        frames = request.path_params["frames"]
        return await frames_response(asked.opened, asked.target, frames, asked.ranges, self.pixels)

    async def rendered(self, request: Request) -> Response:
        return await rendered_response(await self._ask(request))

    async def thumbnail(self, request: Request) -> Response:
        return await thumbnail_response(await self._ask(request))

    async def capabilities(self, request: Request) -> Response:
        """What this service does; no token is needed (SO.103, PS3.18 8.9)."""
        del request
        return Response(orjson.dumps(_capabilities(self.base_url)), media_type=_CAPABILITIES)

    async def _ask(self, request: Request) -> ImageRequest:
        """Find out who asks for what, and open it for them."""
        caller = await self.authenticate(request)
        target = _target(request)
        kos = request.headers.get("kos-sopinstanceuid")
        opened = await self.images.open_study(caller, target, kos)
        return ImageRequest(request, opened, target, self.pixels, self.base_url)


def dicomweb_routes(door: DicomwebDoor, *, is_for_peers: bool) -> list[BaseRoute]:
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
    if is_for_peers:
        return routes
    return [*search_routes(SearchDoor(door.authenticate, door.images, door.base_url)), *routes]


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


def _capabilities(base_url: str) -> dict[str, object]:
    return {
        "service": "DICOMweb",
        "base": base_url,
        "resources": {
            "studies": ["search", "retrieve", "metadata"],
            "series": ["search", "retrieve", "metadata"],
            "instances": ["search", "retrieve", "metadata", "rendered"],
            "frames": ["retrieve", "rendered"],
        },
        "mediaTypes": [
            'multipart/related; type="application/dicom"',
            "application/dicom",
            "application/dicom+json",
            'multipart/related; type="application/octet-stream"',
            "image/jpeg",
            "image/png",
        ],
    }
