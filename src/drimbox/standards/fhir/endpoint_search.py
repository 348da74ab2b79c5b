"""What an Endpoint is searched by."""

from collections.abc import Iterator

from drimbox.standards.fhir.endpoint import (
    CONNECTION_TYPE,
    PAYLOAD_TYPE,
    VIEWER_CONNECTION,
    WADO_CONNECTION,
    AnyEndpoint,
    WadoEndpoint,
)
from drimbox.standards.fhir.organization import box_organization_id
from drimbox.standards.fhir.search import SearchableResource
from drimbox.standards.fhir.search_parameters import Kind, SearchParameter, table
from drimbox.standards.fhir.search_values import Reference, Token, code_token, uid_token


def _connections(endpoint: AnyEndpoint) -> Iterator[Token]:
    is_wado = isinstance(endpoint, WadoEndpoint)
    yield code_token(CONNECTION_TYPE, WADO_CONNECTION if is_wado else VIEWER_CONNECTION)


def _locations(endpoint: AnyEndpoint) -> Iterator[Token]:
    if isinstance(endpoint, WadoEndpoint) and endpoint.source.location is not None:
        yield uid_token(endpoint.source.location)


def _organizations(endpoint: AnyEndpoint) -> Iterator[Reference]:
    if isinstance(endpoint, WadoEndpoint) and endpoint.source.box is not None:
        yield Reference("Organization", box_organization_id(endpoint.source.box))


ENDPOINT: SearchableResource[AnyEndpoint] = SearchableResource(
    name="Endpoint",
    parameters=table(
        SearchParameter("_id", Kind.TOKEN, lambda e: (Token("", e.identifier),)),
        SearchParameter(
            "connection-type", Kind.TOKEN, _connections, "dicom-wado-rs, or ihe-iid: the viewer"
        ),
        SearchParameter("payload-type", Kind.TOKEN, lambda _: (code_token(PAYLOAD_TYPE, "none"),)),
        SearchParameter("status", Kind.TOKEN, lambda _: (Token("", "active"),)),
        SearchParameter(
            "identifier", Kind.TOKEN, _locations, "Retrieve Location UID", is_identifier=True
        ),
        SearchParameter("organization", Kind.REFERENCE, _organizations, target="Organization"),
    ),
    sorts=frozenset({"_id"}),
    default_sort="_id",
    includes={"Endpoint:organization": "Organization"},
)
