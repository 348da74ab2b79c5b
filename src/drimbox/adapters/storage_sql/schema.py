"""Bring the schema to this version when a box starts, and check that the key is the database's."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from anyio import to_thread
from sqlalchemy import Connection, select

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import storage_key
from drimbox.errors import Mismatch, SettingsError

_PLACE = ("storage_key", "proof")
_PROOF = b"the key of this database"
_OTHER_VERSION = "the database is not of this version of drimbox"


async def prepare(database: Database, sealing: Sealing) -> None:
    """Upgrade to head in one transaction, once among all starting processes; check the key.

    Raises:
        SettingsError: the database is of a later drimbox, or was sealed with another key.
        Unavailable: the database does not answer.
    """
    await to_thread.run_sync(_prepare, database, sealing)


async def examine(database: Database, sealing: Sealing) -> bool:
    """Look at an existing database and change nothing; tell whether its schema is the last one.

    Raises:
        SettingsError: it is of a later drimbox, sealed with another key, or not a database of ours.
        Unavailable: the database does not answer.
    """
    return await to_thread.run_sync(_examine, database, sealing)


async def check_not_behind(database: Database) -> None:
    """Check that opening this database would change nothing that an older box still works on.

    Raises:
        SettingsError: its schema is of an earlier drimbox.
        Unavailable: the database does not answer.
    """
    await to_thread.run_sync(_check_not_behind, database)


def _check_not_behind(database: Database) -> None:
    with database.transaction("DEFERRED") as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    with _migrations() as config:
        head = ScriptDirectory.from_config(config).get_current_head()
    if revision is not None and head is not None and revision < head:
        raise SettingsError(
            "storage.url", "of an earlier drimbox: the next start of the box brings it forward"
        )


def _examine(database: Database, sealing: Sealing) -> bool:
    with database.transaction("DEFERRED") as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None:
            raise SettingsError("storage.url", "holds no database of drimbox yet")
        with _migrations() as config:
            script = ScriptDirectory.from_config(config)
            known = {one.revision for one in script.walk_revisions()}
            head = script.get_current_head()
        if revision not in known:
            raise SettingsError("storage.url", f"{_OTHER_VERSION}: revision {revision}")
        proof: bytes = connection.execute(select(storage_key.c.proof)).scalar_one()
        _check_proof(proof, sealing)
        return revision == head


def _prepare(database: Database, sealing: Sealing) -> None:
    with database.transaction("IMMEDIATE") as connection:
        database.lock(connection, "drimbox schema")
        _upgrade(connection)
        _check_key(database, connection, sealing)


def _upgrade(connection: Connection) -> None:
    with _migrations() as config:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SettingsError("storage.url", f"{_OTHER_VERSION}: {error}") from error


@contextmanager
def _migrations() -> Iterator[Config]:
    with as_file(files("drimbox.adapters.storage_sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        yield config


def _check_key(database: Database, connection: Connection, sealing: Sealing) -> None:
    row = {"only_row": 1, "proof": sealing.seal(_PROOF, *_PLACE)}
    if database.insert_once(connection, storage_key, row):
        return
    _check_proof(connection.execute(select(storage_key.c.proof)).scalar_one(), sealing)


def _check_proof(proof: bytes, sealing: Sealing) -> None:
    try:
        sealing.unseal(proof, *_PLACE)
    except Mismatch:
        raise SettingsError(
            "storage.key_file", "not the key that this database was sealed with"
        ) from None
