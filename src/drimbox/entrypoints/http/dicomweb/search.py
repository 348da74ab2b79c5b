"""QIDO-RS: searches for studies, series and instances (PS3.18 10.6).

    query string -> search -> one flow -> DICOM JSON or XML, with RetrieveURL at our own address

No match is 200 and an empty list: the standard allows 204 too, which several viewers cannot read.
As XML it is 204, since a multipart has a part at least.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPMethod, HTTPStatus

import anyio
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from drimbox.entrypoints.http.dicomweb.representation import Representation, accept_of, answer
from drimbox.entrypoints.http.dicomweb.request import own_address
from drimbox.errors import Refused
from drimbox.flows.fetch_ahead import FetchAhead
from drimbox.flows.opened_study import ImageService
from drimbox.model.access import Caller
from drimbox.model.retrieval import DicomJson, MatchPage, QueryLevel, TargetResource
from drimbox.model.scopes import Permission, check_scope
from drimbox.model.uids import SeriesInstanceUid, StudyInstanceUid
from drimbox.standards.dicomweb.manifest_matches import INSTANCE_UID, SERIES_UID, STUDY_UID
from drimbox.standards.dicomweb.media_types import DICOM_JSON, choose_metadata
from drimbox.standards.dicomweb.native_xml import encode_multipart_xml
from drimbox.standards.dicomweb.search_parameters import Search, SearchTarget, parse_search

_RETRIEVE_URL = "00081190"
_RESOURCES = (("studies", STUDY_UID), ("series", SERIES_UID), ("instances", INSTANCE_UID))
_ROWS_ON_THE_LOOP = 100
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class SearchDoor:
    """base_url is that of the listener's /dicom-web."""

    authenticate: Callable[[Request], Awaitable[Caller]]
    images: ImageService
    base_url: str
    fetch_ahead: FetchAhead | None = None

    async def studies(self, request: Request) -> Response:
        return await self._search(request, QueryLevel.STUDY)

    async def series(self, request: Request) -> Response:
        return await self._search(request, QueryLevel.SERIES)

    async def instances(self, request: Request) -> Response:
        return await self._search(request, QueryLevel.IMAGE)

    async def _search(self, request: Request, level: QueryLevel) -> Response:
        caller = await self.authenticate(request)
        is_xml = choose_metadata(accept_of(request)) != DICOM_JSON
        parameters = [p for p in request.query_params.multi_items() if p[0] != "accept"]
        target = _target(request, level)
        search = parse_search(target, parameters)
        page = await self.images.search(caller, search.query)
        if page.rows:
            self._fetch_ahead(caller, target)
        if is_xml and not page.rows:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=_warnings(search, page))
        base_url = own_address(request, self.base_url)
        rows = [_with_retrieve_url(row, level, base_url) for row in page.rows]
        if len(rows) > _ROWS_ON_THE_LOOP or is_xml:
            body = await anyio.to_thread.run_sync(_encode, rows, is_xml)
        else:
            body = _encode(rows, is_xml)
        return answer(request, body, _warnings(search, page))

    def _fetch_ahead(self, caller: Caller, target: SearchTarget) -> None:
        """Bring the study that was named, where the caller may read what it found."""
        study = target.study_instance_uid
        if self.fetch_ahead is None or study is None:
            return
        with suppress(Refused):
            check_scope(caller.scopes, "ImagingStudy", Permission.READ)
            wanted = TargetResource(study)
            self.fetch_ahead.begin_found(lambda: self.images.open_study(caller, wanted, None))


def search_routes(door: SearchDoor, describe: Handler) -> list[BaseRoute]:
    """Return the routes of QIDO-RS, relational ones included (PS3.18 table 10.6.1-1).

    describe answers OPTIONS of /studies, where the reference prototype describes itself.
    """

    async def studies(request: Request) -> Response:
        is_description = request.method == HTTPMethod.OPTIONS
        return await (describe if is_description else door.studies)(request)

    study = "/dicom-web/studies/{study}"
    return [
        Route("/dicom-web/studies", studies, methods=[HTTPMethod.GET, HTTPMethod.OPTIONS]),
        Route("/dicom-web/series", door.series),
        Route("/dicom-web/instances", door.instances),
        Route(f"{study}/series", door.series),
        Route(f"{study}/instances", door.instances),
        Route(f"{study}/series/{{series}}/instances", door.instances),
    ]


def _target(request: Request, level: QueryLevel) -> SearchTarget:
    study, series = request.path_params.get("study"), request.path_params.get("series")
    return SearchTarget(
        level,
        StudyInstanceUid(study) if study is not None else None,
        SeriesInstanceUid(series) if series is not None else None,
    )


def _with_retrieve_url(row: DicomJson, level: QueryLevel, base_url: str) -> DicomJson:
    """Add (0008,1190) at our own address, never the PACS's."""
    url = base_url
    for name, tag in _RESOURCES[: list(QueryLevel).index(level) + 1]:
        url += f"/{name}/{_first(row, tag)}"
    return dict(sorted({**row, _RETRIEVE_URL: {"vr": "UR", "Value": [url]}}.items()))


def _warnings(search: Search, page: MatchPage) -> Mapping[str, str]:
    """Return what Warning 299 tells (PS3.18 8.3.4.2, 8.3.4.4)."""
    query = search.query
    texts = [
        f"The {name} parameter is not supported. Only literal matching has been performed."
        for name in search.ignored
    ]
    remaining = page.total - query.offset - len(page.rows)
    if remaining > 0 and len(page.rows) == query.limit:
        texts.append(f"There are {remaining} additional results that can be requested")
    if not texts:
        return {}
    return {"Warning": ", ".join(f'299 drimbox "{text}"' for text in texts)}


def _first(row: DicomJson, tag: str) -> str:
    values = row.get(tag, {}).get("Value")
    return str(values[0]) if isinstance(values, list) and values else ""


def _encode(rows: Sequence[DicomJson], is_xml: bool) -> Representation:  # noqa: FBT001
    if is_xml:
        octets, media_type = encode_multipart_xml(rows)
        return Representation(octets, media_type)
    return Representation(orjson.dumps(rows), DICOM_JSON)
