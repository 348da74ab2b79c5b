"""A search parameter: its kind, and what it finds in one record.

The tables made of these are the one truth: the parser, the CapabilityStatement and the
documentation all read them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Generic, TypeVar

from drimbox.standards.fhir.search_values import Value

Record = TypeVar("Record")
Other = TypeVar("Other")


class Kind(Enum):
    """Type of a search parameter; the value is FHIR's word."""

    TOKEN = "token"  # noqa: S105  # FHIR's word
    DATE = "date"
    REFERENCE = "reference"
    STRING = "string"
    URI = "uri"


# FHIR R4 3.1.1.4.4: those we honour. `missing` goes with every kind.
MODIFIERS: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.TOKEN: frozenset({"missing", "not", "text"}),
        Kind.DATE: frozenset({"missing"}),
        Kind.REFERENCE: frozenset({"missing", "identifier"}),
        Kind.STRING: frozenset({"missing", "exact", "contains"}),
        Kind.URI: frozenset({"missing", "above", "below"}),
    }
)


@dataclass(frozen=True, slots=True)
class SearchParameter(Generic[Record]):
    """values returns what the record holds, as values of the kind; nothing where it holds none.

    is_identifier: the tokens are identifiers, whose UIDs are spelled in several ways. target is
    the type a reference leads to, chained its own parameters. names_patient: its value leads to a
    person, and is never written in a link. is_listed: told in the CapabilityStatement.
    """

    name: str
    kind: Kind
    values: Callable[[Record], Iterable[Value]]
    documentation: str = ""
    is_identifier: bool = False
    target: str | None = None
    chained: Mapping[str, "SearchParameter[Record]"] = field(default_factory=dict)
    names_patient: bool = False
    is_listed: bool = True


def chained(
    prefix: str, parameter: SearchParameter[Other], way: Callable[[Record], Other]
) -> SearchParameter[Record]:
    """Return the parameter of what a record leads to, as one of the record: `patient.family`."""
    return SearchParameter(
        name=f"{prefix}.{parameter.name}",
        kind=parameter.kind,
        values=lambda record: parameter.values(way(record)),
        is_identifier=parameter.is_identifier,
        names_patient=parameter.names_patient,
    )


def table(*parameters: SearchParameter[Record]) -> Mapping[str, SearchParameter[Record]]:
    """Return the parameters of a resource by name."""
    return MappingProxyType({parameter.name: parameter for parameter in parameters})


def alias(
    name: str, parameter: SearchParameter[Record], *, is_listed: bool = False
) -> SearchParameter[Record]:
    """Return another name of a parameter."""
    return SearchParameter(
        name=name,
        kind=parameter.kind,
        values=parameter.values,
        documentation=f"Same as {parameter.name}",
        is_identifier=parameter.is_identifier,
        target=parameter.target,
        chained=parameter.chained,
        names_patient=parameter.names_patient,
        is_listed=is_listed,
    )
