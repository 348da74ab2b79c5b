"""Who asked for each export, as a keyed digest: the destination of the last is offered first.

SQL cannot make the digest; exports of before keep none, and count from the next one on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("exports", sa.Column("user_index", sa.LargeBinary()))
    op.create_index("ix_exports_user_index_requested_at", "exports", ["user_index", "requested_at"])
