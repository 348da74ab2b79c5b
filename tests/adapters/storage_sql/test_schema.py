"""The migrations lead to the tables, and a box starts only on its own database and key."""

import anyio
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.schema import prepare
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import metadata
from drimbox.errors import SettingsError


@pytest.mark.anyio
async def test_migrations_lead_to_exactly_the_tables(database: Database) -> None:
    with database.transaction("IMMEDIATE") as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


@pytest.mark.anyio
async def test_a_second_start_changes_nothing(database: Database, sealing: Sealing) -> None:
    await prepare(database, sealing)
    with database.transaction("DEFERRED") as connection:
        versions = connection.execute(text("SELECT version_num FROM alembic_version")).all()
    assert [tuple(row) for row in versions] == [("0008",)]


@pytest.mark.anyio
async def test_processes_that_start_together_migrate_once(
    storage_url: str, sealing: Sealing
) -> None:
    databases = [Database(storage_url) for _ in range(4)]
    async with anyio.create_task_group() as group:
        for each in databases:
            group.start_soon(prepare, each, sealing)
    for each in databases:
        await each.close()


@pytest.mark.anyio
async def test_another_key_is_refused_at_start(database: Database) -> None:
    with pytest.raises(SettingsError, match="key_file"):
        await prepare(database, Sealing(b"k" * 32))


@pytest.mark.anyio
async def test_a_database_of_a_later_version_is_refused_at_start(
    database: Database, sealing: Sealing
) -> None:
    with database.transaction("IMMEDIATE") as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingsError, match=r"storage\.url"):
        await prepare(database, sealing)
