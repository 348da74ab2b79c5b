"""Rows O2 and O4, hard case 20: what becomes of a token between its exchange and its use.

    program --PSC token, launch--> Consommatrice /oauth2/token    a token for its context
    program --that token---------> /fhir                          the DMP, in the box's own name
                                   /dicom-web --PSC token, or the Source's own for it--> Source

A token of Pro Santé Connect lives two minutes, ours twenty; a Source's own is bound to the
certificate of the box that asked for it. Boxes speak over real mutual TLS.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from tests.adapters.peer_dicomweb.test_peer_tokens import box_of
from tests.fakes.application_site import LAUNCH
from tests.fakes.boxes import CONSUMER, OTHER, SOURCE, box
from tests.fakes.consultation_site import ConsultationSite
from tests.fakes.fake_clock import FakeIdentifiers
from tests.fakes.fake_identity_provider import ISSUER as PSC
from tests.fakes.fake_images import FakePixelWorker
from tests.fakes.fake_session_store import FakeSessionStore
from tests.fakes.fhir_site import FhirSite
from tests.fakes.oauth_server import OAuthServer
from tests.fakes.peer_source import NUMBERS, PeerSource, peer_source
from tests.fakes.professionals import HELENE, JOSIANE
from tests.fakes.two_boxes import ProfessionalsToken, consommatrice
from tests.flows.test_issue_token import CONTEXT

from drimbox.adapters.peer_dicomweb.iua_tokens import IuaTokens
from drimbox.adapters.peer_dicomweb.peer_connection import PeerConnection
from drimbox.entrypoints.http.bearer import BrowserAuthentication, ProfessionalTokens
from drimbox.entrypoints.http.dicomweb.routes import DicomwebDoor, dicomweb_routes
from drimbox.entrypoints.http.error_doors import exception_handlers
from drimbox.entrypoints.http.fhir.routes import fhir_routes
from drimbox.entrypoints.http.session_cookie import BrowserCookies
from drimbox.errors import NotAuthenticated, RejectedByPartner
from drimbox.flows.consumer.sign_in import UseSession
from drimbox.flows.consumer.tokens_of_live_sign_ins import TokensOfLiveSignIns
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.model.access import ConsultationContext
from drimbox.model.audit import AuditAction
from drimbox.ports.peer_tokens import PeerTokens
from drimbox.standards.iua.access_token import thumbprint

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("FA.4")]

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BOTH_KINDS = pytest.mark.parametrize("kind", ["pro-sante-connect", "iua"])


@dataclass
class Program:
    """A program of the Consommatrice's site, for HELENE and the patient of LAUNCH."""

    source: PeerSource
    own: OAuthServer
    site: ConsultationSite
    study: str
    http: httpx2.AsyncClient

    def advance(self, seconds: float) -> None:
        """Let time pass, for Pro Santé Connect and both boxes."""
        self.own.clock.advance(seconds)

    async def exchange(self, subject_token: str) -> httpx2.Response:
        form = {
            "grant_type": EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "launch": LAUNCH.identifier,
            "scope": "patient/*.rs",
            "client_assertion_type": BEARER_ASSERTION,
            "client_assertion": self.own.assertion(client_id="program"),
        }
        return await self.http.post("/oauth2/token", data=form)

    async def token(self) -> str:
        answer = await self.exchange(self.sign_in())
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def sign_in(self) -> str:
        return self.own.provider.sign_in().access_token

    async def images(self, token: str) -> httpx2.Response:
        return await self._get(f"/dicom-web/studies/{self.study}", token)

    async def exams(self, token: str) -> httpx2.Response:
        return await self._get("/fhir/ImagingStudy", token)

    async def _get(self, path: str, token: str) -> httpx2.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {token}"})


@asynccontextmanager
async def program_of(source: PeerSource, folder: Path, kind: str) -> AsyncIterator[Program]:
    """Make the Consommatrice's application, and a program that calls it."""
    own = OAuthServer(clock=source.server.clock)
    own.provider = source.server.provider
    own.contexts.contexts[LAUNCH.identifier] = LAUNCH
    known = KnowProfessional(PSC, own.provider)

    def make_tokens(connection: PeerConnection) -> PeerTokens:
        tokens: PeerTokens = ProfessionalsToken()
        if kind == "iua":
            tls = box(CONSUMER).tls()
            tokens = IuaTokens(connection, tls, source.boxes, own.clock, FakeIdentifiers(77))
        return TokensOfLiveSignIns(tokens, known)

    places = frozenset(activity.structure.identifier for activity in HELENE.activities[:1])
    site = ConsultationSite(folder, clock=own.clock, installed=places)
    async with consommatrice(source, folder, site=site, make_tokens=make_tokens) as boxes:
        authenticate = BrowserAuthentication(
            own.tokens,
            ProfessionalTokens(PSC, own.provider),
            own.contexts,
            UseSession(own.provider, FakeSessionStore(), own.clock),
            BrowserCookies(is_secure=True),
            own.clock,
        )
        fhir = FhirSite(folder, in_front_of=site)
        door = DicomwebDoor(
            authenticate, boxes.retrieve_study, FakePixelWorker(), f"{own.issuer}/dicom-web"
        )
        app = Starlette(
            routes=[
                *dicomweb_routes(door),
                *own.routes(),
                *fhir_routes(replace(fhir.consumer_door(), authenticate=authenticate)),
            ],
            exception_handlers=exception_handlers(),
        )
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url=own.issuer
        ) as http:
            yield Program(source, own, site, str(boxes.manifest.study_instance_uid), http)


@pytest.fixture
async def source(tmp_path: Path) -> AsyncIterator[PeerSource]:
    async with peer_source(tmp_path) as running:
        yield running


def context_of(program: Program) -> ConsultationContext:
    return program.own.contexts.contexts[LAUNCH.identifier]


def is_challenge_to_sign_in(answer: httpx2.Response) -> bool:
    challenge = answer.headers.get("www-authenticate", "")
    return answer.status_code == 401 and 'error="invalid_token"' in challenge


@BOTH_KINDS
async def test_a_token_exchanged_a_moment_ago_opens_fhir_and_images(
    source: PeerSource, tmp_path: Path, kind: str
) -> None:
    async with program_of(source, tmp_path, kind) as program:
        token = await program.token()
        assert (await program.exams(token)).json()["total"] == 1
        images = await program.images(token)
        assert images.status_code == 200
        assert images.content.count(b"application/dicom") >= len(NUMBERS)


@BOTH_KINDS
async def test_a_sign_in_that_ends_between_exchange_and_use_asks_for_another(
    source: PeerSource, tmp_path: Path, kind: str
) -> None:
    """FHIR goes on, for the DMP is asked in the box's name; a Source wants the professional."""
    async with program_of(source, tmp_path, kind) as program:
        token = await program.token()
        program.advance(121)
        assert (await program.exams(token)).json()["total"] == 1
        refused = await program.images(token)
        assert is_challenge_to_sign_in(refused), (refused.status_code, refused.text)
        assert AuditAction.IMAGES_SERVED not in source.audit.actions
        # A fresh sign-in, exchanged for the same context: the exam opens, by either token.
        anew = await program.token()
        assert (await program.images(anew)).status_code == 200
        assert (await program.images(token)).status_code == 200


@BOTH_KINDS
async def test_a_sign_in_that_is_over_is_exchanged_for_nothing(
    source: PeerSource, tmp_path: Path, kind: str
) -> None:
    async with program_of(source, tmp_path, kind) as program:
        subject_token = program.sign_in()
        program.advance(121)
        answer = await program.exchange(subject_token)
        # RFC 8693 2.2.2: invalid_request, whatever is wrong with a subject token.
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert subject_token not in answer.text
        assert context_of(program).professional is None


async def test_a_token_of_the_source_outlives_the_sign_in_it_was_exchanged_for(
    source: PeerSource,
) -> None:
    """It has a life of its own (ANS volet: an hour at most; here five minutes), then is over."""
    psc = source.server.provider.sign_in().access_token
    async with box_of(source, CONSUMER) as consumer:
        known = KnowProfessional(PSC, source.server.provider)
        tokens = TokensOfLiveSignIns(consumer.tokens, known)
        token = await tokens.token_for(box(SOURCE).peer, CONTEXT, psc)
        source.server.clock.advance(121)
        with pytest.raises(NotAuthenticated):
            await known(psc)
        assert await consumer.retrieve(token) == len(NUMBERS)
        # Five minutes, and the minute by which clocks may differ (R7).
        source.server.clock.advance(240)
        with pytest.raises(NotAuthenticated) as at_the_source:
            await consumer.retrieve(token)
        with pytest.raises(NotAuthenticated) as at_the_exchange:
            await tokens.token_for(box(SOURCE).peer, CONTEXT, psc)
        assert {at_the_source.value.error, at_the_exchange.value.error} == {"invalid_token"}


async def test_a_source_that_refuses_a_live_sign_in_is_not_taken_for_its_end(
    source: PeerSource,
) -> None:
    """A profession that the Source does not let in: signing in anew would change nothing."""
    source.server.provider.professional = JOSIANE
    psc = source.server.provider.sign_in().access_token
    async with box_of(source, CONSUMER) as consumer:
        known = KnowProfessional(PSC, source.server.provider)
        with pytest.raises(RejectedByPartner):
            await TokensOfLiveSignIns(consumer.tokens, known).token_for(
                box(SOURCE).peer, CONTEXT, psc
            )


async def test_an_exchanged_token_is_worth_nothing_without_the_certificate_of_its_cnf(
    source: PeerSource, tmp_path: Path
) -> None:
    async with box_of(source, CONSUMER) as consumer, box_of(source, OTHER) as other:
        token = await consumer.token()
        claims = source.server.tokens.read_unbound(token)
        assert claims.certificate_thumbprint == thumbprint(box(CONSUMER).certificate_der)
        with pytest.raises(NotAuthenticated) as refusal:
            await other.retrieve(token)
        assert refusal.value.error == "invalid_token"
        # Nor on the browser listener of another box, where no certificate is asked for.
        async with program_of(source, tmp_path, "iua") as program:
            assert is_challenge_to_sign_in(await program.exams(token))
            assert is_challenge_to_sign_in(await program.images(token))
        assert await consumer.retrieve(token) == len(NUMBERS)
