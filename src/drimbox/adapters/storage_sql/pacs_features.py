"""What each PACS was found to lack."""

from datetime import timedelta

from sqlalchemy import Connection, select, update

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.tables import pacs_lacks
from drimbox.ports.clock import Clock
from drimbox.ports.pacs_features import PacsFeature

REMEMBERED = timedelta(days=7)


class SqlPacsFeatures:
    """Implements ports.pacs_features.PacsFeatures."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def find_lacks(self, pacs: str) -> frozenset[PacsFeature]:
        """See ports.pacs_features; a feature of a later version says nothing here."""
        columns = pacs_lacks.c
        is_known = columns.found_at > self._clock.now() - REMEMBERED
        statement = select(columns.feature).where(columns.pacs == pacs, is_known)
        found = await self._database.read(lambda c: c.execute(statement).scalars().all())
        return frozenset(feature for feature in PacsFeature if feature.value in found)

    async def note_lack(self, pacs: str, feature: PacsFeature) -> None:
        """See ports.pacs_features."""
        row = {"pacs": pacs, "feature": feature.value, "found_at": self._clock.now()}

        def work(connection: Connection) -> None:
            if not self._database.insert_once(connection, pacs_lacks, row):
                columns = pacs_lacks.c
                is_same = (columns.pacs == pacs) & (columns.feature == feature.value)
                connection.execute(update(pacs_lacks).where(is_same).values(row))

        await self._database.write(work)
