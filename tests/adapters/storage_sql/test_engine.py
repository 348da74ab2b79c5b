"""The database file is private, durable, and says Unavailable when it cannot serve."""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio import create_task_group, run_process, sleep
from sqlalchemy import Connection, text
from tests.fakes.publications import NOON
from tests.fixtures.storage import open_database

from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.intake import SqlIntake
from drimbox.adapters.storage_sql.sealing import Sealing
from drimbox.errors import SettingsError, Unavailable


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def modes_in(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "mysql://host/db",
        "postgresql://host/db",
        "postgresql+asyncpg://host/db",
        "not a url",
        "",
    ],
)
def test_only_a_sqlite_file_or_postgresql_by_psycopg_will_do(url: str) -> None:
    with pytest.raises(SettingsError, match=r"storage\.url"):
        Database(url)


@pytest.mark.anyio
async def test_every_file_is_private_whatever_the_umask(
    tmp_path: Path, sealing: Sealing, careless_umask: None
) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing) as database:
        await SqlIntake(database, sealing).keep("key", b"content", NOON)
        assert modes_in(tmp_path) == dict.fromkeys(
            ["box.sqlite", "box.sqlite-shm", "box.sqlite-wal"], 0o600
        )


@pytest.mark.anyio
async def test_a_file_that_was_open_to_others_is_closed_to_them(
    tmp_path: Path, sealing: Sealing
) -> None:
    path = tmp_path / "box.sqlite"
    path.touch(mode=0o644)
    path.chmod(0o644)
    async with open_database(f"sqlite:///{path}", sealing):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.anyio
async def test_sqlite_is_set_to_lose_nothing_and_leave_nothing(
    tmp_path: Path, sealing: Sealing
) -> None:
    async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing) as database:

        def pragma(name: str) -> object:
            with database.transaction("DEFERRED") as connection:
                return connection.execute(text(f"PRAGMA {name}")).scalar()

        expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
        assert {name: pragma(name) for name in expected} == expected


@pytest.mark.anyio
async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("DELETE FROM storage_key"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    with database.transaction("DEFERRED") as connection:
        assert connection.execute(text("SELECT count(*) FROM storage_key")).scalar() == 1


@pytest.mark.anyio
async def test_a_folder_that_is_not_there_is_unavailable(sealing: Sealing, tmp_path: Path) -> None:
    intake = SqlIntake(Database(f"sqlite:///{tmp_path / 'absent' / 'box.sqlite'}"), sealing)
    with pytest.raises(Unavailable, match="storage"):
        await intake.keep("key", b"content", NOON)


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_unavailable(sealing: Sealing) -> None:
    url = "postgresql+psycopg://drimbox:canary@127.0.0.1:1/drimbox"
    with pytest.raises(Unavailable, match="storage") as caught:
        await SqlIntake(Database(url), sealing).keep("key", b"content", NOON)
    assert "canary" not in str(caught.value)


@pytest.mark.anyio
async def test_a_file_that_is_not_a_database_is_unavailable(
    tmp_path: Path, sealing: Sealing
) -> None:
    (tmp_path / "box.sqlite").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(Unavailable):
        async with open_database(f"sqlite:///{tmp_path / 'box.sqlite'}", sealing):
            pass


@pytest.mark.anyio
async def test_another_process_that_comes_and_goes_takes_nothing_away(
    tmp_path: Path, sealing: Sealing
) -> None:
    """The last process to leave removes the write-ahead log: it must see that we are still here.

    fcntl(2): a process that closes any descriptor of a file loses all its locks on it.
    """
    path = tmp_path / "box.sqlite"
    visit = (
        "import sqlite3, sys; visitor = sqlite3.connect(sys.argv[1]);"
        "print(visitor.execute('SELECT count(*) FROM received_messages').fetchone()[0])"
    )
    async with open_database(f"sqlite:///{path}", sealing) as database:
        intake = SqlIntake(database, sealing)
        seen = []
        for number in range(3):
            await intake.keep(f"key {number}", b"content", NOON)
            visited = await run_process([sys.executable, "-c", visit, str(path)])
            seen.append(int(visited.stdout))
    assert seen == [1, 2, 3]


@pytest.mark.anyio
async def test_a_backup_taken_under_load_holds_what_was_kept_before_it(
    tmp_path: Path, sealing: Sealing
) -> None:
    path, copy = tmp_path / "box.sqlite", tmp_path / "copy.sqlite"
    async with open_database(f"sqlite:///{path}", sealing) as database:
        intake = SqlIntake(database, sealing)
        for number in range(20):
            await intake.keep(f"key {number}", b"content", NOON)
        with sqlite3.connect(path) as source:
            source.execute("VACUUM INTO ?", (str(copy),))
        source.close()
        await intake.keep("after", b"content", NOON)
    async with open_database(f"sqlite:///{copy}", sealing) as restored:
        with restored.transaction("DEFERRED") as connection:
            count = connection.execute(text("SELECT count(*) FROM received_messages")).scalar()
    assert count == 20


@pytest.mark.anyio
async def test_a_new_file_that_another_box_writes_first_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "box.sqlite"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE its_own (only_column)")
    database = Database(f"sqlite:///{file}")
    async with create_task_group() as group:
        group.start_soon(database.ping)
        await sleep(0.2)  # long enough to be refused, were it to ask only once
        other.execute("COMMIT")
    assert await database.read(lambda c: c.execute(text("PRAGMA journal_mode")).scalar()) == "wal"
    other.close()
    await database.close()
