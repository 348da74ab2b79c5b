"""A search of the FHIR door: parameters -> one flow -> searchset, and what goes along."""

from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

import anyio
import anyio.lowlevel
from starlette.requests import Request
from starlette.responses import Response

from drimbox.entrypoints.http.fhir.edge import request_id_of
from drimbox.entrypoints.http.fhir.endpoints import Endpoints
from drimbox.entrypoints.http.fhir.formats import (
    Format,
    format_of,
)
from drimbox.entrypoints.http.fhir.includes import Includes
from drimbox.entrypoints.http.fhir.search_answers import SearchAnswers
from drimbox.flows.fhir_trail import Request as Asked
from drimbox.flows.read_fhir import Answer, ReadFhir
from drimbox.model.access import Caller
from drimbox.model.imaging_record import ImagingRecord
from drimbox.model.scopes import Permission
from drimbox.standards.fhir.bundle import WrittenResource
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
from drimbox.standards.fhir.patient import encode_patient
from drimbox.standards.fhir.patient_search import PATIENT
from drimbox.standards.fhir.search import (
    Search,
    Summary,
)
from drimbox.standards.fhir.search_page import (
    select,
)
from drimbox.standards.fhir.search_parameters import Record
from drimbox.standards.fhir.subset import series_form
from drimbox.standards.fhir.surface import ServiceFacts
from drimbox.standards.fhir.written_study import find_written, write_study


@dataclass(frozen=True, slots=True)
class FhirSearch:
    """facts are those of this box."""

    reading: ReadFhir
    answers: SearchAnswers
    facts: ServiceFacts
    own_endpoints: Endpoints

    async def imaging_studies(self, request: Request, caller: Caller) -> Response:
        asked = await self.answers.read(request, owner_of(caller), IMAGING_STUDY)
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
        included = self._includes(caller, asked.search).records(answer.page.matches)
        return self.answers.write(request, asked, answer, matches, included)

    async def document_references(self, request: Request, caller: Caller) -> Response:
        asked = await self.answers.read(request, owner_of(caller), DOCUMENT_REFERENCE)
        search = asked.search
        answer = await self.reading.search_records(
            caller,
            self._trail(request, search),
            search,
            document_reference_query(search),
            asked.position,
        )
        matches = [encode_document_reference(r, self.facts.fhir_url) for r in answer.page.matches]
        included = self._includes(caller, asked.search).records(answer.page.matches, answer.related)
        return self.answers.write(request, asked, answer, matches, included)

    async def lists(self, request: Request, caller: Caller) -> Response:
        asked = await self.answers.read(request, owner_of(caller), DOCUMENT_LIST)
        search = asked.search
        answer = await self.reading.search_lists(
            caller,
            self._trail(request, search),
            search,
            document_list_query(search),
            asked.position,
        )
        matches = map(encode_document_list, answer.page.matches)
        included = self._includes(caller, asked.search).lists(answer.page.matches)
        return self.answers.write(request, asked, answer, matches, included)

    async def patients(self, request: Request, caller: Caller) -> Response:
        asked = await self.answers.read(request, owner_of(caller), PATIENT)
        answer = await self.reading.search_patients(
            caller, self._trail(request, asked.search), asked.search, asked.position
        )
        release = self.facts.fr_core_release
        matches = [encode_patient(subject, release) for subject in answer.page.matches]
        return self.answers.write(request, asked, answer, matches)

    async def endpoints(self, request: Request, caller: Caller) -> Response:
        asked = await self.answers.read(request, owner_of(caller), ENDPOINT)
        places = await self.reading.find_places(caller, self._trail(request, asked.search))
        found = self.own_endpoints.of_places(caller, places)
        answer = Answer(select(asked.search, found, asked.position))
        matches = map(encode_endpoint, answer.page.matches)
        wado = [e for e in answer.page.matches if isinstance(e, WadoEndpoint)]
        boxes = [e.source.box for e in wado if e.source.box is not None]
        included = self._includes(caller, asked.search).organizations(boxes)
        return self.answers.write(request, asked, answer, matches, included)

    def _trail(self, request: Request, search: Search[Record]) -> Asked:
        query = urlencode(search.honoured).encode()
        return Asked(search.resource.name, Permission.SEARCH, query, request_id_of(request))

    def _includes(self, caller: Caller, search: Search[Record]) -> Includes:
        """Return what the search brings along, of which the token allows to be read."""
        wanted = {search.resource.includes[name] for name in search.includes} - {""}
        reverse = {name.partition(":")[0] for name in search.revincludes}
        types = wanted | reverse
        allowed = {r for r in types if self.reading.may_include(caller, r)}
        return Includes(
            search.resource.name,
            frozenset(wanted & allowed),
            frozenset(reverse & allowed),
            self.facts,
            partial(self.own_endpoints.of_record, caller),
        )


def _study(
    record: ImagingRecord, dicomweb_url: str, summary: Summary, elements: tuple[str, ...]
) -> Json:
    form = series_form(summary, elements, is_json=False)
    return encode_imaging_study(record, dicomweb_url, form)


def owner_of(caller: Caller) -> str:
    """Return to whom a page belongs: the caller, in the same context."""
    context = caller.context.identifier if caller.context is not None else ""
    return "\n".join((caller.kind.value, caller.subject, context))
