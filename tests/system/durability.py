"""The proof that a Source loses nothing and does nothing twice, however it is killed (R1).

RIS (many messages, each until its AA) ──MLLP──> Source, killed ──> DMP that outlives it
                                                    │
at the end: every acknowledged report is in the DMP, once; storage whole; audit chain holds
"""

import asyncio
import contextlib
import multiprocessing
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

from sqlalchemy import Connection, select
from tests.fakes.reports import REPORT, SENDING, STUDY, message_of
from tests.system.dmp_over_tcp import RecordingDmp
from tests.system.ports import free_port
from tests.system.source_process import SourceConfig, run_source

from drimbox.adapters.storage_sql.audit_repository import SqlAuditRepository
from drimbox.adapters.storage_sql.engine import Database
from drimbox.adapters.storage_sql.sealing import load_sealing
from drimbox.adapters.storage_sql.tables import outbox, received_messages
from drimbox.model.audit import AuditAction
from drimbox.model.uids import StudyInstanceUid
from drimbox.ports.audit_repository import AuditSearch
from drimbox.standards.atna.audit_message import AuditSource

_DRAIN_SECONDS = 40
_PROGRESS_SECONDS = 30
_START, _END = b"\x0b", b"\x1c\r"
# Children are forked from a server that has imported everything: a restart takes no second.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.system.source_process", "pytest"])


@dataclass
class SourceProcess:
    """One Source, started, killed as often as wanted, always with the same settings."""

    config: SourceConfig
    _process: BaseProcess | None = None

    def start(self, **variables: str) -> None:
        config = replace(self.config, variables=variables)
        self._process = _context.Process(target=run_source, args=(config,), daemon=True)
        self._process.start()

    async def kill(self) -> None:
        """SIGKILL, and wait until the kernel is done with it."""
        if self._process is not None:
            self._process.kill()
            await self.wait()

    async def wait(self) -> int:
        """Wait until it ends by itself, as a failpoint makes it; return its exit code."""
        process = self._process
        if process is None:
            raise RuntimeError("not started")
        await asyncio.to_thread(process.join, 30)
        if process.exitcode is None:
            raise TimeoutError("the Source did not end")
        return process.exitcode


def _make_message(number: int) -> tuple[str, bytes]:
    """Make the number-th report, of a study that no other report speaks of."""
    study = StudyInstanceUid(f"1.2.250.1.999.7.{number}")
    report = replace(
        REPORT,
        document_id=f"1.2.250.1.999.45.{number}.1",
        set_id=f"1.2.250.1.999.45.{number}",
        studies=(replace(STUDY, study_instance_uid=study),),
    )
    return study, message_of(report, replace(SENDING, control_id=f"MSG{number}"))


@dataclass
class Ris:
    """Sends reports over some connections to some ports, each until it is acknowledged.

    make_message gives the study and the octets of the n-th report; pause_seconds is between two
    reports of one connection.
    """

    ports: Sequence[int]
    connections: int = 3
    make_message: Callable[[int], tuple[str, bytes]] = _make_message
    pause_seconds: float = 0
    acknowledged: set[str] = field(default_factory=set)
    sent: int = 0
    is_over: bool = False

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator["Ris"]:
        async with asyncio.TaskGroup() as group:
            for number in range(self.connections):
                group.create_task(self._send_all(self.ports[number % len(self.ports)]))
            try:
                yield self
            finally:
                self.is_over = True

    async def wait_for(self, more: int) -> None:
        """Wait until so many more reports were acknowledged."""
        goal = len(self.acknowledged) + more
        async with asyncio.timeout(_PROGRESS_SECONDS):
            while len(self.acknowledged) < goal:  # noqa: ASYNC110 - as many tasks add to it
                await asyncio.sleep(0.01)

    async def _send_all(self, port: int) -> None:
        while not self.is_over:
            self.sent += 1
            study, message = self.make_message(self.sent)
            while not await self._send(port, message):
                if self.is_over:
                    return
                await asyncio.sleep(0.02)
            self.acknowledged.add(study)
            await asyncio.sleep(self.pause_seconds)

    async def _send(self, port: int, message: bytes) -> bool:
        """Return whether AA came back; a connection that is lost says nothing."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.closing(writer):
                writer.write(_START + message + _END)
                async with asyncio.timeout(10):
                    answer = await reader.readuntil(_END)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return False
        return b"MSA|AA|" in answer


@dataclass
class Proof:
    """A RIS, a Source or two, a DMP; and what must hold at the end."""

    config: SourceConfig
    dmp: RecordingDmp
    random: Random

    async def wait_until_drained(self, ris: Ris) -> None:
        """Wait until all that was acknowledged is in the DMP and no job is left."""
        database = Database(self.config.storage_url)
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not (  # noqa: ASYNC110 - two processes and a database have no common event
                    ris.acknowledged <= set(self.dmp.publications)
                    and await database.read(_count_unfinished) == 0
                ):
                    await asyncio.sleep(0.05)
        finally:
            await database.close()

    async def check(self, ris: Ris) -> None:
        """Check every promise; called when no Source runs."""
        lost = ris.acknowledged - set(self.dmp.publications)
        assert not lost, f"{len(lost)} acknowledged reports are not in the DMP"
        twice = [study for study, count in self.dmp.publications.items() if count > 1]
        assert not twice, f"{len(twice)} studies have more than one document in the DMP"
        self.check_integrity()
        database = Database(self.config.storage_url)
        trail = SqlAuditRepository(
            database, load_sealing(self.config.key_file), AuditSource("db1.test")
        )
        try:
            assert await trail.verify() > 0
            received = await trail.find(_every(AuditAction.REPORT_RECEIVED))
            published = await trail.find(_every(AuditAction.KOS_PUBLISHED))
        finally:
            await database.close()
        assert len(received) >= len(ris.acknowledged), "an acknowledged report has no event"
        told = {event.study_instance_uid for event in published}
        assert set(self.dmp.publications) <= told, "a published KOS has no event"

    def check_integrity(self) -> None:
        path = self.config.storage_url.removeprefix("sqlite:///")
        if path == self.config.storage_url or not Path(path).exists():
            return
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def make_config(folder: Path, storage_url: str, dmp_port: int) -> SourceConfig:
    key_file = folder / "storage.key"
    if not key_file.exists():
        key_file.write_bytes(bytes(range(32)))
        key_file.chmod(0o600)
    return SourceConfig(storage_url, key_file, free_port(), dmp_port)


def _every(action: AuditAction) -> AuditSearch:
    return AuditSearch(actions=(action,), limit=1_000_000)


def _count_unfinished(connection: Connection) -> int:
    jobs = select(outbox.c.job_id).where(outbox.c.state != "done")
    messages = select(received_messages.c.message_id).where(received_messages.c.state != "done")
    return len(connection.execute(jobs).all()) + len(connection.execute(messages).all())
