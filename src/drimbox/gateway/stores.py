"""Every durable store of the box, on one database."""

import os
import socket
from dataclasses import dataclass

from drimbox.adapters.storage_sql.alerts import SqlAlerts
from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.authorization_codes import SqlAuthorizationCodes
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.export_register import SqlExportRegister
from drimbox.adapters.storage_sql.figures import SqlFigures
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.kept_exams import SqlKeptExams
from drimbox.adapters.storage_sql.outbox import SqlOutbox
from drimbox.adapters.storage_sql.pacs_features import SqlPacsFeatures
from drimbox.adapters.storage_sql.purge import Purge
from drimbox.adapters.storage_sql.schema import prepare
from drimbox.adapters.storage_sql.sealing import load_sealing
from drimbox.adapters.storage_sql.session_store import (
    SqlContextStore,
    SqlPendingSignIns,
    SqlSessionStore,
    SqlUsedTokens,
)
from drimbox.adapters.storage_sql.study_register import SqlStudyRegister
from drimbox.entrypoints.worker.claim_loop import Wake
from drimbox.ports.clock import Clock
from drimbox.settings.load import Settings
from drimbox.standards.atna.audit_message import AuditSource


@dataclass(frozen=True, slots=True)
class Stores:
    """The ports of storage, and what wakes the workers of this process."""

    database: Database
    intake: SqlIntake
    register: SqlStudyRegister
    outbox: SqlOutbox
    alerts: SqlAlerts
    audit: SqlAuditRepository
    exports: SqlExportRegister
    kept_exams: SqlKeptExams
    contexts: SqlContextStore
    sessions: SqlSessionStore
    pending_sign_ins: SqlPendingSignIns
    used_tokens: SqlUsedTokens
    authorization_codes: SqlAuthorizationCodes
    pacs_features: SqlPacsFeatures
    figures: SqlFigures
    purge: Purge
    intake_wake: Wake
    outbox_wake: Wake


async def open_stores(settings: Settings, clock: Clock) -> Stores:
    """Bring the schema to its last version and open every store.

    Raises:
        SettingsError: the address or the key file cannot be used.
        Unavailable: the database does not answer.
    """
    database = Database(settings.storage.url)
    sealing = load_sealing(settings.storage.key_file)
    await prepare(database, sealing)
    idle_seconds = settings.contextual_call.session_idle_seconds
    intake_wake, outbox_wake = Wake(), Wake()
    longest_wait = settings.publication.last_retry_seconds if settings.publication else 0
    register = SqlStudyRegister(database, sealing, on_queued=outbox_wake.set)
    await register.index_local_patients()
    return Stores(
        database=database,
        intake=SqlIntake(
            database, sealing, on_kept=intake_wake.set, longest_wait_seconds=longest_wait
        ),
        register=register,
        outbox=SqlOutbox(
            database, sealing, on_queued=outbox_wake.set, longest_wait_seconds=longest_wait
        ),
        alerts=SqlAlerts(database, clock),
        audit=SqlAuditRepository(database, sealing, _audit_source(settings)),
        exports=SqlExportRegister(database, sealing),
        kept_exams=SqlKeptExams(database, sealing),
        contexts=SqlContextStore(database, sealing),
        sessions=SqlSessionStore(database, sealing, idle_seconds=idle_seconds),
        pending_sign_ins=SqlPendingSignIns(database, sealing),
        used_tokens=SqlUsedTokens(database),
        authorization_codes=SqlAuthorizationCodes(database, sealing),
        pacs_features=SqlPacsFeatures(database, clock),
        figures=SqlFigures(database),
        purge=Purge(database, session_idle_seconds=idle_seconds),
        intake_wake=intake_wake,
        outbox_wake=outbox_wake,
    )


def _audit_source(settings: Settings) -> AuditSource:
    first = settings.dmp.establishments[0] if settings.dmp.establishments else None
    return AuditSource(
        source_id=settings.browser.base_url,
        enterprise_site_id=first.identifier if first else "",
        address=socket.gethostname(),
        process_id=str(os.getpid()),
    )
