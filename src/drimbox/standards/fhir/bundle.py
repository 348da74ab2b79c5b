"""A searchset Bundle (R4 3.1.1.5): matches, what goes with them, and what must be told."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.date_times import instant
from drimbox.standards.fhir.operation_outcome import Issue, encode_outcome


@dataclass(frozen=True, slots=True)
class SearchSet:
    """What a search answers; total None where it was not asked for."""

    self_url: str
    next_url: str | None
    total: int | None
    matches: Sequence[Json]
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
        outcome = encode_outcome(found.issues)
        entries.append({"resource": outcome, "search": {"mode": "outcome"}})
    # An empty array is no FHIR (R4 2.6.2.1).
    if entries:
        bundle["entry"] = entries
    return bundle


def _entries(resources: Iterable[Json], mode: str, fhir_url: str) -> list[Json]:
    return [
        {
            "fullUrl": f"{fhir_url}/{resource['resourceType']}/{resource['id']}",
            "resource": resource,
            "search": {"mode": mode},
        }
        for resource in resources
    ]
