"""One database, two engines: SQLite in a file, PostgreSQL through psycopg.

Work is a synchronous function of a connection, run in a thread inside one transaction:

    coroutine ── write(work) ──> limiter ──> thread: BEGIN IMMEDIATE, work(connection), COMMIT
                                             (SQLite: WAL, synchronous FULL, one writer a time)

When write returns, the transaction is on disk.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal, TypeVar

from anyio import CapacityLimiter, to_thread
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Table,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from drimbox.errors import SettingsError, Unavailable

Result = TypeVar("Result")
AnyRow = Row[*tuple[Any, ...]]
Work = Callable[[Connection], Result]
Values = Mapping[str, object]

_BUSY_TIMEOUT_SECONDS = 10
_BEGIN = "drimbox_begin"
_WRITE_AHEAD_LOG = "PRAGMA journal_mode = WAL"
_BUSY_PAUSE_SECONDS = 0.01
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA trusted_schema = OFF",
)
# What is wrong in our own statements stays an exception of the library: it is a defect, not a
# partner that does not answer.
_DEFECTS = (IntegrityError, ProgrammingError, DataError)


class Database:
    """A pool of connections, and the few places where the two engines differ."""

    def __init__(self, url: str, *, threads: int = 8) -> None:
        """Open lazily; nothing is read or written before the first transaction.

        Raises:
            SettingsError: neither a SQLite file nor PostgreSQL through psycopg.
        """
        try:
            self._url = make_url(url)
        except ArgumentError:
            raise SettingsError("storage.url", "not a database address") from None
        self.is_sqlite = self._url.drivername in {"sqlite", "sqlite+pysqlite"}
        if not self.is_sqlite and self._url.drivername != "postgresql+psycopg":
            raise SettingsError("storage.url", "sqlite:///… or postgresql+psycopg://…")
        if self.is_sqlite and self._url.database in {None, "", ":memory:"}:
            raise SettingsError("storage.url", "SQLite needs a file: memory is not durable")
        self._engine = self._create_engine(threads)
        self._readers = CapacityLimiter(threads)
        # One SQLite writer a time: waiting here is fair and short, waiting in SQLite is a poll.
        self._writers = CapacityLimiter(1 if self.is_sqlite else threads)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None with PostgreSQL."""
        return Path(self._url.database or "") if self.is_sqlite else None

    async def read(self, work: Work[Result]) -> Result:
        """Run in one transaction that sees one state and changes nothing.

        Raises:
            Unavailable: the database does not answer.
        """
        return await to_thread.run_sync(self._run, work, "DEFERRED", limiter=self._readers)

    async def write(self, work: Work[Result]) -> Result:
        """Run in one transaction, durable once this returns.

        Raises:
            Unavailable: it could not be made durable (disk full, read-only, server away); nothing
                of it stays.
        """
        return await to_thread.run_sync(self._run, work, "IMMEDIATE", limiter=self._writers)

    async def truncate_log(self) -> None:
        """Empty SQLite's write-ahead log, where erased pages else linger until overwritten.

        A reader in the way is no fault: the next purge does it.
        """
        if self.is_sqlite:
            await to_thread.run_sync(self._truncate_log, limiter=self._writers)

    async def copy_to(self, copy: Path) -> None:
        """Write the whole database to a new file, as it is at one moment while others write.

        Raises:
            SettingsError: PostgreSQL, whose own tools do this better.
            Unavailable: it could not be written whole; nothing stays.
            FileExistsError: something is there already.
        """
        if not self.is_sqlite:
            raise SettingsError("storage.url", "PostgreSQL: use pg_dump --format=custom")
        await to_thread.run_sync(self._copy_to, copy, limiter=self._readers)

    async def ping(self) -> None:
        """Check that the database answers.

        Raises:
            Unavailable: it does not.
        """
        await self.read(lambda c: c.execute(text("SELECT 1")).scalar())

    async def close(self) -> None:
        await to_thread.run_sync(self._engine.dispose)

    @contextmanager
    def transaction(self, begin: Literal["DEFERRED", "IMMEDIATE"]) -> Iterator[Connection]:
        """Open one transaction in this thread; commit at the end, roll back on any exception.

        Raises:
            Unavailable: the database does not answer.
        """
        try:
            if self.is_sqlite:
                self._keep_file_private()
            connecting = self._engine.connect().execution_options(**{_BEGIN: begin})
            with connecting as connection, connection.begin():
                yield connection
        except _DEFECTS:
            raise
        except DBAPIError as error:
            raise Unavailable("storage", f"failed: {error.orig}") from error
        except (OSError, PoolTimeoutError) as error:
            raise Unavailable("storage", f"failed: {type(error).__name__}") from error

    def lock(self, connection: Connection, name: str) -> None:
        """Hold what this name stands for until the transaction ends.

        PostgreSQL takes an advisory lock; in SQLite BEGIN IMMEDIATE holds everything already.
        """
        if not self.is_sqlite:
            statement = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
            connection.execute(statement, {"name": name})

    def insert_once(self, connection: Connection, table: Table, values: Values) -> bool:
        """Insert unless one of the table's keys is taken; False when it is."""
        statement = self._insert(table).values(values).on_conflict_do_nothing()
        inserted = statement.returning(*table.primary_key)
        return connection.execute(inserted).first() is not None

    def insert_or_replace(
        self,
        connection: Connection,
        table: Table,
        values: Values,
        *,
        unless: ColumnElement[bool] | None = None,
    ) -> None:
        """Insert, or replace the row of the same primary key; a row where unless holds stays."""
        keys = [column.name for column in table.primary_key]
        statement = self._insert(table).values(values)
        changed = {name: statement.excluded[name] for name in values if name not in keys}
        where = None if unless is None else ~unless
        connection.execute(
            statement.on_conflict_do_update(index_elements=keys, set_=changed, where=where)
        )

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def _run(self, work: Work[Result], begin: Literal["DEFERRED", "IMMEDIATE"]) -> Result:
        with self.transaction(begin) as connection:
            return work(connection)

    def _truncate_log(self) -> None:
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise Unavailable("storage", f"failed: {error}") from error
        finally:
            connection.close()

    def _copy_to(self, copy: Path) -> None:
        # Made first, and by us: SQLite would make it with the mode of the umask.
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            connection = self._engine.raw_connection()
            try:
                connection.cursor().execute("VACUUM INTO ?", (str(copy),))
            finally:
                connection.close()
            with copy.open("rb") as file:
                os.fsync(file.fileno())
        except (sqlite3.Error, DBAPIError, OSError) as error:
            copy.unlink(missing_ok=True)
            raise Unavailable("storage", f"cannot be copied: {error}") from error

    def _create_engine(self, threads: int) -> Engine:
        timeout = "timeout" if self.is_sqlite else "connect_timeout"
        engine = create_engine(
            self._url,
            hide_parameters=True,  # values may be identities: they must not reach an error text
            pool_size=threads + 1,
            max_overflow=threads,
            pool_pre_ping=not self.is_sqlite,
            connect_args={timeout: _BUSY_TIMEOUT_SECONDS},
        )
        if self.is_sqlite:
            event.listen(engine, "connect", _set_up_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _keep_file_private(self) -> None:
        """Create the file 0600, whatever the umask; SQLite gives -wal and -shm the same mode.

        Once SQLite may have it open, nobody here opens it: closing any descriptor of a file drops
        every lock of the process on it (fcntl(2)), and the next process to leave would then remove
        a write-ahead log that is still written to.
        """
        path = self.file
        assert path is not None  # noqa: S101  # SQLite only
        try:
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, so that it can be IMMEDIATE
    _use_write_ahead_log(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Turn a new file to WAL; nothing to do for any other.

    Boxes that start together all try it, and here alone SQLite refuses at once and never asks its
    busy handler: two that hold the read lock would wait for each other.
    """
    deadline = monotonic() + _BUSY_TIMEOUT_SECONDS
    while True:
        try:
            connection.execute(_WRITE_AHEAD_LOG).close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                raise
            sleep(_BUSY_PAUSE_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get(_BEGIN, "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {begin}")
