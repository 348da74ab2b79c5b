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

from drimbox.entrypoints.http.dicomweb_answers import OutgoingInstances, instances_response
from drimbox.entrypoints.http.dicomweb_frames import frames_response, rendered_response
from drimbox.entrypoints.http.dicomweb_metadata import (
    MetadataRequest,
    bulk_data_response,
    metadata_response,
)
from drimbox.entrypoints.http.dicomweb_search import SearchDoor, search_routes
from drimbox.flows.opened_study import ImageService, OpenedStudy
from drimbox.model.access import Caller
from drimbox.model.retrieval import TargetResource
from drimbox.model.uids import SeriesInstanceUid, SopInstanceUid, StudyInstanceUid
from drimbox.ports.pixel_worker import PixelWorker
from drimbox.standards.dicomweb.media_types import MediaRange, choose_metadata, parse_accept

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
        caller = await self.authenticate(request)
        target = _target(request)
        opened = await self._open(request, caller, target)
        outgoing = OutgoingInstances(opened, target, self.pixels)
        return await instances_response(outgoing, _accept(request))

    async def metadata(self, request: Request) -> Response:
        caller = await self.authenticate(request)
        target = _target(request)
        opened = await self._open(request, caller, target)
        choose_metadata(_accept(request))
        return await metadata_response(MetadataRequest(opened, target, self.base_url))

    async def bulk_data(self, request: Request) -> Response:
        caller = await self.authenticate(request)
        opened, target = await self._open_instance(request, caller)
        asked = MetadataRequest(opened, target, self.base_url)
        return await bulk_data_response(asked, request.path_params["path"], _accept(request))

    async def frames(self, request: Request) -> Response:
        caller = await self.authenticate(request)
        opened, instance_target = await self._open_instance(request, caller)
        return await frames_response(
            opened, instance_target, request.path_params["frames"], _accept(request), self.pixels
        )

    async def rendered(self, request: Request) -> Response:
        caller = await self.authenticate(request)
        opened, target = await self._open_instance(request, caller)
        return await rendered_response(request, opened, target, _accept(request), self.pixels)

    async def capabilities(self, request: Request) -> Response:
        """What this service does; no token is needed (SO.103, PS3.18 8.9)."""
        del request
        return Response(orjson.dumps(_capabilities(self.base_url)), media_type=_CAPABILITIES)

    async def _open(self, request: Request, caller: Caller, target: TargetResource) -> OpenedStudy:
        kos = request.headers.get("kos-sopinstanceuid")
        return await self.images.open_study(caller, target, kos)

    async def _open_instance(
        self, request: Request, caller: Caller
    ) -> tuple[OpenedStudy, TargetResource]:
        target = _target(request)
        return await self._open(request, caller, target), target


def dicomweb_routes(door: DicomwebDoor, *, is_for_peers: bool) -> list[BaseRoute]:
    """Return the routes of /dicom-web; peers get WADO-RS only."""
    study = "/dicom-web/studies/{study}"
    series = f"{study}/series/{{series}}"
    instance = f"{series}/instances/{{instance}}"
    routes: list[BaseRoute] = [
        Route(path, door.capabilities, methods=[HTTPMethod.GET, HTTPMethod.OPTIONS])
        for path in ("/dicom-web", "/dicom-web/")
    ]
    routes += [Route(path, door.retrieve) for path in (study, series, instance)]
    routes += [Route(f"{path}/metadata", door.metadata) for path in (study, series, instance)]
    routes += [
        Route(f"{instance}/frames/{{frames}}", door.frames),
        Route(f"{instance}/bulkdata/{{path:path}}", door.bulk_data),
        Route(f"{instance}/rendered", door.rendered),
        Route(f"{instance}/frames/{{frames}}/rendered", door.rendered),
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


def _accept(request: Request) -> tuple[MediaRange, ...]:
    """Read the Accept headers; the query parameter `accept` serves links (PS3.18 8.3.3.1)."""
    queried = request.query_params.getlist("accept")
    return parse_accept(queried or request.headers.getlist("accept"))


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
