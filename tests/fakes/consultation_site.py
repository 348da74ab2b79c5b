"""The whole browser side of a Consommatrice on fakes: the doors, a DMP, a Pro Santé Connect.

Tests drive it through Starlette's TestClient; `open_patient` does what a professional does first.
"""

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.testclient import TestClient
from tests.fakes.fake_audit_repository import FakeAuditRepository
from tests.fakes.fake_clock import START, FakeClock, FakeIdentifiers
from tests.fakes.fake_dmp_consultation import FakeDmpConsultation
from tests.fakes.fake_document_pages import FakeDocumentPages
from tests.fakes.fake_exports import FakeDestination, FakeExportRegister
from tests.fakes.fake_identity_provider import ISSUER, FakeIdentityProvider
from tests.fakes.fake_images import FakeImageService, FakePixelWorker, FakeTranscoder
from tests.fakes.fake_session_store import (
    FakeContextStore,
    FakePendingSignIns,
    FakeSessionStore,
    FakeUsedTokens,
)
from tests.fakes.manifests import made_up_ins
from tests.fakes.published_answers import published
from tests.fakes.signing_keys import signing_key

from drimbox.entrypoints.http.api_reference import OPENAPI_PATH, published_interfaces
from drimbox.entrypoints.http.bearer import BrowserAuthentication, ProfessionalTokens
from drimbox.entrypoints.http.consultation import ConsultationDoor, consultation_routes
from drimbox.entrypoints.http.contextual_call import (
    AllowedOrigins,
    ContextualCallDoor,
    contextual_call_routes,
)
from drimbox.entrypoints.http.document_page import DocumentPage
from drimbox.entrypoints.http.documents import DocumentsDoor, document_routes
from drimbox.entrypoints.http.downloads import DownloadsDoor, download_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.exports import ExportsDoor, export_routes
from drimbox.entrypoints.http.front_door import front_door
from drimbox.entrypoints.http.pages import STATIC_PATH, Pages, static_files
from drimbox.entrypoints.http.security_headers import BrowserPolicy, SecurityHeaders
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.entrypoints.http.sign_in import SignInDoor, sign_in_routes
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.entrypoints.http.viewer.documents import ViewerDocumentsDoor, viewer_document_routes
from drimbox.entrypoints.http.viewer.key_images import (
    ViewerKeyImagesDoor,
    viewer_key_images_routes,
)
from drimbox.entrypoints.http.viewer.links import ViewerLinksDoor, viewer_links_routes
from drimbox.entrypoints.http.viewer.page import ViewerDoor, viewer_routes
from drimbox.entrypoints.http.viewer.slices import ViewerSlicesDoor, viewer_slices_routes
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.consultation_audit import ConsultationAudit
from drimbox.flows.consumer.consultation_memory import make_consultation_memory
from drimbox.flows.consumer.download_studies import DownloadStudies
from drimbox.flows.consumer.export_syntaxes import ExportSyntaxes
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.consumer.list_documents import ListDocuments
from drimbox.flows.consumer.media_pages import MediaCreator
from drimbox.flows.consumer.open_contextual_call import OpenContextualCall
from drimbox.flows.consumer.read_documents import ReadDocuments
from drimbox.flows.consumer.read_manifests import ReadManifests
from drimbox.flows.consumer.sign_in import SignIn, UseSession
from drimbox.flows.consumer.situation import Situations
from drimbox.flows.consumer.view_study import ViewStudy
from drimbox.flows.consumer.viewer_links import ViewerLinks
from drimbox.flows.issue_token import TokenIssuer
from drimbox.model.access import ConsultationContext
from drimbox.model.contextual_call import TEST_AUTHORITIES
from drimbox.model.export_syntax import SyntaxRule
from drimbox.model.imaging_codes import MODALITY_CODE_SYSTEM, REGION_CODE_SYSTEM
from drimbox.model.practice import Activity, Professional, Structure
from drimbox.model.session import Session
from drimbox.standards.fhir.viewer_link import LINK_KEY_LENGTH, LinkSeal

BASE_URL = "http://testserver"
DPI_ORIGIN = "https://dpi.hopital.test"
HERE = Activity(Structure("1990782024", "CLINIQUE DES ESSAIS"), "SA04")
ELSEWHERE = Activity(Structure("499700100321001", "CABINET DU DR DEMO"), "SA07")
DOCTOR = Professional(
    "899700100321", "DEMO-FAURE", "Olivier", "10", "SM74", (HERE,), authenticated_at=START
)
COLLEAGUE = replace(DOCTOR, national_id="899700100411", family_name="DEMO-NGUYEN")
CREATOR = MediaCreator("Clinique des Essais", "drimbox 0.1.0", "3 rue des Essais, 01 23 45 67 89")
FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')

CALL = {
    "Patient.identifier.value": made_up_ins().value,
    "Patient.identifier.system": "1.2.250.1.213.1.4.10",
    "Patient.name.family": "PAQUERETTE",
    "Patient.name.given": "ZOE",
    "Patient.gender": "F",
    "Patient.birthDate": "19790300",
    "Address.district": "2A004",
    "InformationEtOppositionConsultation": "InforméEtNonOpposé",
    "PatientID": "C001-2026",
    "PatientIDIssuer": "CLINIQUE-ESSAIS&1.2.250.1.999.20.1&ISO",
}


@dataclass
class ConsultationSite:
    """folder holds the fake images; everything else is in memory."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    identifiers: FakeIdentifiers = field(default_factory=FakeIdentifiers)
    audit: FakeAuditRepository = field(default_factory=FakeAuditRepository)
    contexts: FakeContextStore = field(default_factory=FakeContextStore)
    sessions: FakeSessionStore = field(default_factory=FakeSessionStore)
    dmp: FakeDmpConsultation = field(default_factory=FakeDmpConsultation)
    exports: FakeExportRegister = field(default_factory=FakeExportRegister)
    destination: FakeDestination = field(default_factory=FakeDestination)
    pixels: FakePixelWorker = field(default_factory=FakePixelWorker)
    transcoder: FakeTranscoder = field(default_factory=FakeTranscoder)
    syntax_rules: dict[str, SyntaxRule] = field(default_factory=dict)
    drawing: FakeDocumentPages = field(default_factory=FakeDocumentPages)
    installed: frozenset[str] = frozenset({HERE.structure.identifier})
    pending: FakePendingSignIns = field(default_factory=FakePendingSignIns)

    def __post_init__(self) -> None:
        self.provider = FakeIdentityProvider(self.clock, DOCTOR)
        self.trail = ConsultationAudit(self.audit, self.clock)
        self.situations = Situations(self.installed)
        self.consult_dmp = ConsultDmp(self.dmp, self.situations, self.trail)
        self.memory = make_consultation_memory(self.clock, timedelta(seconds=30))
        self.read_documents = ReadDocuments(
            self.consult_dmp, self.memory.studies, self.memory.documents, UTC
        )
        self.find_prior_studies = FindPriorStudies(
            ListDocuments(self.consult_dmp, self.memory.lists),
            ReadManifests(self.consult_dmp, self.memory.studies),
            MODALITY_CODE_SYSTEM,
            REGION_CODE_SYSTEM,
        )
        self.destinations = {"PACS": self.destination}
        self.images = FakeImageService(self.find_prior_studies, self.folder)
        self.use_session = UseSession(self.provider, self.sessions, self.clock)
        self.import_studies = ImportStudies(
            self.find_prior_studies,
            self.images,
            self.destinations,
            self.exports,
            self.trail,
            self.clock,
            self.identifiers,
            self.use_session,
            ExportSyntaxes(self.transcoder, self.syntax_rules),
        )
        syntaxes = self.import_studies.syntaxes
        self.download_studies = DownloadStudies(
            self.images, syntaxes, self.trail, self.clock, self.identifiers, CREATOR
        )
        self.confirm_patient = ConfirmPatient(
            self.contexts, self.sessions, self.clock, self.situations
        )
        self.viewer_links = ViewerLinks(
            LinkSeal(b"l" * LINK_KEY_LENGTH),
            FakeUsedTokens(),
            self.confirm_patient,
            self.clock,
            self.identifiers,
        )
        self.open_call = OpenContextualCall(
            self.contexts, self.audit, self.clock, self.identifiers, TEST_AUTHORITIES, 1200
        )
        self.cookies = BrowserCookies(is_secure=False)
        self.app = self._app()

    def client(self, professional: Professional | None = None) -> TestClient:
        """Return a browser; signed in as this professional where one is given."""
        client = published(TestClient(self.app, base_url=BASE_URL, follow_redirects=False))
        if professional is not None:
            session = self.session_of(professional)
            client.cookies.set(self.cookies.session_name, session.identifier)
        return client

    def session_of(self, professional: Professional) -> Session:
        session = Session(
            identifier=self.identifiers.new_secret(),
            professional=professional,
            access_token="psc-token",
            refresh_token=None,
            id_token=None,
            access_token_expires_at=self.clock.now(),
            created_at=self.clock.now(),
            last_seen_at=self.clock.now(),
        )
        self.sessions.sessions[session.identifier] = session
        return session

    def call(self, client: TestClient, **changes: str) -> ConsultationContext:
        """Make a contextual call as a native DPI does, and return the context it opened."""
        answer = client.post("/drim", data=CALL | changes)
        assert answer.status_code == 303, answer.text
        return list(self.contexts.contexts.values())[-1]

    def confirm(self, client: TestClient, context: ConsultationContext) -> None:
        page = client.get(f"/consultation/{context.identifier}")
        token = FORM_TOKEN.findall(page.text)[-1]
        answer = client.post(
            f"/consultation/{context.identifier}/confirmation", data={"form_token": token}
        )
        assert answer.status_code == 303, answer.text

    def open_patient(self, client: TestClient, **changes: str) -> str:
        """Call, confirm the patient, and return the context's identifier."""
        context = self.call(client, **changes)
        self.confirm(client, context)
        return context.identifier

    @property
    def provider_address(self) -> str:
        return ISSUER

    def pending_returns(self) -> list[str]:
        """Return where the sign-ins under way will come back to."""
        return [pending.return_to for pending in self.pending.pending.values()]

    def _app(self) -> Starlette:
        tokens = TokenIssuer(BASE_URL, signing_key(), self.clock, self.identifiers)
        professional_tokens = ProfessionalTokens(ISSUER, self.provider)
        authentication = BrowserAuthentication(
            tokens, professional_tokens, self.contexts, self.use_session, self.cookies, self.clock
        )
        sign_in_door = self._sign_in_door()
        pages = Pages(UTC)
        signed_in = self.signed_in = SignedInPages(authentication, sign_in_door, pages)
        call_door = ContextualCallDoor(
            self.open_call,
            professional_tokens,
            frozenset({"10", "50"}),
            tokens,
            _patient_reference,
            AllowedOrigins(frozenset({DPI_ORIGIN})),
            pages,
            BASE_URL,
        )
        consultation = ConsultationDoor(
            self.confirm_patient,
            self.find_prior_studies,
            self.import_studies,
            self.situations,
            pages,
        )
        document_page = DocumentPage(self.drawing, pages)
        documents = DocumentsDoor(self.confirm_patient, self.read_documents, document_page, pages)
        routes = [
            front_door("/consultation"),
            *contextual_call_routes(call_door, path="/drim"),
            *download_routes(DownloadsDoor(self.confirm_patient, self.download_studies), signed_in),
            *export_routes(ExportsDoor(self.confirm_patient, self.import_studies), signed_in),
            *document_routes(documents, signed_in),
            *consultation_routes(consultation, signed_in),
            *self._viewer_routes(document_page, pages),
            *sign_in_routes(sign_in_door, callback_path="/sign-in/callback"),
            Mount(STATIC_PATH, static_files()),
            Mount(OPENAPI_PATH, published_interfaces()),
        ]
        return Starlette(
            routes=routes,
            middleware=[Middleware(SecurityHeaders, policy=BrowserPolicy(is_secure=False))],
            exception_handlers=exception_handlers(),
        )

    def _viewer_routes(self, document_page: DocumentPage, pages: Pages) -> list[BaseRoute]:
        confirm, view_study = self.confirm_patient, ViewStudy(self.images, self.pixels)
        documents = ViewerDocumentsDoor(confirm, view_study, document_page)
        return [
            *viewer_document_routes(documents, self.signed_in),
            *viewer_key_images_routes(ViewerKeyImagesDoor(confirm, view_study), self.signed_in),
            *viewer_slices_routes(ViewerSlicesDoor(confirm, view_study), self.signed_in),
            *viewer_links_routes(ViewerLinksDoor(self.viewer_links), self.signed_in),
            *viewer_routes(
                ViewerDoor(confirm, view_study, self.import_studies, pages), self.signed_in
            ),
        ]

    def _sign_in_door(self) -> SignInDoor:
        sign_in = SignIn(
            self.provider,
            self.pending,
            self.sessions,
            self.audit,
            self.clock,
            self.identifiers,
            self.memory,
            ISSUER,
            frozenset({"10", "50"}),
        )
        return SignInDoor(
            sign_in, self.contexts, self.cookies, self.clock, self.identifiers, BASE_URL
        )


async def _patient_reference(context: ConsultationContext) -> str:
    return f"Patient/{context.identifier}"
