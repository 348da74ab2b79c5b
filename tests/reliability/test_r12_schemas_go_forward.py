"""R12: a box takes up the database of each version before, with all that it holds."""

from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    insert,
    select,
)

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.schema import examine, prepare
from drimbox.adapters.storage_sql.sealing import Sealing

pytestmark = pytest.mark.anyio
# The key's own row is made by the first start, and must be sealed with it.
NOT_FILLED = frozenset({"alembic_version", "storage_key"})


def _config() -> Iterator[Config]:
    with as_file(files("drimbox.adapters.storage_sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        yield config


def _revisions() -> list[str]:
    (config,) = _config()
    return sorted(one.revision for one in ScriptDirectory.from_config(config).walk_revisions())


def _upgrade(connection: Connection, revision: str) -> None:
    for config in _config():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _value(column: Column[object]) -> object:
    """Return what fits the column; every key is 1, and so is what refers to it."""
    if isinstance(column.type, Integer):
        return 1
    if isinstance(column.type, LargeBinary):
        return b"\x00\xff" + column.name.encode()
    assert isinstance(column.type, String), column
    return f"é {column.name}"[: column.type.length]


def _tables(connection: Connection) -> Mapping[str, Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return {one.name: one for one in metadata.sorted_tables if one.name not in NOT_FILLED}


def _fill(connection: Connection) -> dict[str, dict[str, object]]:
    """Put a row into each table, a value in each column; return them."""
    rows = {}
    for name, table in _tables(connection).items():
        rows[name] = {column.name: _value(column) for column in table.columns}
        connection.execute(insert(table).values(rows[name]))
    return rows


@pytest.mark.parametrize("revision", _revisions())
async def test_a_schema_of_before_is_brought_forward_and_keeps_every_value(
    storage_url: str, sealing: Sealing, revision: str
) -> None:
    database = Database(storage_url)
    try:
        with database.transaction("IMMEDIATE") as connection:
            _upgrade(connection, revision)
            before = _fill(connection)
        await prepare(database, sealing)
        assert await examine(database, sealing)
        with database.transaction("DEFERRED") as connection:
            tables = _tables(connection)
            for name, row in before.items():
                kept = connection.execute(select(tables[name])).mappings().all()
                assert [{key: one[key] for key in row} for one in kept] == [row], name
    finally:
        await database.close()
