"""Each parameter of each resource, with each modifier and each bad value: read, or refused by name.

The table is the door's own (surface.py), so that a parameter added there is in this test too.
"""

from collections.abc import Iterator

import pytest
from tests.fakes.fhir_searches import parse

from drimbox.standards.fhir.search import InvalidSearch, SearchableResource
from drimbox.standards.fhir.search_parameters import MODIFIERS, Kind, SearchParameter
from drimbox.standards.fhir.surface import SURFACE

pytestmark = pytest.mark.requirement("FA.1")

RESOURCES = [offered.search for offered in SURFACE if offered.search is not None]
# FHIR R4 3.1.1.4.4, and a word of nobody's.
ALL_MODIFIERS = (
    "missing", "exact", "contains", "text", "in", "below", "above", "not-in", "not", "identifier",
    "ofType", "iterate", "Observation", "x",
)  # fmt: skip
GOOD = {
    Kind.TOKEN: ("a", "s|a", "|a", "s|", "a,b", r"a\,b", r"a\|b"),
    Kind.DATE: (
        "2024", "2024-01", "2024-01-13", "2024-01-13T10:00", "2024-01-13T10:00:00Z",
        "2024-01-13T10:00:00.123+01:00", "ge2024", "gt2024", "le2024", "lt2024", "eq2024",
        "ne2024", "sa2024", "eb2024", "ap2024", "1850-02-28", "2024-03-31T02:30",
        "2024-10-27T02:30",
        "0001", "9999-12-31", "2024,2025",
    ),
    Kind.REFERENCE: ("a", "Patient/a", "https://box.test/fhir/Patient/a", "https://x.test/Patient/a"),
    Kind.STRING: ("a", "é", r"a\,b", "O'Hara"),
    Kind.URI: ("https://box.test/fhir/ValueSet/a", "urn:oid:1.2", "urn:oid:1.2,a", r"a\,b"),
}  # fmt: skip
BAD = {
    Kind.TOKEN: ("", ",", "a,", "a|b|c", "|"),
    Kind.DATE: (
        "", "a", "24", "2024-13", "2024-02-30", "2024-01-13T10", "2024-01-13T25:00", "xx2024",
        "ge", "20240113", "2024-1-1", "2024-01-13T10:00:00+25:00", "2024,", "geé", "２０２４",
    ),
    Kind.REFERENCE: ("", "a/b/c", "/a", "Patient/", "Pa1ient/a"),
    Kind.STRING: ("", ",", "a,"),
    Kind.URI: ("", ",", "a,"),
}  # fmt: skip


def _parameters() -> Iterator[tuple[SearchableResource[object], SearchParameter[object]]]:
    for resource in RESOURCES:
        for parameter in resource.parameters.values():
            yield resource, parameter
            for chained in parameter.chained.values():
                yield resource, chained


NAMED = {f"{r.name}.{p.name}": (r, p) for r, p in _parameters()}
PARAMETERS = [pytest.param(*pair, id=name) for name, pair in NAMED.items()]


def faults(resource: SearchableResource[object], query: str) -> list[str]:
    try:
        parse(resource, query, is_strict=True)
    except InvalidSearch as error:
        return [fault.parameter for fault in error.faults]
    return []


@pytest.mark.parametrize(("resource", "parameter"), PARAMETERS)
def test_a_modifier_is_one_of_its_kind_or_refused(
    resource: SearchableResource[object], parameter: SearchParameter[object]
) -> None:
    known = MODIFIERS[parameter.kind]
    for modifier in ALL_MODIFIERS:
        value = "true" if modifier == "missing" else GOOD[parameter.kind][0]
        found = faults(resource, f"{parameter.name}:{modifier}={value}")
        assert found == ([] if modifier in known else [parameter.name]), modifier
    for value in ("", "yes", "1", "TRUE"):
        assert faults(resource, f"{parameter.name}:missing={value}") == [parameter.name]


@pytest.mark.parametrize(("resource", "parameter"), PARAMETERS)
def test_a_value_is_one_of_its_kind_or_refused(
    resource: SearchableResource[object], parameter: SearchParameter[object]
) -> None:
    for value in GOOD[parameter.kind]:
        assert faults(resource, f"{parameter.name}={value}") == [], value
    for value in BAD[parameter.kind]:
        assert faults(resource, f"{parameter.name}={value}") == [parameter.name], value
    long = ",".join(["a" if parameter.kind is not Kind.DATE else "2024"] * 101)
    assert faults(resource, f"{parameter.name}={long}") == [parameter.name]
    assert faults(resource, f"{parameter.name}={'9' * 5000}") == [parameter.name]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.name)
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("_count=-1", "_count"),
        ("_count=a", "_count"),
        ("_count=1.5", "_count"),
        ("_count=", "_count"),
        ("_count=1&_count=2", "_count"),
        ("_sort=_id&_sort=-_id", "_sort"),
        ("_sort=colour", "_sort"),
        ("_total=all", "_total"),
        ("_summary=yes", "_summary"),
        ("_summary=true&_elements=id", "_elements"),
        ("_include=Observation:subject", "_include"),
        ("_revinclude=Observation:subject", "_revinclude"),
        ("colour=red", "colour"),
        ("_has:Observation:patient:code=1", "_has:Observation:patient:code"),
        ("_id:Observation.code=1", "_id:Observation.code"),
        ("colour.name=red", "colour.name"),
    ],
)
def test_what_is_asked_of_the_answer_is_checked_too(
    resource: SearchableResource[object], query: str, fault: str
) -> None:
    assert faults(resource, query) == [fault]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.name)
def test_lenient_ignores_unknown_names_and_nothing_else(
    resource: SearchableResource[object],
) -> None:
    search = parse(resource, "colour=red&_sort=colour&_include=X:y&_count=3")
    assert set(search.ignored) == {"colour", "_sort", "_include"}
    assert [name for name, _ in search.honoured if name == "colour"] == []
    with pytest.raises(InvalidSearch):
        parse(resource, "_count=-1&colour=red")


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.name)
def test_every_fault_is_told_at_once(resource: SearchableResource[object]) -> None:
    assert faults(resource, "_count=a&_id=&_total=x") == ["_id", "_count", "_total"]
