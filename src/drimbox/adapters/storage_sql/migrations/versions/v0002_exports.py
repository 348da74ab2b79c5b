"""Exports to local PACS, so that a restart finds and ends what was under way."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("identifier_digest", sa.LargeBinary(), nullable=False),
        sa.Column("context_digest", sa.LargeBinary(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("export", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("identifier_digest", name="pk_exports"),
    )
    op.create_index("ix_exports_context_digest", "exports", ["context_digest"])
    op.create_index("ix_exports_study_instance_uid", "exports", ["study_instance_uid"])
