"""A search request, read whole: filters, order, page, and how the answer is written (R4 3.1.1).

unknown name       lenient: told in the answer; strict: 400 (Prefer: handling, R4 3.1.0.1.1)
unknown modifier   400 always, and so is a value that its kind does not allow
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from drimbox.errors import InvalidValue, MalformedMessage
from drimbox.standards.fhir.search_filters import Filter, SearchScene, parse_filter
from drimbox.standards.fhir.search_parameters import Record, SearchParameter
from drimbox.standards.fhir.search_values import Reference

MAX_PARAMETERS = 100
MAX_VALUE_LENGTH = 4096
DEFAULT_COUNT = 50
MAX_COUNT = 200
# Read by the door (answer formats), not by the search.
FORMAT_PARAMETERS = frozenset({"_format", "_pretty"})

_SINGLE = frozenset({"_sort", "_count", "_total", "_summary", "_elements"})
# In the order of a self link, behind the filters.
RESULT_PARAMETERS = (
    "_sort", "_count", "_total", "_summary", "_elements", "_include", "_revinclude",
)  # fmt: skip

Pairs = Sequence[tuple[str, str]]
_Word = TypeVar("_Word", bound=Enum)
# Before a modifier or a chain.
_BARE = re.compile("[:.]")


class Total(Enum):
    """_total."""

    NONE = "none"
    ESTIMATE = "estimate"
    ACCURATE = "accurate"


class Summary(Enum):
    """_summary."""

    TRUE = "true"
    TEXT = "text"
    DATA = "data"
    COUNT = "count"
    FALSE = "false"


@dataclass(frozen=True, slots=True)
class SearchFault:
    """One fault: the parameter's name (`expression` of the issue), and the rule; never a value."""

    parameter: str
    rule: str
    is_unknown: bool = False


class InvalidSearch(MalformedMessage):
    """A search that cannot be read.

    Attributes:
        faults: every fault, in the order of the request.
    """

    def __init__(self, faults: tuple[SearchFault, ...]) -> None:
        super().__init__(", ".join(fault.parameter for fault in faults), where="search")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class SortKey(Generic[Record]):
    """One name of _sort."""

    parameter: SearchParameter[Record]
    is_descending: bool

    @property
    def text(self) -> str:
        return f"-{self.parameter.name}" if self.is_descending else self.parameter.name


@dataclass(frozen=True, slots=True)
class SearchableResource(Generic[Record]):
    """What one resource type can be searched by.

    includes maps `_include` names to the type they bring; revincludes those of `_revinclude`.
    default_sort is the `_sort` of a search that names none, default_filter a parameter and the
    value that it has in a search without it.
    """

    name: str
    parameters: Mapping[str, SearchParameter[Record]]
    sorts: frozenset[str]
    default_sort: str
    includes: Mapping[str, str]
    revincludes: frozenset[str] = frozenset()
    default_filter: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Search(Generic[Record]):
    """A search as it will be made; honoured are the pairs of the self link, in their own order.

    That order is of the resource's parameters, then RESULT_PARAMETERS: one search, one link.
    assumed is the default filter, where it was applied; is_sort_asked and is_total_asked tell
    whether the request says so itself: an order, an exact total.
    """

    resource: SearchableResource[Record]
    filters: tuple[Filter[Record], ...] = ()
    sort: tuple[SortKey[Record], ...] = ()
    count: int = DEFAULT_COUNT
    total: Total = Total.ACCURATE
    summary: Summary = Summary.FALSE
    elements: tuple[str, ...] = ()
    includes: frozenset[str] = frozenset()
    revincludes: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    honoured: tuple[tuple[str, str], ...] = ()
    assumed: tuple[str, str] | None = None
    is_sort_asked: bool = False
    is_total_asked: bool = False

    @property
    def names_patient(self) -> bool:
        """Tell whether a value leads to a person, so that no link may repeat it.

        A logical id is ours, and opaque.
        """
        return any(
            one.parameter.names_patient
            and not (one.wanted and all(isinstance(v, Reference) for v in one.wanted))
            for one in self.filters
        )

    def filters_of(self, *names: str) -> tuple[Filter[Record], ...]:
        return tuple(one for one in self.filters if one.parameter.name in names)


def parse_search(
    resource: SearchableResource[Record], pairs: Pairs, scene: SearchScene, *, is_strict: bool
) -> Search[Record]:
    """Read the parameters of a request, those of the address and of the body together.

    Raises:
        InvalidSearch: with every fault.
    """
    reading = _Reading(resource, scene, is_strict=is_strict)
    if len(pairs) > MAX_PARAMETERS:
        raise InvalidSearch((SearchFault("_", f"{MAX_PARAMETERS} paramètres au plus"),))
    for name, value in pairs:
        reading.take(name, value)
    return reading.search()


def parse_parts(pairs: Pairs) -> tuple[Summary, tuple[str, ...]]:
    """Read `_summary` and `_elements` of a read (R4 3.1.0.1.12); its other parameters say nothing.

    Raises:
        InvalidSearch: a value that is none, `count`, or both together.
    """
    values = dict(pairs)
    elements = _element_names([values.get("_elements", "")])
    try:
        summary = Summary(values.get("_summary", Summary.FALSE.value))
    except ValueError:
        summary = Summary.COUNT
    if summary is Summary.COUNT:
        raise InvalidSearch((SearchFault("_summary", "true, text, data, false"),))
    if elements and summary is not Summary.FALSE:
        raise InvalidSearch((SearchFault("_elements", "pas avec _summary"),))
    return summary, elements


class _Reading(Generic[Record]):
    """The parameters read so far, and the faults."""

    def __init__(
        self, resource: SearchableResource[Record], scene: SearchScene, *, is_strict: bool
    ) -> None:
        self._resource = resource
        self._scene = scene
        self._is_strict = is_strict
        self._filters: list[Filter[Record]] = []
        self._results: dict[str, list[str]] = {}
        self._ignored: list[str] = []
        self._honoured: list[tuple[str, str]] = []
        self._faults: list[SearchFault] = []

    def take(self, name: str, value: str) -> None:
        if name in FORMAT_PARAMETERS:
            return
        bare, _, modifier = name.partition(":")
        if len(value) > MAX_VALUE_LENGTH:
            self._fault(bare, f"{MAX_VALUE_LENGTH} caractères au plus")
        elif bare in RESULT_PARAMETERS:
            self._take_result(bare, value)
        else:
            self._take_filter(name, modifier, value)

    def search(self) -> Search[Record]:
        assumed = self._assume()
        results = self._results
        sort = self._sort(results.get("_sort", []))
        count = self._count(results.get("_count", []))
        total = self._word(Total, "_total", Total.ACCURATE)
        summary = self._word(Summary, "_summary", Summary.FALSE)
        includes = self._included("_include", frozenset(self._resource.includes))
        revincludes = self._included("_revinclude", self._resource.revincludes)
        elements = _element_names(results.get("_elements", []))
        if elements and summary is not Summary.FALSE:
            self._fault("_elements", "pas avec _summary")
        if self._faults:
            raise InvalidSearch(tuple(self._faults))
        return Search(
            resource=self._resource,
            filters=tuple(self._filters),
            sort=sort,
            count=count,
            total=total,
            summary=Summary.COUNT if count == 0 else summary,
            elements=elements,
            includes=includes,
            revincludes=revincludes,
            ignored=tuple(dict.fromkeys(self._ignored)),
            honoured=(*self._honoured_filters(), *self._honoured_results(sort, count, results)),
            assumed=assumed,
            is_sort_asked="_sort" in results,
            is_total_asked=Total.ACCURATE.value in results.get("_total", ()),
        )

    def _assume(self) -> tuple[str, str] | None:
        """Apply the default filter where nothing is said of its parameter."""
        default = self._resource.default_filter
        if default is None or any(one.parameter.name == default[0] for one in self._filters):
            return None
        self._take_filter(default[0], "", default[1])
        return default

    def _honoured_filters(self) -> list[tuple[str, str]]:
        order = {name: place for place, name in enumerate(self._resource.parameters)}
        return sorted(self._honoured, key=lambda pair: order[_BARE.split(pair[0], maxsplit=1)[0]])

    def _honoured_results(
        self, sort: tuple[SortKey[Record], ...], count: int, results: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[str, str]]:
        """Return the result parameters as they were understood, without what was ignored."""
        known = {
            "_include": {*self._resource.includes, "*"},
            "_revinclude": {*self._resource.revincludes, "*"},
        }
        read = {"_sort": ",".join(key.text for key in sort), "_count": str(count)}
        for name in RESULT_PARAMETERS:
            for value in results.get(name, ()):
                if name not in known or _edge(value) in known[name]:
                    yield name, read.get(name, value)

    def _take_filter(self, name: str, modifier: str, value: str) -> None:
        parameter, modifier = self._parameter(name, modifier)
        if parameter is None:
            self._ignore(name)
            return
        try:
            self._filters.append(parse_filter(parameter, modifier, value, self._scene))
        except InvalidValue as error:
            self._fault(error.what, error.rule)
            return
        self._honoured.append((name, value))

    def _parameter(self, name: str, modifier: str) -> tuple[SearchParameter[Record] | None, str]:
        """Find `name`, `name.chain` or `name:Type.chain`; with a chain the modifier is its own."""
        known = self._resource.parameters
        if name.partition(":")[0] in known:
            bare = known[name.partition(":")[0]]
            target, dot, chain = modifier.partition(".")
            if not dot:
                return bare, modifier
            chained, _, own_modifier = chain.partition(":")
            return (
                (bare.chained.get(chained), own_modifier) if target == bare.target else (None, "")
            )
        first, _, chain = name.partition(".")
        chained, _, own_modifier = chain.partition(":")
        start = known.get(first)
        return (start.chained.get(chained) if start else None), own_modifier

    def _take_result(self, name: str, value: str) -> None:
        values = self._results.setdefault(name, [])
        if values and name in _SINGLE:
            self._fault(name, "une seule fois")
        values.append(value)

    def _sort(self, values: Iterable[str]) -> tuple[SortKey[Record], ...]:
        texts = [text for value in values for text in value.split(",")]
        asked = self._sort_keys(texts)
        return asked or self._sort_keys(self._resource.default_sort.split(","))

    def _sort_keys(self, texts: Iterable[str]) -> tuple[SortKey[Record], ...]:
        keys = []
        for text in texts:
            name = text.removeprefix("-")
            if name not in self._resource.sorts:
                self._ignore("_sort")
                continue
            keys.append(SortKey(self._resource.parameters[name], text.startswith("-")))
        return tuple(keys)

    def _count(self, values: Sequence[str]) -> int:
        if not values:
            return DEFAULT_COUNT
        if not (values[0].isascii() and values[0].isdigit() and len(values[0]) < 10):
            self._fault("_count", "un entier positif ou nul")
            return DEFAULT_COUNT
        return min(int(values[0]), MAX_COUNT)

    def _word(self, words: type[_Word], name: str, default: _Word) -> _Word:
        values = self._results.get(name, [])
        try:
            return words(values[0]) if values else default
        except ValueError:
            self._fault(name, ", ".join(str(word.value) for word in words))
            return default

    def _included(self, name: str, known: frozenset[str]) -> frozenset[str]:
        found: set[str] = set()
        for value in self._results.get(name, []):
            asked = _edge(value)
            if asked == "*":
                found |= known
            elif asked in known:
                found.add(asked)
            else:
                self._ignore(name)
        return frozenset(found)

    def _ignore(self, name: str) -> None:
        if self._is_strict:
            rule = "paramètre inconnu (Prefer: handling=strict)"
            self._faults.append(SearchFault(_printable(name), rule, is_unknown=True))
        else:
            self._ignored.append(_printable(name))

    def _fault(self, name: str, rule: str) -> None:
        self._faults.append(SearchFault(name, rule))


def _element_names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for value in values for name in value.split(",") if name)


def _edge(value: str) -> str:
    """Return what an _include names.

    `ImagingStudy:endpoint` or `ImagingStudy:endpoint:Endpoint`; `*` is all we know.
    """
    return ":".join(value.split(":")[:2])


def _printable(name: str) -> str:
    """Return an unknown name as it may be told back: it may be a value gone astray."""
    kept = "".join(c for c in name[:64] if c.isascii() and (c.isalpha() or c in "_-.:"))
    return kept or "?"
