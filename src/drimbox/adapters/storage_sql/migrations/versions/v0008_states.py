"""How many messages and lots are in each state, told by an index.

Without it each look of a Prometheus reads the whole of both tables, sealed metadata and all.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_received_messages_state", "received_messages", ["state"])
    op.create_index("ix_outbox_state", "outbox", ["state"])
