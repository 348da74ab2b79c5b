"""What alembic runs: the connection comes from schema.prepare, already inside its transaction.

To write a new version: alembic's revision command with script_location set to this folder and the
connection in config.attributes; review by eye what it proposes.
"""

from alembic import context

from drimbox.adapters.storage_sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
