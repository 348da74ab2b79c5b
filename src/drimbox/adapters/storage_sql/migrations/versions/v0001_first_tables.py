"""The first tables, and the triggers that keep the audit trail from being changed or emptied."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _create_key_table()
    _create_intake_tables()
    _create_publication_tables()
    _create_outbox_tables()
    _create_alert_tables()
    _create_audit_tables()
    _create_session_tables()
    _protect_audit_trail()


def _create_key_table() -> None:
    op.create_table(
        "storage_key",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("only_row = 1", name="ck_storage_key_one_row"),
        sa.PrimaryKeyConstraint("only_row", name="pk_storage_key"),
    )


def _create_intake_tables() -> None:
    op.create_table(
        "received_messages",
        sa.Column("message_id", _ROW, autoincrement=True, nullable=False),
        sa.Column("key_digest", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("concluded_at", sa.BigInteger()),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("message_id", name="pk_received_messages"),
        sa.UniqueConstraint("key_digest", name="uq_received_messages_key_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_received_messages_unfinished",
        "received_messages",
        ["due_at"],
        sqlite_where=sa.text("state IN ('pending', 'processing', 'retry')"),
        postgresql_where=sa.text("state IN ('pending', 'processing', 'retry')"),
    )


def _create_publication_tables() -> None:
    op.create_table(
        "publications",
        sa.Column("publication_id", _ROW, autoincrement=True, nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("kos_sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("patient_index", sa.LargeBinary(), nullable=False),
        sa.Column("patient_id", sa.LargeBinary(), nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("kos", sa.LargeBinary(), nullable=False),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.Column("content_key", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("publication_id", name="pk_publications"),
        sa.UniqueConstraint("kos_sop_instance_uid", name="uq_publications_kos_sop_instance_uid"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_publications_patient_index", "publications", ["patient_index"])
    op.create_index(
        "ix_publications_study_instance_uid_publication_id",
        "publications",
        ["study_instance_uid", "publication_id"],
    )
    op.create_table(
        "publication_reports",
        sa.Column("publication_id", _ROW, autoincrement=False, nullable=False),
        sa.Column("report_id", sa.String(length=256), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["publications.publication_id"],
            name="fk_publication_reports_publication_id",
        ),
        sa.PrimaryKeyConstraint("publication_id", "report_id", name="pk_publication_reports"),
    )
    op.create_index("ix_publication_reports_report_id", "publication_reports", ["report_id"])


def _create_outbox_tables() -> None:
    op.create_table(
        "outbox",
        sa.Column("job_id", _ROW, autoincrement=True, nullable=False),
        sa.Column("publication_id", _ROW, nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("submission_unique_id", sa.String(length=256), nullable=False),
        sa.Column("document_unique_id", sa.String(length=256), nullable=False),
        sa.Column("document_hash", sa.String(length=128), nullable=False),
        sa.Column("replaces", sa.String(length=256)),
        sa.Column("metadata", sa.LargeBinary(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("last_error", sa.Text()),
        sa.ForeignKeyConstraint(
            ["publication_id"], ["publications.publication_id"], name="fk_outbox_publication_id"
        ),
        sa.PrimaryKeyConstraint("job_id", name="pk_outbox"),
        sa.UniqueConstraint("submission_unique_id", name="uq_outbox_submission_unique_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        sqlite_where=sa.text("state IN ('pending', 'sending', 'retry')"),
        postgresql_where=sa.text("state IN ('pending', 'sending', 'retry')"),
    )
    op.create_index("ix_outbox_publication_id", "outbox", ["publication_id"])
    op.create_index(
        "ix_outbox_unfinished",
        "outbox",
        ["study_instance_uid", "job_id"],
        sqlite_where=sa.text("state IN ('pending', 'sending', 'retry')"),
        postgresql_where=sa.text("state IN ('pending', 'sending', 'retry')"),
    )
    op.create_table(
        "outbox_documents",
        sa.Column("job_id", _ROW, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("document_id", sa.String(length=256), nullable=False),
        sa.Column("mime_type", sa.String(length=128), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["outbox.job_id"], name="fk_outbox_documents_job_id"),
        sa.PrimaryKeyConstraint("job_id", "position", name="pk_outbox_documents"),
    )


def _create_alert_tables() -> None:
    op.create_table(
        "alerts",
        sa.Column("alert_id", _ROW, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64)),
        sa.Column("report_id", sa.Text()),
        sa.Column("message_id", _ROW),
        sa.Column("closed_at", sa.BigInteger()),
        sa.Column("open_key", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alerts"),
        sa.UniqueConstraint("open_key", name="uq_alerts_open_key"),
        sqlite_autoincrement=True,
    )


def _create_audit_tables() -> None:
    op.create_table(
        "audit_events",
        sa.Column("sequence", _ROW, autoincrement=False, nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("user_index", sa.LargeBinary(), nullable=False),
        sa.Column("patient_index", sa.LargeBinary()),
        sa.Column("study_instance_uid", sa.Text()),
        sa.Column("document_unique_id", sa.Text()),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_document_unique_id", "audit_events", ["document_unique_id"])
    op.create_index("ix_audit_events_occurred_at", "audit_events", ["occurred_at"])
    op.create_index("ix_audit_events_patient_index", "audit_events", ["patient_index"])
    op.create_index("ix_audit_events_study_instance_uid", "audit_events", ["study_instance_uid"])
    op.create_index("ix_audit_events_user_index", "audit_events", ["user_index"])
    op.create_table(
        "audit_head",
        sa.Column("only_row", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("event_count", _ROW, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("proof", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("only_row = 1", name="ck_audit_head_one_row"),
        sa.PrimaryKeyConstraint("only_row", name="pk_audit_head"),
    )


def _create_session_tables() -> None:
    op.create_table(
        "contexts",
        sa.Column("identifier_digest", sa.LargeBinary(), nullable=False),
        sa.Column("professional_index", sa.LargeBinary()),
        sa.Column("context", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_digest", name="pk_contexts"),
    )
    op.create_index("ix_contexts_expires_at", "contexts", ["expires_at"])
    op.create_table(
        "pending_sign_ins",
        sa.Column("state_digest", sa.LargeBinary(), nullable=False),
        sa.Column("pending", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state_digest", name="pk_pending_sign_ins"),
    )
    op.create_index("ix_pending_sign_ins_created_at", "pending_sign_ins", ["created_at"])
    op.create_table(
        "sessions",
        sa.Column("identifier_digest", sa.LargeBinary(), nullable=False),
        sa.Column("session", sa.LargeBinary()),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_digest", name="pk_sessions"),
    )
    op.create_index("ix_sessions_last_seen_at", "sessions", ["last_seen_at"])
    op.create_table(
        "used_tokens",
        sa.Column("token_digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_digest", name="pk_used_tokens"),
    )
    op.create_index("ix_used_tokens_expires_at", "used_tokens", ["expires_at"])


def _protect_audit_trail() -> None:
    """Refuse UPDATE and DELETE of events (CS.08, CS.09)."""
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_events_no_{change.lower()} BEFORE {change} ON audit_events "
                "BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
        "ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
    )
