"""The Consommatrice: contextual call, exams of the DMP, images of the Sources, exports."""

from dataclasses import dataclass

from starlette.routing import BaseRoute

from drimbox.adapters.dmp_soap.dmp import SoapDmpConsultation
from drimbox.adapters.storage_sql.sealing import load_sealing
from drimbox.entrypoints.http.consultation import ConsultationDoor, consultation_routes
from drimbox.entrypoints.http.contextual_call import (
    AllowedOrigins,
    ContextualCallDoor,
    contextual_call_routes,
)
from drimbox.entrypoints.http.downloads import DownloadsDoor, download_routes
from drimbox.entrypoints.http.exports import ExportsDoor, export_routes
from drimbox.entrypoints.http.pages import Pages
from drimbox.entrypoints.http.signed_in_pages import SignedInPages
from drimbox.flows.consumer.confirm_patient import ConfirmPatient
from drimbox.flows.consumer.consult_dmp import ConsultDmp
from drimbox.flows.consumer.consultation_audit import ConsultationAudit
from drimbox.flows.consumer.find_prior_studies import FindPriorStudies
from drimbox.flows.consumer.import_studies import ImportStudies
from drimbox.flows.consumer.list_documents import ListDocuments
from drimbox.flows.consumer.open_contextual_call import OpenContextualCall
from drimbox.flows.consumer.read_documents import ReadDocuments
from drimbox.flows.consumer.read_manifests import ReadManifests
from drimbox.flows.consumer.retrieve_study import Rankings, RetrieveStudy
from drimbox.flows.consumer.situation import Situations
from drimbox.flows.consumer.tokens_of_live_sign_ins import TokensOfLiveSignIns
from drimbox.flows.consumer.viewer_links import ViewerLinks
from drimbox.flows.opened_study import ImageService
from drimbox.flows.professional_tokens import KnowProfessional
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.gateway.exports import make_download_studies, make_import_studies
from drimbox.gateway.identity import Identity
from drimbox.gateway.local_query import keeping
from drimbox.gateway.parts import Parts
from drimbox.gateway.viewing import Viewing
from drimbox.model.contextual_call import PRODUCTION_AUTHORITIES, TEST_AUTHORITIES
from drimbox.model.patient import InsAuthority
from drimbox.settings.load import Settings
from drimbox.settings.partners import Environment
from drimbox.standards.dicomweb.exchange_syntaxes import LOSSLESS_FIRST, LOSSY_FIRST, ranking
from drimbox.standards.fhir.patient_reference import patient_reference
from drimbox.standards.fhir.viewer_link import LINK_KEY_LENGTH, LinkSeal


@dataclass(frozen=True, slots=True)
class ConsumerSide:
    """The flows that other doors share, the routes of people, and the background exports.

    last_routes take what no other route takes.
    """

    find_prior_studies: FindPriorStudies
    read_documents: ReadDocuments
    open_contextual_call: OpenContextualCall
    images: ImageService
    viewer_links: ViewerLinks
    import_studies: ImportStudies
    routes: list[BaseRoute]
    last_routes: list[BaseRoute]


def make_consumer(parts: Parts, identity: Identity, pages: Pages) -> ConsumerSide:
    """Make the flows and the doors that people use."""
    settings, stores, clock = parts.settings, parts.stores, parts.clock
    audit = ConsultationAudit(stores.audit, clock)
    situations = Situations(frozenset(e.identifier for e in settings.dmp.establishments))
    dmp = ConsultDmp(SoapDmpConsultation(parts.dmp.client, settings.dmp, clock), situations, audit)
    find_prior_studies = _make_find_prior_studies(parts, dmp)
    retrieve_study = _make_retrieve_study(parts, identity, find_prior_studies, audit)
    images = keeping(parts, retrieve_study)
    import_studies = make_import_studies(
        parts, identity.browser.use_session, find_prior_studies, images, audit
    )
    open_call = OpenContextualCall(
        contexts=stores.contexts,
        audit=stores.audit,
        clock=clock,
        identifiers=parts.identifiers,
        authorities=_authorities(settings),
        lifetime_seconds=settings.contextual_call.context_lifetime_seconds,
    )
    confirm = ConfirmPatient(stores.contexts, stores.sessions, clock, situations)
    viewer_links = _make_viewer_links(parts, confirm)
    signed_in = SignedInPages(identity.browser, identity.sign_in, pages)
    consultation = ConsultationDoor(confirm, find_prior_studies, import_studies, situations, pages)
    viewing = Viewing(parts, pages, confirm, signed_in, images, import_studies)
    memory = parts.memory
    read_documents = ReadDocuments(dmp, memory.studies, memory.documents, settings.time_zone)
    routes = [
        *contextual_call_routes(
            _contextual_call_door(settings, open_call, identity, pages),
            path=settings.contextual_call.path,
        ),
        # Before /consultation/{context}: /consultation/exports is not a context.
        *export_routes(ExportsDoor(confirm, import_studies), signed_in),
        *download_routes(
            DownloadsDoor(confirm, make_download_studies(parts, import_studies)), signed_in
        ),
        *viewing.document_routes(read_documents),
        *consultation_routes(consultation, signed_in),
        *viewing.viewer_routes(viewer_links),
    ]
    return ConsumerSide(
        find_prior_studies,
        read_documents,
        open_call,
        images,
        viewer_links,
        import_studies,
        routes,
        viewing.ohif_routes(identity),
    )


def _make_viewer_links(parts: Parts, confirm: ConfirmPatient) -> ViewerLinks:
    sealing = load_sealing(parts.settings.storage.key_file)
    seal = LinkSeal(sealing.derive_key("viewer links", LINK_KEY_LENGTH))
    return ViewerLinks(seal, parts.stores.used_tokens, confirm, parts.clock, parts.identifiers)


def _make_find_prior_studies(parts: Parts, dmp: ConsultDmp) -> FindPriorStudies:
    return FindPriorStudies(
        documents=ListDocuments(dmp, parts.memory.lists),
        manifests=ReadManifests(dmp, parts.memory.studies),
        modality_system=parts.settings.dmp.modality_code_system,
        region_system=parts.settings.dmp.region_code_system,
    )


def _make_retrieve_study(
    parts: Parts,
    identity: Identity,
    find_prior_studies: FindPriorStudies,
    audit: ConsultationAudit,
) -> RetrieveStudy:
    retrieval = parts.settings.peer_retrieval
    known = KnowProfessional(parts.settings.pro_sante_connect.issuer, identity.provider)
    return RetrieveStudy(
        find_prior_studies=find_prior_studies,
        trusted_space=parts.trusted_space,
        peer=parts.peer,
        cache=parts.cache,
        audit=audit,
        accesses=RecentAccesses(parts.clock),
        peer_tokens=TokensOfLiveSignIns(parts.peer_tokens, known),
        rankings=Rankings(
            as_stored=ranking({**LOSSLESS_FIRST, **retrieval.export_q}),
            viewing=ranking({**LOSSY_FIRST, **retrieval.viewing_q}),
        ),
        series_at_once=retrieval.series_at_once,
    )


def _contextual_call_door(
    settings: Settings, open_call: OpenContextualCall, identity: Identity, pages: Pages
) -> ContextualCallDoor:
    call = settings.contextual_call
    return ContextualCallDoor(
        open_call=open_call,
        professional_tokens=identity.professional_tokens,
        allowed_professions=identity.allowed_professions,
        tokens=identity.browser_tokens.issuer,
        patient_reference=patient_reference,
        allowed_origins=AllowedOrigins(frozenset(call.allowed_origins), call.allow_null_origin),
        pages=pages,
        base_url=settings.browser.base_url,
    )


def _authorities(settings: Settings) -> frozenset[InsAuthority]:
    is_test = settings.environment is Environment.TEST
    return TEST_AUTHORITIES if is_test else PRODUCTION_AUTHORITIES
