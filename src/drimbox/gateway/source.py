"""The Source: intake, publication, and the images of what it published."""

import os
import secrets
from dataclasses import dataclass

from drimbox.adapters.dmp_soap.dmp import SoapDmpFeeding
from drimbox.adapters.dmp_soap.lot_signer import CertificateLotSigner
from drimbox.entrypoints.mllp.server import MllpServer
from drimbox.entrypoints.worker.failpoints import Failpoints
from drimbox.entrypoints.worker.intake_worker import IntakeWorker
from drimbox.entrypoints.worker.outbox_worker import OutboxWorker
from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.flows.recent_accesses import RecentAccesses
from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.flows.source.publish_study import PublishReport
from drimbox.flows.source.published_manifests import PublishedManifests
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.flows.source.search_published import SearchPublished
from drimbox.flows.source.serve_study import ServeStudy
from drimbox.flows.source.source_images import Keeping, SourceImages
from drimbox.gateway.parts import Parts
from drimbox.model.practice import Code, Practitioner, Structure
from drimbox.model.uids import Oid
from drimbox.settings.load import Settings
from drimbox.settings.partners import Environment, MllpSettings, PublicationSettings
from drimbox.standards.saml.signing_key import SignatureAlgorithm

FACILITY_TYPES = "1.2.250.1.71.4.2.4"
PRACTICE_SETTINGS = "1.2.250.1.213.1.1.4.9"


@dataclass(frozen=True, slots=True)
class SourceSide:
    """What runs beside the HTTP listeners of a Source."""

    mllp: MllpServer
    intake_worker: IntakeWorker
    outbox_worker: OutboxWorker


def make_serve_study(parts: Parts) -> ServeStudy:
    """Make the image service of the Source."""
    register = parts.stores.register
    return ServeStudy(
        register=register,
        images=SourceImages(
            parts.pacs.service, parts.cache, Keeping(parts.settings.storage.cache_from)
        ),
        audit=parts.stores.audit,
        clock=parts.clock,
        allowed_professions=frozenset(parts.settings.pro_sante_connect.allowed_professions),
        find_published=SearchPublished(register, PublishedManifests(register), parts.pacs.service),
        accesses=RecentAccesses(parts.clock),
    )


def make_source(parts: Parts) -> SourceSide:
    """Make intake and workers; the sections mllp and publication are there (checked at load)."""
    settings, stores, clock = parts.settings, parts.stores, parts.clock
    mllp, publication = _sections(settings)
    receive_report = ReceiveReport(
        intake=stores.intake,
        alerts=stores.alerts,
        audit=stores.audit,
        clock=clock,
        local_zone=settings.time_zone,
        is_test=settings.environment is Environment.TEST,
    )
    publish_report = PublishReport(
        pacs=parts.pacs.service,
        register=stores.register,
        signer=CertificateLotSigner(
            parts.dmp.establishments, SignatureAlgorithm(settings.dmp.lot_signature_algorithm)
        ),
        identifiers=parts.identifiers,
        clock=clock,
        rules=publication_rules(settings, publication),
    )
    failpoints = Failpoints.from_environment(settings.environment, os.environ)
    delay = RetryDelay(publication, secrets.SystemRandom().random)
    return SourceSide(
        mllp=MllpServer(mllp, receive_report, clock),
        intake_worker=IntakeWorker(
            intake=stores.intake,
            register=stores.register,
            alerts=stores.alerts,
            publish_report=publish_report,
            clock=clock,
            settings=publication,
            delay=delay,
            wake=stores.intake_wake,
            failpoints=failpoints,
        ),
        outbox_worker=OutboxWorker(
            outbox=stores.outbox,
            dmp=SoapDmpFeeding(parts.dmp.client, settings.dmp, clock, parts.identifiers),
            alerts=stores.alerts,
            audit=stores.audit,
            clock=clock,
            settings=publication,
            delay=delay,
            dmp_name=settings.dmp.repository_url,
            wake=stores.outbox_wake,
            failpoints=failpoints,
        ),
    )


def _sections(settings: Settings) -> tuple[MllpSettings, PublicationSettings]:
    assert settings.mllp is not None  # noqa: S101  # checked at load
    assert settings.publication is not None  # noqa: S101  # checked at load
    return settings.mllp, settings.publication


def publication_rules(settings: Settings, publication: PublicationSettings) -> PublicationRules:
    dmp = settings.dmp
    location = publication.retrieve_location_uid
    return PublicationRules(
        retrieve_url_host=publication.retrieve_url_host,
        local_zone=settings.time_zone,
        device=Practitioner(dmp.source_id, dmp.software_name.upper(), dmp.software_version),
        source_id=dmp.source_id,
        establishments=tuple(Structure(e.identifier, e.name) for e in dmp.establishments),
        facility_type=Code(dmp.sector, Oid(FACILITY_TYPES)),
        practice_setting=Code(publication.practice_setting, Oid(PRACTICE_SETTINGS)),
        is_local_patient_id_required=publication.is_local_patient_id_required,
        institution_name=publication.institution_name,
        retrieve_location_uid=Oid(location) if location else None,
        modality_code_system=dmp.modality_code_system,
        region_code_system=dmp.region_code_system,
    )
