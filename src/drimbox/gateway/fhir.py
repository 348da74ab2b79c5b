"""The FHIR door: its flows, its keys, its routes."""

from dataclasses import dataclass
from importlib.metadata import version

from starlette.routing import BaseRoute

from drimbox.adapters.storage_sql.sealing import Sealing, load_sealing
from drimbox.entrypoints.http.calling_program import CallingProgram
from drimbox.entrypoints.http.fhir.contextual_call import (
    FhirContextualCall,
    fhir_contextual_call_routes,
)
from drimbox.entrypoints.http.fhir.endpoints import Endpoints, ViewerAddress
from drimbox.entrypoints.http.fhir.reads import FhirReads
from drimbox.entrypoints.http.fhir.routes import PREFIX, FhirDoor, fhir_routes
from drimbox.entrypoints.http.fhir.search import FhirSearch
from drimbox.entrypoints.http.fhir.search_answers import SearchAnswers
from drimbox.entrypoints.http.request_limit import RequestLimit
from drimbox.entrypoints.http.viewer.links import LINKS_PATH
from drimbox.flows.consumer.context_records import ContextRecords
from drimbox.flows.fhir_service import FhirService, WalkedRecords
from drimbox.flows.fhir_trail import FhirTrail
from drimbox.flows.read_fhir import ReadFhir
from drimbox.flows.source.register_records import RegisterRecords
from drimbox.gateway.consumer import ConsumerSide
from drimbox.gateway.identity import Identity
from drimbox.gateway.parts import Parts
from drimbox.model.access import Caller, CallerKind, ConsultationContext
from drimbox.model.document_list import FoundLists, ListQuery
from drimbox.model.imaging_record import (
    OWN_IMAGES,
    ImagePlaces,
    ImageSource,
    ImagingRecord,
    Subject,
)
from drimbox.model.imaging_search import FoundRecords, PatientKey, RecordQuery
from drimbox.model.practice import Structure
from drimbox.model.uids import Oid, StudyInstanceUid
from drimbox.standards.fhir.patient import FrCoreRelease
from drimbox.standards.fhir.patient_ids import ID_KEY_LENGTH, PatientIds
from drimbox.standards.fhir.patient_reference import patient_reference
from drimbox.standards.fhir.search_page import SEAL_KEY_LENGTH, PageSeal
from drimbox.standards.fhir.surface import ServiceFacts
from drimbox.standards.iua.iti103_metadata import AUTHORIZE_PATH, TOKEN_PATH


@dataclass(frozen=True, slots=True)
class RecordsOfBoth:
    """A box of both functions: clients of the site read the register, professionals the DMP."""

    source: FhirService
    consumer: FhirService

    async def find_records(self, caller: Caller, query: RecordQuery) -> FoundRecords:
        return await self._of(caller).find_records(caller, query)

    async def walk_records(
        self, caller: Caller, query: RecordQuery, start: int | None, max_studies: int
    ) -> WalkedRecords | None:
        return await self._of(caller).walk_records(caller, query, start, max_studies)

    async def find_lists(self, caller: Caller, query: ListQuery) -> FoundLists:
        return await self._of(caller).find_lists(caller, query)

    async def find_subjects(
        self, caller: Caller, patients: tuple[PatientKey, ...]
    ) -> tuple[Subject, ...]:
        return await self._of(caller).find_subjects(caller, patients)

    async def knows_domain(self, caller: Caller, system: str) -> bool:
        return await self._of(caller).knows_domain(caller, system)

    async def retrieve_report(self, caller: Caller, record: ImagingRecord) -> bytes:
        return await self._of(caller).retrieve_report(caller, record)

    async def find_places(self, caller: Caller) -> ImagePlaces:
        return await self._of(caller).find_places(caller)

    def _of(self, caller: Caller) -> FhirService:
        return self.source if caller.kind is CallerKind.SYSTEM else self.consumer


def make_fhir_routes(
    parts: Parts, identity: Identity, consumer: ConsumerSide | None
) -> list[BaseRoute]:
    """Make the door of the browser listener; consumer is None on a box that is a Source only."""
    sealing = load_sealing(parts.settings.storage.key_file)
    service = _service(parts, sealing, consumer)
    base_url = parts.settings.browser.base_url
    settings = parts.settings.fhir
    trail = FhirTrail(parts.stores.audit, parts.clock)
    reading = ReadFhir(service, trail, settings.serve_superseded)
    facts = ServiceFacts(
        fhir_url=base_url + PREFIX,
        dicomweb_url=f"{base_url}/dicom-web",
        token_url=base_url + TOKEN_PATH,
        authorize_url=base_url + AUTHORIZE_PATH if consumer is not None else "",
        version=version("drimbox"),
        allows_cors=bool(settings.allowed_origins),
        opens_contexts=consumer is not None,
        fr_core_release=FrCoreRelease(settings.fr_core_release),
        structures=tuple(
            Structure(e.identifier, e.name) for e in parts.settings.dmp.establishments
        ),
    )
    endpoints = Endpoints(facts.dicomweb_url, _viewer_address(base_url, consumer))
    search = FhirSearch(
        reading=reading,
        answers=SearchAnswers(
            PageSeal(sealing.derive_key("fhir pages", SEAL_KEY_LENGTH)), parts.clock, facts
        ),
        facts=facts,
        own_endpoints=endpoints,
    )
    door = FhirDoor(
        authenticate=identity.browser_callers,
        reads=FhirReads(reading, facts, endpoints),
        search=search,
        limit=RequestLimit(parts.clock, settings.requests_a_minute),
        is_strict=settings.iua_strict_401,
    )
    calls = _contextual_call(parts, identity, consumer) if consumer is not None else []
    return [*calls, *fhir_routes(door)]


def _viewer_address(base_url: str, consumer: ConsumerSide | None) -> ViewerAddress | None:
    """Return what makes addresses of the viewer; a Source has none."""
    if consumer is None:
        return None
    links = consumer.viewer_links

    def address(context: ConsultationContext, study: StudyInstanceUid) -> str:
        return f"{base_url}{LINKS_PATH}/{links.make(context, study)}"

    return address


def _contextual_call(parts: Parts, identity: Identity, consumer: ConsumerSide) -> list[BaseRoute]:
    program = CallingProgram(
        consumer.open_contextual_call,
        identity.professional_tokens,
        identity.allowed_professions,
        tokens=identity.browser_tokens.issuer,
        patient_reference=patient_reference,
        base_url=parts.settings.browser.base_url,
    )
    return fhir_contextual_call_routes(FhirContextualCall(program), PREFIX)


def _service(parts: Parts, sealing: Sealing, consumer: ConsumerSide | None) -> FhirService:
    source = _register_records(parts, sealing)
    if consumer is None:
        return source
    records = ContextRecords(
        consumer.find_prior_studies, consumer.read_documents, parts.trusted_space
    )
    return RecordsOfBoth(source, records) if parts.settings.is_source else records


def _register_records(parts: Parts, sealing: Sealing) -> RegisterRecords:
    publication = parts.settings.publication
    location = publication.retrieve_location_uid if publication is not None else None
    return RegisterRecords(
        register=parts.stores.register,
        patient_ids=PatientIds(sealing.derive_key("fhir patient ids", ID_KEY_LENGTH)),
        sources=(OWN_IMAGES, ImageSource(location=Oid(location))) if location else (OWN_IMAGES,),
    )
