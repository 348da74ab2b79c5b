"""A search of the FHIR door: parameters -> one flow -> searchset, with its links and includes.

Links never carry what leads to a person: a POST search, and a GET that names a patient otherwise
than by our opaque id, are repeated as a sealed `_page` (spec 4.5).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Generic
from urllib.parse import urlencode

import anyio
import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.fhir.edge import request_id_of
from drimbox.entrypoints.http.fhir.endpoints import Endpoints
from drimbox.entrypoints.http.fhir.formats import (
    Format,
    asked_format,
    format_of,
    resource_response,
    with_format,
)
from drimbox.entrypoints.http.fhir.includes import Includes
from drimbox.entrypoints.http.fhir.requests import is_strict, search_pairs
from drimbox.errors import NotFound
from drimbox.flows.fhir_trail import Request as Asked
from drimbox.flows.read_fhir import Answer, ReadFhir
from drimbox.model.access import Caller
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.scopes import Permission
from drimbox.ports.clock import Clock
from drimbox.standards.fhir.bundle import SearchSet, WrittenResource, encode_searchset
from drimbox.standards.fhir.code_systems import Json
from drimbox.standards.fhir.document_list import encode_document_list
from drimbox.standards.fhir.document_list_search import DOCUMENT_LIST, document_list_query
from drimbox.standards.fhir.document_reference import encode_document_reference
from drimbox.standards.fhir.document_reference_search import (
    DOCUMENT_REFERENCE,
    document_reference_query,
)
from drimbox.standards.fhir.endpoint import WadoEndpoint, encode_endpoint
from drimbox.standards.fhir.endpoint_search import ENDPOINT
from drimbox.standards.fhir.imaging_study import encode_imaging_study
from drimbox.standards.fhir.imaging_study_search import IMAGING_STUDY, imaging_study_query
from drimbox.standards.fhir.operation_outcome import assumed_issue, ignored_issue, notice_issue
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.patient_search import PATIENT
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
    select,
)
from drimbox.standards.fhir.search_parameters import Record
from drimbox.standards.fhir.subset import series_form, subset
from drimbox.standards.fhir.surface import ServiceFacts
from drimbox.standards.fhir.written_study import find_written, write_study

PAGE_LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Record]):
    """One request, read: the search, where its page starts, and how it came."""

    caller: Caller
    search: Search[Record]
    position: Position
    is_get: bool


@dataclass(frozen=True, slots=True)
class FhirSearch:
    """facts are those of this box."""

    reading: ReadFhir
    seal: PageSeal
    clock: Clock
    facts: ServiceFacts
    own_endpoints: Endpoints

    async def imaging_studies(self, request: Request, caller: Caller) -> Response:
        asked = await self._read(request, caller, IMAGING_STUDY)
        search = asked.search
        answer = await self.reading.search_records(
            caller,
            self._trail(request, search),
            search,
            imaging_study_query(search),
            asked.position,
        )
        is_json = format_of(request) is Format.JSON
        matches: list[Json | WrittenResource] = []
        for record in answer.page.matches:
            asked_for = (record, self.facts.dicomweb_url, search.summary, search.elements)
            written = find_written(*asked_for) if is_json else None
            if written is not None:
                matches.append(written)
                continue
            matches.append(write_study(*asked_for) if is_json else _study(*asked_for))
            # A page of large studies takes tens of milliseconds: others have their turn between.
            await anyio.lowlevel.checkpoint()
        included = self._includes(asked).records(answer.page.matches)
        return self._answer(request, asked, answer, matches, included)

    async def document_references(self, request: Request, caller: Caller) -> Response:
        asked = await self._read(request, caller, DOCUMENT_REFERENCE)
        search = asked.search
        answer = await self.reading.search_records(
            caller,
            self._trail(request, search),
            search,
            document_reference_query(search),
            asked.position,
        )
        matches = [encode_document_reference(r, self.facts.fhir_url) for r in answer.page.matches]
        included = self._includes(asked).records(answer.page.matches, answer.related)
        return self._answer(request, asked, answer, matches, included)

    async def lists(self, request: Request, caller: Caller) -> Response:
        asked = await self._read(request, caller, DOCUMENT_LIST)
        search = asked.search
        answer = await self.reading.search_lists(
            caller,
            self._trail(request, search),
            search,
            document_list_query(search),
            asked.position,
        )
        matches = map(encode_document_list, answer.page.matches)
        included = self._includes(asked).lists(answer.page.matches)
        return self._answer(request, asked, answer, matches, included)

    async def patients(self, request: Request, caller: Caller) -> Response:
        asked = await self._read(request, caller, PATIENT)
        answer = await self.reading.search_patients(
            caller, self._trail(request, asked.search), asked.search, asked.position
        )
        release = self.facts.fr_core_release
        matches = [encode_patient(subject, release) for subject in answer.page.matches]
        return self._answer(request, asked, answer, matches)

    async def endpoints(self, request: Request, caller: Caller) -> Response:
        asked = await self._read(request, caller, ENDPOINT)
        places = await self.reading.find_places(caller, self._trail(request, asked.search))
        found = self.own_endpoints.of_places(caller, places)
        answer = Answer(select(asked.search, found, asked.position))
        matches = map(encode_endpoint, answer.page.matches)
        wado = [e for e in answer.page.matches if isinstance(e, WadoEndpoint)]
        boxes = [e.source.box for e in wado if e.source.box is not None]
        included = self._includes(asked).organizations(boxes)
        return self._answer(request, asked, answer, matches, included)

    async def _read(
        self, request: Request, caller: Caller, resource: SearchableResource[Record]
    ) -> _Asked[Record]:
        """Read the parameters, or the page token that stands for them."""
        pairs = await search_pairs(request)
        token = dict(pairs).get(PAGE_PARAMETER)
        position = BEGINNING
        now = self.clock.now()
        strict = is_strict(request)
        if token is not None:
            state = self.seal.open(token, owner_of(caller), now)
            if state.resource != resource.name:
                raise NotFound("no such page")
            pairs, position, strict = list(state.pairs), state.position, False
        scene = SearchScene(self.facts.fhir_url, now)
        search = parse_search(resource, pairs, scene, is_strict=strict)
        return _Asked(caller, search, position, is_get=request.method != "POST")

    def _trail(self, request: Request, search: Search[Record]) -> Asked:
        query = urlencode(search.honoured).encode()
        return Asked(search.resource.name, Permission.SEARCH, query, request_id_of(request))

    def _includes(self, asked: _Asked[Record]) -> Includes:
        """Return what the search brings along, of which the token allows to be read."""
        search = asked.search
        wanted = {search.resource.includes[name] for name in search.includes} - {""}
        reverse = {name.partition(":")[0] for name in search.revincludes}
        types = wanted | reverse
        allowed = {r for r in types if self.reading.may_include(asked.caller, r)}
        return Includes(
            search.resource.name,
            frozenset(wanted & allowed),
            frozenset(reverse & allowed),
            self.facts,
            partial(self.own_endpoints.of_record, asked.caller),
        )

    def _answer(
        self,
        request: Request,
        asked: _Asked[Record],
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

    def _self_url(self, asked: _Asked[Record]) -> str:
        search = asked.search
        address = f"{self.facts.fhir_url}/{search.resource.name}"
        if not asked.is_get or search.names_patient or asked.position != BEGINNING:
            return self._page_url(asked, asked.position)
        return f"{address}?{urlencode(search.honoured)}" if search.honoured else address

    def _page_url(self, asked: _Asked[Record], position: Position) -> str:
        state = PageState(
            asked.search.resource.name,
            asked.search.honoured,
            position,
            self.clock.now() + PAGE_LIFETIME,
        )
        token = self.seal.seal(state, owner_of(asked.caller))
        return f"{self.facts.fhir_url}/{asked.search.resource.name}?{PAGE_PARAMETER}={token}"


def _study(
    record: ImagingRecord, dicomweb_url: str, summary: Summary, elements: tuple[str, ...]
) -> Json:
    form = series_form(summary, elements, is_json=False)
    return encode_imaging_study(record, dicomweb_url, form)


def owner_of(caller: Caller) -> str:
    """Return to whom a page belongs: the caller, in the same context."""
    context = caller.context.identifier if caller.context is not None else ""
    return "\n".join((caller.kind.value, caller.subject, context))
