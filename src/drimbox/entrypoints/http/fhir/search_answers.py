"""What every search of the FHIR door shares: how it is read, and how its page is written.

Links never carry what leads to a person: a POST search, and a GET that names a patient otherwise
than by our opaque id, are repeated as a sealed `_page` (spec 4.5).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.fhir.formats import (
    asked_format,
    format_of,
    resource_response,
    with_format,
)
from drimbox.entrypoints.http.fhir.requests import is_strict, search_pairs
from drimbox.errors import NotFound
from drimbox.flows.read_fhir import Answer
from drimbox.ports.clock import Clock
from drimbox.standards.fhir.bundle import SearchSet, WrittenResource, encode_searchset
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.operation_outcome import assumed_issue, ignored_issue, notice_issue
from drimbox.standards.fhir.search import (
    Search,
    SearchableResource,
    Summary,
    Total,
    parse_search,
)
from drimbox.standards.fhir.search_filters import SearchScene
from drimbox.standards.fhir.search_page import (
    BEGINNING,
    PAGE_PARAMETER,
    PageSeal,
    PageState,
    Position,
)
from drimbox.standards.fhir.search_parameters import Record
from drimbox.standards.fhir.subset import subset
from drimbox.standards.fhir.surface import ServiceFacts

PAGE_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Asked(Generic[Record]):
    """One request, read: whose its pages are, the search, where its page starts, how it came."""

    owner: str
    search: Search[Record]
    position: Position
    is_get: bool


@dataclass(frozen=True, slots=True)
class SearchAnswers:
    """seal makes the links of pages; facts are those of this box."""

    seal: PageSeal
    clock: Clock
    facts: ServiceFacts

    async def read(
        self, request: Request, owner: str, resource: SearchableResource[Record]
    ) -> Asked[Record]:
        """Read the parameters, or the page token that stands for them.

        Raises:
            InvalidSearch, and what search_pairs raises: a request that cannot be read.
            NotFound, PageExpired: a page of nobody, of another caller, or of long ago.
        """
        pairs = await search_pairs(request)
        token = dict(pairs).get(PAGE_PARAMETER)
        position = BEGINNING
        now = self.clock.now()
        strict = is_strict(request)
        if token is not None:
            state = self.seal.open(token, owner, now)
            if state.resource != resource.name:
                raise NotFound("no such page")
            pairs, position, strict = list(state.pairs), state.position, False
        scene = SearchScene(self.facts.fhir_url, now)
        search = parse_search(resource, pairs, scene, is_strict=strict)
        return Asked(owner, search, position, is_get=request.method != "POST")

    def write(
        self,
        request: Request,
        asked: Asked[Record],
        answer: Answer[Record],
        matches: Iterable[Json | WrittenResource],
        included: Iterable[Json] = (),
    ) -> Response:
        search = asked.search
        is_count = search.summary is Summary.COUNT
        following = answer.page.next
        written_as = asked_format(request)
        found = SearchSet(
            self_url=with_format(self._self_url(asked), written_as),
            next_url=with_format(self._page_url(asked, following), written_as)
            if following and not is_count
            else None,
            total=None if search.total is Total.NONE and not is_count else answer.page.total,
            matches=[]
            if is_count
            else [
                one
                if isinstance(one, WrittenResource)
                else subset(one, search.summary, search.elements)
                for one in matches
            ],
            included=[] if is_count else list(included),
            issues=[
                *(notice_issue(notice) for notice in answer.notices),
                *(ignored_issue(name) for name in search.ignored),
                *([assumed_issue(*search.assumed)] if search.assumed else ()),
            ],
        )
        bundle = encode_searchset(found, self.facts.fhir_url, self.clock.now())
        return resource_response(bundle, format_of(request))

    def _self_url(self, asked: Asked[Record]) -> str:
        search = asked.search
        address = f"{self.facts.fhir_url}/{search.resource.name}"
        if not asked.is_get or search.names_patient or asked.position != BEGINNING:
            return self._page_url(asked, asked.position)
        return f"{address}?{urlencode(search.honoured)}" if search.honoured else address

    def _page_url(self, asked: Asked[Record], position: Position) -> str:
        state = PageState(
            asked.search.resource.name,
            asked.search.honoured,
            position,
            self.clock.now() + PAGE_LIFETIME,
        )
        token = self.seal.seal(state, asked.owner)
        return f"{self.facts.fhir_url}/{asked.search.resource.name}?{PAGE_PARAMETER}={token}"
