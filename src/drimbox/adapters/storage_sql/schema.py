"""Bring the schema to this version when a box starts, and check that the key is the database's."""

from importlib.resources import as_file, files

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from anyio import to_thread
from sqlalchemy import Connection, select

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.adapters.storage_sql.tables import storage_key
from drimbox.errors import Mismatch, SettingsError

_PLACE = ("storage_key", "proof")
_PROOF = b"the key of this database"


async def prepare(database: Database, sealing: Sealing) -> None:
    """Upgrade to head in one transaction, once among all starting processes; check the key.

    Raises:
        SettingsError: the database is of a later drimbox, or was sealed with another key.
        Unavailable: the database does not answer.
    """
    await to_thread.run_sync(_prepare, database, sealing)


def _prepare(database: Database, sealing: Sealing) -> None:
    with database.transaction("IMMEDIATE") as connection:
        database.lock(connection, "drimbox schema")
        _upgrade(connection)
        _check_key(database, connection, sealing)


def _upgrade(connection: Connection) -> None:
    with as_file(files("drimbox.adapters.storage_sql") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            why = f"the database is not of this version of drimbox: {error}"
            raise SettingsError("storage.url", why) from error


def _check_key(database: Database, connection: Connection, sealing: Sealing) -> None:
    row = {"only_row": 1, "proof": sealing.seal(_PROOF, *_PLACE)}
    if database.insert_once(connection, storage_key, row):
        return
    proof: bytes = connection.execute(select(storage_key.c.proof)).scalar_one()
    try:
        sealing.unseal(proof, *_PLACE)
    except Mismatch:
        raise SettingsError(
            "storage.key_file", "not the key that this database was sealed with"
        ) from None
