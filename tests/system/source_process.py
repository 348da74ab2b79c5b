"""A Source in a process of its own: MLLP, intake, register, outbox, workers, real flows.

Only its PACS and its DMP are stand-ins: a PACS that holds every study, and the DMP of
dmp_over_tcp, which outlives the kills. run_source is what a harness starts; anything else that
listens to the same MLLP port and feeds the same DMP can stand in its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import anyio
import structlog
from tests.fakes.fake_pacs import FakePacs
from tests.fakes.reports import STRUCTURE, study_in_pacs
from tests.system.dmp_over_tcp import TcpDmpFeeding

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.outbox import SqlOutbox
from drimbox.adapters.storage_sql.schema import prepare
from drimbox.adapters.storage_sql.sealing import load_sealing
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.adapters.system_clock import RandomIdentifiers, SystemClock
from drimbox.entrypoints.mllp.server import MllpServer
from drimbox.entrypoints.worker.claim_loop import Wake
from drimbox.entrypoints.worker.failpoints import Failpoints
from drimbox.entrypoints.worker.intake_worker import IntakeWorker
from drimbox.entrypoints.worker.outbox_worker import OutboxWorker
from drimbox.entrypoints.worker.retry_delay import RetryDelay
from drimbox.flows.source.publication_rules import PublicationRules
from drimbox.flows.source.publish_study import PublishReport
from drimbox.flows.source.receive_report import ReceiveReport
from drimbox.model.document_entry import Document, SubmissionSet
from drimbox.model.practice import Code, Practitioner
from drimbox.model.study import Study
from drimbox.model.uids import StudyInstanceUid
from drimbox.settings.partners import Environment, MllpSettings, PublicationSettings
from drimbox.standards.atna.audit_message import AuditSource


def _impatient() -> PublicationSettings:
    return PublicationSettings(
        retrieve_url_host="db1.test",
        lease_seconds=2,
        first_retry_seconds=0.05,
        last_retry_seconds=0.4,
    )


@dataclass(frozen=True)
class SourceConfig:
    """Leases and retries are short, so that what a kill interrupts is soon taken up again."""

    storage_url: str
    key_file: Path
    mllp_port: int
    dmp_port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    publication: PublicationSettings = field(default_factory=_impatient)


@dataclass
class FullPacs(FakePacs):
    """Holds whatever study it is asked for."""

    async def find_study(self, study_instance_uid: StudyInstanceUid) -> Study:
        return study_in_pacs(study_instance_uid)


class PlainLotSigner:
    """Adds a signature document that proves nothing: what is shown here is what survives."""

    def sign(
        self,
        submission_set: SubmissionSet,
        documents: Sequence[Document],
        *,
        structure_identifier: str,
        document_unique_id: str,
        signed_at: datetime,
    ) -> Document:
        del submission_set, structure_identifier, signed_at
        entry = replace(documents[0].entry, unique_id=document_unique_id, mime_type="text/xml")
        return Document(entry, b"<ds:Signature/>")


def run_source(config: SourceConfig) -> None:
    """Serve until killed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    anyio.run(_serve, config)


async def _serve(config: SourceConfig) -> None:
    clock = SystemClock()
    sealing = load_sealing(config.key_file)
    database = Database(config.storage_url)
    await prepare(database, sealing)
    reports_kept, lots_queued = Wake(), Wake()
    intake = SqlIntake(database, sealing, on_kept=reports_kept.set)
    register = SqlStudyRegister(database, sealing, on_queued=lots_queued.set)
    alerts = SqlAlerts(database, clock)
    audit = SqlAuditRepository(database, sealing, AuditSource("db1.test"))
    failpoints = Failpoints.from_environment(Environment.TEST, config.variables)
    delay = RetryDelay(config.publication, Random().random)
    intake_worker = IntakeWorker(
        intake=intake,
        register=register,
        alerts=alerts,
        publish_report=PublishReport(
            pacs=FullPacs(),
            register=register,
            signer=PlainLotSigner(),
            identifiers=RandomIdentifiers(),
            clock=clock,
            rules=_RULES,
        ),
        clock=clock,
        settings=config.publication,
        delay=delay,
        wake=reports_kept,
        failpoints=failpoints,
    )
    outbox_worker = OutboxWorker(
        outbox=SqlOutbox(database, sealing, on_queued=lots_queued.set),
        dmp=TcpDmpFeeding(config.dmp_port),
        alerts=alerts,
        audit=audit,
        clock=clock,
        settings=config.publication,
        delay=delay,
        dmp_name="dmp.test",
        wake=lots_queued,
        failpoints=failpoints,
    )
    receive_report = ReceiveReport(
        intake=intake, alerts=alerts, audit=audit, clock=clock, local_zone=UTC, is_test=True
    )
    server = MllpServer(MllpSettings(port=config.mllp_port), receive_report, clock)
    await server.start()
    async with anyio.create_task_group() as group:
        group.start_soon(intake_worker.run)
        group.start_soon(outbox_worker.run)


_RULES = PublicationRules(
    retrieve_url_host="db1.test",
    local_zone=UTC,
    device=Practitioner("1", "DRIMbox", "ANS"),
    source_id="1.2.250.1.999.1",
    establishments=(STRUCTURE,),
    facility_type=Code("SA08", "1.2.250.1.71.4.2.4", "Cabinet de groupe"),
    practice_setting=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
)
