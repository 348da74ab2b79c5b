"""A searchset Bundle (R4 3.1.1.5): matches, what goes with them, and what must be told."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

import orjson

from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.operation_outcome import Issue, encode_outcome

_OUTCOMES = UUID("6b1f3d0e-52c1-4f0f-9a0e-2d7b8c9a1e55")


@dataclass(frozen=True, slots=True)
class WrittenResource:
    """A resource as octets of JSON already: only for a Bundle that is sent as JSON."""

    kind: str
    identifier: str
    content: bytes


@dataclass(frozen=True, slots=True)
class SearchSet:
    """What a search answers; total None where it was not asked for."""

    self_url: str
    next_url: str | None
    total: int | None
    matches: Sequence[Json | WrittenResource]
    included: Sequence[Json] = ()
    issues: Sequence[Issue] = ()


def encode_searchset(found: SearchSet, fhir_url: str, now: datetime) -> Json:
    links = [{"relation": "self", "url": found.self_url}]
    if found.next_url is not None:
        links.append({"relation": "next", "url": found.next_url})
    bundle: Json = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": instant(now)},
        "type": "searchset",
    }
    if found.total is not None:
        bundle["total"] = found.total
    bundle["link"] = links
    entries = [*_entries(found.matches, "match", fhir_url)]
    entries += _entries(found.included, "include", fhir_url)
    if found.issues:
        entries.append(_outcome_entry(found.issues))
    # An empty array is no FHIR (R4 2.6.2.1).
    if entries:
        bundle["entry"] = entries
    return bundle


def _outcome_entry(issues: Sequence[Issue]) -> Json:
    """MHD requires a fullUrl of every entry; bdl-8 of R4 takes none for a fault."""
    outcome = encode_outcome(issues)
    name = uuid5(_OUTCOMES, "\n".join(f"{one.code} {one.text}" for one in issues))
    return {"fullUrl": name.urn, "resource": outcome, "search": {"mode": "outcome"}}


def _entries(
    resources: Iterable[Json | WrittenResource], mode: str, fhir_url: str
) -> Iterator[Json]:
    for resource in resources:
        written: object = resource
        if isinstance(resource, WrittenResource):
            name = f"{resource.kind}/{resource.identifier}"
            written = orjson.Fragment(resource.content)
        else:
            name = f"{resource['resourceType']}/{resource['id']}"
        yield {"fullUrl": f"{fhir_url}/{name}", "resource": written, "search": {"mode": mode}}
