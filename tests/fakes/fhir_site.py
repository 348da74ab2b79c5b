"""The FHIR door of either function on fakes: a DMP, a register, callers by their bearer word."""

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from lxml import etree
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from tests.fakes.callers import FakeTrustedSpace
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.contexts import made_up_caller, made_up_context
from tests.fakes.fake_dmp_consultation import kos_entry
from tests.fakes.fake_study_register import FakeStudyRegister
from tests.fakes.imaging_records import IPP
from tests.fakes.judged_answers import judged
from tests.fakes.manifests import made_up_manifest, made_up_series
from tests.fakes.publications import NOON
from tests.fakes.published_answers import published

from drimbox.entrypoints.http.bearer import bearer_token
from drimbox.entrypoints.http.cross_origin import CrossOrigin, CrossOriginPolicy
from drimbox.entrypoints.http.error_doors import application_of
from drimbox.entrypoints.http.fhir.edge import FhirEdge
from drimbox.entrypoints.http.fhir.endpoints import Endpoints
from drimbox.entrypoints.http.fhir.reads import FhirReads
from drimbox.entrypoints.http.fhir.routes import FhirDoor, fhir_routes
from drimbox.entrypoints.http.fhir.search import FhirSearch
from drimbox.entrypoints.http.fhir.search_answers import SearchAnswers
from drimbox.entrypoints.http.refused_credentials import RefusalsRecorded
from drimbox.entrypoints.http.request_limit import RequestLimit
from drimbox.entrypoints.http.viewer.links import LINKS_PATH
from drimbox.errors import DrimboxError, NotAuthenticated
from drimbox.flows.consumer.context_records import ContextRecords
from drimbox.flows.fhir_service import FhirService
from drimbox.flows.fhir_trail import FhirTrail
from drimbox.flows.read_fhir import ReadFhir
from drimbox.flows.record_refusal import RecordRefusal
from drimbox.flows.source.register_records import RegisterRecords
from drimbox.flows.walk_records import MAX_STUDIES
from drimbox.model.access import Caller, CallerKind, ConsultationContext
from drimbox.model.document_entry import SubmissionSet
from drimbox.model.manifest import ImagingOrder, Manifest
from drimbox.model.practice import Code, Structure
from drimbox.model.publication import Publication, PublicationState
from drimbox.model.study import AccessionNumber
from drimbox.model.uids import Oid, SopInstanceUid, StudyInstanceUid
from drimbox.standards.dicom.kos import encode_kos
from drimbox.standards.fhir.patient_ids import PatientIds
from drimbox.standards.fhir.patient_reference import patient_id
from drimbox.standards.fhir.search_page import PageSeal
from drimbox.standards.fhir.surface import ServiceFacts
from drimbox.standards.iua.access_token import TokenExpired
from drimbox.standards.xds.document_entry import encode_document_entry
from drimbox.standards.xds.submit_objects import start_submission

FHIR = "https://box.test/fhir"
ORIGIN = "https://app.example"
FACTS = ServiceFacts(
    FHIR,
    "https://box.test/dicom-web",
    "https://box.test/oauth2/token",
    "0.1",
    (Structure("1330781360", "CLINIQUE DES ESSAIS"),),
)
ISSUER = Oid("1.2.250.1.999.1")
EXPIRED = "expired"
EVERY_RESOURCE = frozenset({"system/*.rs"})


def exam(number: int, day: date, modality: str = "CT", **changes: object) -> Manifest:
    """Return a manifest of the made-up patient: study 1.2.250.1.999.7.<number>, three images."""
    values: dict[str, object] = {
        "sop_instance_uid": SopInstanceUid(f"2.25.{1000 + number}"),
        "study_instance_uid": StudyInstanceUid(f"1.2.250.1.999.7.{number}"),
        "study_date": day,
        "series": (made_up_series(number, 3, modality=modality),),
        "order": ImagingOrder(AccessionNumber(f"ACC000{number}", ISSUER)),
    }
    return made_up_manifest(**(values | changes))


def made_up_publication_of(
    manifest: Manifest, state: PublicationState = PublicationState.PUBLISHED
) -> Publication:
    """Return what the register keeps of a KOS, its metadata as they were sent."""
    assert manifest.patient is not None
    entry = replace(kos_entry(manifest, ["774007"]), source_patient_id=IPP)
    lot = SubmissionSet("2.25.9", "1.2.250.1.999.1", entry.patient_id, Code("04", "1"), (), NOON)
    request, objects = start_submission(lot)
    encode_document_entry(objects, entry, "DocumentKOS")
    return Publication(
        study_instance_uid=manifest.study_instance_uid,
        kos_sop_instance_uid=manifest.sop_instance_uid,
        patient_id=entry.patient_id,
        manifest=manifest,
        kos=encode_kos(manifest),
        metadata=etree.tostring(request),
        report_ids=("2.25.41",),
        content_key="content",
        state=state,
        created_at=NOON,
        published_at=NOON,
    )


@dataclass
class FhirSite:
    """callers maps each bearer word to whom it is; change it to make others.

    door_error is what asking who calls ends with: Pro Santé Connect is away, or refuses.
    in_front_of is the consultation site that it stands in, where it is not one of its own.
    """

    folder: Path
    register: FakeStudyRegister = field(default_factory=FakeStudyRegister)
    callers: dict[str, Caller] = field(default_factory=dict)
    trusted_space: FakeTrustedSpace = field(default_factory=FakeTrustedSpace)
    requests_a_minute: int = 100_000
    is_strict: bool = False
    serves_superseded: bool = False
    max_studies: int = MAX_STUDIES
    door_error: DrimboxError | None = None
    in_front_of: ConsultationSite | None = None

    def __post_init__(self) -> None:
        self.consultation = self.in_front_of or ConsultationSite(self.folder)
        self.dmp = self.consultation.dmp
        self.audit = self.consultation.audit
        self.clock = self.consultation.clock
        self.context = made_up_context()
        self.callers["doctor"] = made_up_caller(self.context)
        self.callers["client"] = Caller(CallerKind.SYSTEM, "client-1", EVERY_RESOURCE)
        self.patient_ids = PatientIds(b"p" * 64)

    @property
    def patient(self) -> str:
        return f"Patient/{patient_id(self.context)}"

    def change_context(self, **changes: object) -> ConsultationContext:
        self.context = replace(self.context, **changes)  # type: ignore[arg-type]
        self.callers["doctor"] = made_up_caller(self.context)
        return self.context

    def publish(self, *manifests: Manifest) -> None:
        self.register.publications += map(made_up_publication_of, manifests)

    def publish_as(self, state: PublicationState, manifest: Manifest) -> None:
        self.register.publications.append(made_up_publication_of(manifest, state))

    def consumer(self, bearer: str = "doctor") -> TestClient:
        """Return a client of the Consommatrice."""
        return self._client(self._context_records(), bearer)

    def consumer_app(self) -> ASGIApp:
        """Return the Consommatrice's application itself, to be called in the test's own loop."""
        return self._app(self._context_records())

    def source(self, bearer: str = "client") -> TestClient:
        """Return a client of the Source."""
        return self._client(self._register_records(), bearer)

    def _register_records(self) -> RegisterRecords:
        return RegisterRecords(self.register, self.patient_ids, max_publications=self.max_studies)

    def _context_records(self) -> ContextRecords:
        site = self.consultation
        return ContextRecords(site.find_prior_studies, site.read_documents, self.trusted_space)

    def _viewer_address(self, context: ConsultationContext, study: StudyInstanceUid) -> str:
        link = self.consultation.viewer_links.make(context, study)
        return f"https://box.test{LINKS_PATH}/{link}"

    def consumer_door(self) -> FhirDoor:
        return self._door(self._context_records())

    def source_door(self) -> FhirDoor:
        return self._door(self._register_records())

    def _door(self, service: FhirService) -> FhirDoor:
        trail = FhirTrail(self.audit, self.clock)
        reading = ReadFhir(service, trail, self.serves_superseded, self.max_studies)
        endpoints = Endpoints(FACTS.dicomweb_url, self._viewer_address)
        answers = SearchAnswers(PageSeal(b"k" * 64), self.clock, FACTS)
        search = FhirSearch(reading, answers, FACTS, endpoints)
        return FhirDoor(
            RefusalsRecorded(self._authenticate, RecordRefusal(self.audit, self.clock)),
            FhirReads(reading, FACTS, endpoints),
            search,
            RequestLimit(self.clock, self.requests_a_minute),
            self.is_strict,
        )

    def _client(self, service: FhirService, bearer: str) -> TestClient:
        client = TestClient(
            self._app(service), base_url="https://box.test", raise_server_exceptions=True
        )
        if bearer:
            client.headers["Authorization"] = f"Bearer {bearer}"
        return published(judged(client))

    def _app(self, service: FhirService) -> ASGIApp:
        routes = fhir_routes(self._door(service))
        edge = FhirEdge(application_of(routes))
        return CrossOrigin(edge, CrossOriginPolicy(frozenset({ORIGIN})))

    async def _authenticate(self, request: Request) -> Caller:
        word = bearer_token(request) or ""
        if self.door_error is not None:
            raise self.door_error
        if word == EXPIRED:
            raise TokenExpired("899700000001")
        if word not in self.callers:
            raise NotAuthenticated("no such token", error="invalid_token" if word else None)
        return self.callers[word]
