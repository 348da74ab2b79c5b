"""What each PACS was found to lack, so that it is not tried anew at each start."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pacs_lacks",
        sa.Column("pacs", sa.String(300), nullable=False),
        sa.Column("feature", sa.String(32), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pacs", "feature", name="pk_pacs_lacks"),
    )
