"""The tables. migrations/ must lead to exactly these: a test compares them on both engines.

Sealed columns (sealing.py) hold what identifies a person or opens a door; *_index columns are keyed
digests to search by; study and document UIDs stay readable. docs/decisions/0005 says why.
"""

from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    TextClause,
    bindparam,
    text,
)

from drimbox.adapters.storage_sql.column_types import CleanText, Instant, RowNumber
from drimbox.model.publication import IntakeState, JobState

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

UNFINISHED_MESSAGE = (
    IntakeState.PENDING.value,
    IntakeState.PROCESSING.value,
    IntakeState.RETRY.value,
)
UNFINISHED_JOB = (JobState.PENDING.value, JobState.SENDING.value, JobState.RETRY.value)


def is_state_in(state: ColumnElement[str], states: tuple[str, ...]) -> ColumnElement[bool]:
    """Compare with words written into the statement: only so does a partial index serve it."""
    words: BindParameter[tuple[str, ...]] = bindparam(
        "states", states, expanding=True, literal_execute=True, unique=True
    )
    return state.in_(words)


def _where(states: tuple[str, ...]) -> TextClause:
    return text("state IN ({})".format(", ".join(f"'{state}'" for state in states)))


storage_key = Table(
    "storage_key",
    metadata,
    Column("only_row", SmallInteger, primary_key=True, autoincrement=False),
    Column("proof", LargeBinary, nullable=False),
    CheckConstraint("only_row = 1", name="one_row"),
)

received_messages = Table(
    "received_messages",
    metadata,
    Column("message_id", RowNumber, primary_key=True, autoincrement=True),
    Column("key_digest", LargeBinary, nullable=False, unique=True),
    Column("key", CleanText, nullable=False),
    Column("content", LargeBinary),  # sealed; NULL once the retention is over
    Column("received_at", Instant, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),  # of a claimed row: the end of its lease
    Column("concluded_at", Instant),
    Column("last_error", CleanText),
    sqlite_autoincrement=True,
)
Index(
    "ix_received_messages_unfinished",
    received_messages.c.due_at,
    sqlite_where=_where(UNFINISHED_MESSAGE),
    postgresql_where=_where(UNFINISHED_MESSAGE),
)

publications = Table(
    "publications",
    metadata,
    Column("publication_id", RowNumber, primary_key=True, autoincrement=True),
    Column("study_instance_uid", String(64), nullable=False),
    Column("kos_sop_instance_uid", String(64), nullable=False, unique=True),
    Column("patient_index", LargeBinary, nullable=False, index=True),
    Column("local_patient_index", LargeBinary, index=True),  # NULL: not looked for yet
    Column("patient_id", LargeBinary, nullable=False),  # sealed
    Column("manifest", LargeBinary, nullable=False),  # sealed
    Column("kos", LargeBinary, nullable=False),  # sealed
    Column("metadata", LargeBinary, nullable=False),  # sealed
    Column("content_key", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("published_at", Instant),
    sqlite_autoincrement=True,
)
Index(None, publications.c.study_instance_uid, publications.c.publication_id)

publication_reports = Table(
    "publication_reports",
    metadata,
    Column(
        "publication_id",
        RowNumber,
        ForeignKey(publications.c.publication_id),
        primary_key=True,
        autoincrement=False,
    ),
    Column("report_id", String(256), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("job_id", RowNumber, primary_key=True, autoincrement=True),
    Column(
        "publication_id",
        RowNumber,
        ForeignKey(publications.c.publication_id),
        nullable=False,
        index=True,
    ),
    Column("study_instance_uid", String(64), nullable=False),
    Column("submission_unique_id", String(256), nullable=False, unique=True),
    Column("document_unique_id", String(256), nullable=False),
    Column("document_hash", String(128), nullable=False),
    Column("replaces", String(256)),
    Column("metadata", LargeBinary, nullable=False),  # sealed
    Column("identity", LargeBinary, nullable=False),  # sealed
    Column("state", String(16), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),  # of a claimed row: the end of its lease
    Column("finished_at", Instant),
    Column("last_error", CleanText),
    sqlite_autoincrement=True,
)
Index(
    "ix_outbox_unfinished",
    outbox.c.study_instance_uid,
    outbox.c.job_id,
    sqlite_where=_where(UNFINISHED_JOB),
    postgresql_where=_where(UNFINISHED_JOB),
)
Index(
    "ix_outbox_due",
    outbox.c.due_at,
    sqlite_where=_where(UNFINISHED_JOB),
    postgresql_where=_where(UNFINISHED_JOB),
)

outbox_documents = Table(
    "outbox_documents",
    metadata,
    Column("job_id", RowNumber, ForeignKey(outbox.c.job_id), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("document_id", String(256), nullable=False),
    Column("mime_type", String(128), nullable=False),
    Column("content", LargeBinary, nullable=False),  # sealed
)

alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", RowNumber, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("text", CleanText, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("study_instance_uid", String(64)),
    Column("report_id", CleanText),
    Column("message_id", RowNumber),
    Column("closed_at", Instant),
    Column("open_key", LargeBinary, unique=True),  # NULL once closed
    sqlite_autoincrement=True,
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("sequence", RowNumber, primary_key=True, autoincrement=False),
    Column("occurred_at", Instant, nullable=False, index=True),
    Column("action", String(32), nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("user_index", LargeBinary, nullable=False, index=True),
    Column("patient_index", LargeBinary, index=True),
    Column("study_instance_uid", CleanText, index=True),
    Column("document_unique_id", CleanText, index=True),
    Column("event", LargeBinary, nullable=False),  # sealed
    Column("message", LargeBinary, nullable=False),  # sealed: the AuditMessage of PS3.15 A.5
    Column("digest", LargeBinary, nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("only_row", SmallInteger, primary_key=True, autoincrement=False),
    Column("event_count", RowNumber, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("proof", LargeBinary, nullable=False),
    CheckConstraint("only_row = 1", name="one_row"),
)

contexts = Table(
    "contexts",
    metadata,
    Column("identifier_digest", LargeBinary, primary_key=True),
    Column("professional_index", LargeBinary),
    Column("context", LargeBinary, nullable=False),  # sealed
    Column("expires_at", Instant, nullable=False, index=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("identifier_digest", LargeBinary, primary_key=True),
    Column("session", LargeBinary),  # sealed; NULL once signed out
    Column("last_seen_at", Instant, nullable=False, index=True),
)

pending_sign_ins = Table(
    "pending_sign_ins",
    metadata,
    Column("state_digest", LargeBinary, primary_key=True),
    Column("pending", LargeBinary, nullable=False),  # sealed
    Column("created_at", Instant, nullable=False, index=True),
)

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("expires_at", Instant, nullable=False, index=True),
)

authorization_codes = Table(
    "authorization_codes",
    metadata,
    Column("code_digest", LargeBinary, primary_key=True),
    Column("authorization", LargeBinary, nullable=False),  # sealed
    Column("expires_at", Instant, nullable=False, index=True),
)

exports = Table(
    "exports",
    metadata,
    Column("identifier_digest", LargeBinary, primary_key=True),
    Column("context_digest", LargeBinary, nullable=False, index=True),
    Column("study_instance_uid", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("export", LargeBinary, nullable=False),  # sealed
    Column("user_index", LargeBinary),  # none before migration 7
    Index("ix_exports_user_index_requested_at", "user_index", "requested_at"),
)

kept_exams = Table(
    "kept_exams",
    metadata,
    Column("study_instance_uid", String(64), primary_key=True),
    Column("kept_until", Instant, nullable=False, index=True),
    Column("exam", LargeBinary, nullable=False),  # sealed
)

pacs_lacks = Table(
    "pacs_lacks",
    metadata,
    Column("pacs", String(300), primary_key=True),
    Column("feature", String(32), primary_key=True),
    Column("found_at", Instant, nullable=False),
)
