"""Capabilities Description (PS3.18 8.9, annex H): what each resource takes and gives.

As JSON unless WADL is preferred: monitors ask with `Accept: application/json` (SO.103). The house's
tests hold this table to the routes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import orjson
from lxml import etree
from lxml.builder import ElementMaker
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.dicomweb.representation import accept_of
from drimbox.errors import NotAcceptable
from drimbox.standards.dicomweb.media_types import Offer, choose

_WADL = "http://wadl.dev.java.net/2009/02"
_make = ElementMaker(namespace=_WADL, nsmap={None: _WADL})
JSON_TYPE, WADL_TYPE = "application/json", "application/vnd.sun.wadl+xml"

_SEARCH = ("limit", "offset", "includefield", "fuzzymatching", "{attributeID}", "accept")
_SEARCH_TYPES = ("application/dicom+json", 'multipart/related; type="application/dicom+xml"')
_OBJECTS = ('multipart/related; type="application/dicom"', "application/dicom")
_BULK = ('multipart/related; type="application/octet-stream"', "application/octet-stream")
_FRAMES = (
    *_BULK,
    *(f'multipart/related; type="image/{kind}"' for kind in ("jpeg", "jls", "jp2", "jphc")),
)
_PICTURES = ("image/jpeg", "image/png")
_RENDERED = (*_PICTURES, "application/pdf", "text/html", "text/plain", "video/mp4", "video/mpeg")
_DRAWING = ("window", "viewport", "quality", "accept")
_URI = (
    "requestType", "studyUID", "seriesUID", "objectUID", "contentType", "transferSyntax",
    "frameNumber", "rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality",
)  # fmt: skip
_STUDY = "studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"


@dataclass(frozen=True, slots=True)
class Capability:
    """One resource, read by GET: its path below /dicom-web, query parameters, media types."""

    path: str
    parameters: tuple[str, ...]
    media_types: tuple[str, ...]
    is_search: bool = False


def capabilities(*, is_for_peers: bool) -> Iterator[Capability]:
    """Yield every resource; peers search nothing, and name what a KOS names."""
    for path in (_STUDY, _SERIES, _INSTANCE):
        yield Capability(path, ("accept",), _OBJECTS)
        yield Capability(f"{path}/metadata", ("accept",), _SEARCH_TYPES)
        yield Capability(f"{path}/rendered", _DRAWING, _RENDERED)
        yield Capability(f"{path}/thumbnail", ("viewport", "accept"), _PICTURES)
        yield Capability(f"{path}/bulkdata", ("accept",), _BULK[:1])
        yield Capability(f"{path}/pixeldata", ("accept",), _FRAMES)
    yield Capability(f"{_INSTANCE}/frames/{{frames}}", ("accept",), _FRAMES)
    yield Capability(f"{_INSTANCE}/frames/{{frames}}/rendered", _DRAWING, _PICTURES)
    yield Capability(f"{_INSTANCE}/frames/{{frames}}/thumbnail", ("viewport", "accept"), _PICTURES)
    yield Capability(f"{_INSTANCE}/bulkdata/{{path}}", ("accept",), (*_BULK, "application/pdf"))
    if is_for_peers:
        return
    for path in (
        *("studies", "series", "instances"),
        *(f"{_STUDY}/series", f"{_STUDY}/instances", f"{_SERIES}/instances"),
    ):
        yield Capability(path, _SEARCH, _SEARCH_TYPES, is_search=True)
    yield Capability("wado", _URI, ("application/dicom", *_RENDERED))


def capabilities_response(request: Request, base_url: str, *, is_for_peers: bool) -> Response:
    """Return the description.

    Raises:
        NotAcceptable: neither JSON nor WADL is accepted.
    """
    offer = choose(accept_of(request), [Offer(JSON_TYPE), Offer(WADL_TYPE)])
    if offer is None:
        raise NotAcceptable(f"capabilities are described as {JSON_TYPE} or {WADL_TYPE}")
    headers = {"Allow": "GET, HEAD, OPTIONS"}
    resources = tuple(capabilities(is_for_peers=is_for_peers))
    if offer.media_type == WADL_TYPE:
        return Response(_wadl(resources, base_url), headers=headers, media_type=WADL_TYPE)
    described = orjson.dumps(_json(resources, base_url))
    return Response(described, headers=headers, media_type=JSON_TYPE)


def _json(resources: tuple[Capability, ...], base_url: str) -> Mapping[str, object]:
    return {
        "service": "DICOMweb",
        "base": base_url,
        "resources": [
            {
                "path": one.path,
                "transaction": "search" if one.is_search else "retrieve",
                "queryParameters": one.parameters,
                "mediaTypes": one.media_types,
            }
            for one in resources
        ],
    }


def _wadl(resources: tuple[Capability, ...], base_url: str) -> bytes:
    listed = _make.resources({"base": base_url})
    for one in resources:
        request = _make.request(
            *(_make.param({"name": name, "style": "query"}) for name in one.parameters)
        )
        answer = _make.response(
            {"status": "200"},
            *(_make.representation({"mediaType": media_type}) for media_type in one.media_types),
        )
        name = "SearchFor" if one.is_search else "Retrieve"
        method = _make.method({"name": "GET", "id": f"{name}:{one.path}"}, request, answer)
        listed.append(_make.resource({"path": one.path}, method))
    octets: bytes = etree.tostring(
        _make.application(listed), encoding="UTF-8", xml_declaration=True
    )
    return octets
