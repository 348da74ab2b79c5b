"""The local patient number of each publication, so that a search by it need not ask the PACS.

It is a keyed digest, which SQL cannot make: the register fills the column when a box starts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("publications", sa.Column("local_patient_index", sa.LargeBinary()))
    op.create_index("ix_publications_local_patient_index", "publications", ["local_patient_index"])
