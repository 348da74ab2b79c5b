"""Conformance resources and what they are searched by (R4 5.1, 5.3).

Above all `url`: the canonical that meta.profile, supportedProfile and definition name.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.search import SearchableResource
from drimbox.standards.fhir.search_parameters import Kind, SearchParameter, table
from drimbox.standards.fhir.search_values import Token


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition: what it is found by, and its JSON."""

    kind: str
    identifier: str
    url: str
    name: str
    title: str
    status: str
    version: str
    content: bytes


def definition_of_json(resource: Json, content: bytes) -> Definition:
    """Return a definition; resource is what content says."""

    def text(name: str) -> str:
        return str(resource.get(name, ""))

    return Definition(
        kind=text("resourceType"),
        identifier=text("id"),
        url=text("url"),
        name=text("name"),
        title=text("title"),
        status=text("status"),
        version=text("version"),
        content=content,
    )


def definition_search(kind: str) -> SearchableResource[Definition]:
    """Return what definitions of a kind are searched by."""
    return SearchableResource(
        name=kind,
        parameters=table(
            SearchParameter("_id", Kind.TOKEN, lambda d: (Token("", d.identifier),)),
            SearchParameter("url", Kind.URI, lambda d: (d.url,), "The canonical"),
            SearchParameter("name", Kind.STRING, lambda d: (d.name,), "For programs"),
            SearchParameter("title", Kind.STRING, _titles, "For people"),
            SearchParameter("version", Kind.TOKEN, _versions, "Of those that have one"),
            SearchParameter("status", Kind.TOKEN, lambda d: (Token("", d.status),), "active"),
        ),
        sorts=frozenset({"_id", "name", "url"}),
        default_sort="_id",
        includes={},
    )


def _versions(definition: Definition) -> Iterator[Token]:
    if definition.version:
        yield Token("", definition.version)


def _titles(definition: Definition) -> Iterator[str]:
    if definition.title:
        yield definition.title


def of_kind(definitions: Iterable[Definition], kind: str) -> tuple[Definition, ...]:
    return tuple(one for one in definitions if one.kind == kind)
