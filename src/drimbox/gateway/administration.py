"""What commands of an operator need of a box: its stores, beside the box that may be running."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.schema import check_not_behind
from drimbox.adapters.system_clock import SystemClock
from drimbox.gateway.stores import Stores, open_stores
from drimbox.settings.load import Settings


@dataclass(frozen=True, slots=True)
class Administration:
    """The stores of one box, opened for a command."""

    settings: Settings
    stores: Stores
    clock: SystemClock


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[Administration]:
    """Open the stores of the box for one command, beside a box that may be an older one.

    Raises:
        SettingsError: the address or the key file cannot be used, or the schema is an older one.
        Unavailable: the database does not answer.
    """
    database = Database(settings.storage.url)
    try:
        await check_not_behind(database)
    finally:
        await database.close()
    clock = SystemClock()
    stores = await open_stores(settings, clock)
    try:
        yield Administration(settings, stores, clock)
    finally:
        await stores.database.close()
