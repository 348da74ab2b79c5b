"""The figures are read every few seconds, for years: no look at them may read whole tables."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.figures import SqlFigures
from drimbox.adapters.storage_sql.sealing import Sealing

GROWS = ("audit_events", "outbox", "received_messages")


@pytest.mark.anyio
async def test_a_look_reads_no_table_that_grows_for_ever(tmp_path: Path, sealing: Sealing) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []
    async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing) as database:
        event.listen(
            database._engine,
            "before_cursor_execute",
            lambda _c, _cursor, statement, parameters, *_: asked.append((statement, parameters)),
        )
        await SqlFigures(database)()
        selects = [one for one in asked if one[0].startswith("SELECT")]
        steps = await database.read(lambda c: [s for one in selects for s in _plan(c, *one)])
    assert len(selects) == 5
    # "SEARCH" goes to rows by a key; "SCAN" that uses a covering index reads the index alone.
    whole = rf"SCAN (?:{'|'.join(GROWS)})(?! USING COVERING INDEX)"
    assert not [step for step in steps if re.match(whole, step)]


def _plan(connection: Connection, statement: str, parameters: tuple[object, ...]) -> list[str]:
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return [row.detail for row in rows]
