"""Exams that local systems may find here, for the listener of the host and every worker."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_exams",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("kept_until", sa.BigInteger(), nullable=False),
        sa.Column("exam", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name="pk_kept_exams"),
    )
    op.create_index("ix_kept_exams_kept_until", "kept_exams", ["kept_until"])
