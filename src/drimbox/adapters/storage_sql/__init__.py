"""The durable ports on SQLAlchemy Core: SQLite embedded, or one PostgreSQL shared."""
