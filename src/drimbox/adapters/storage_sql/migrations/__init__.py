"""Schema versions (alembic), brought to head by schema.prepare when a box starts."""
