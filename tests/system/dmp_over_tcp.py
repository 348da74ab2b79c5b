"""A DMP in the test's own process, and the port a Source feeds it by: one JSON object a line.

It keeps every document it accepts with its time of arrival, and refuses what it holds already.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.fakes.fake_dmp_feeding import entry_of

from drimbox.errors import Conflict, RejectedByPartner, Unavailable
from drimbox.model.document_entry import DocumentEntry
from drimbox.model.publication import DmpIdentity, EncodedSubmission
from drimbox.standards.dicom.kos import parse_kos


@dataclass
class RecordingDmp:
    """documents: uniqueId -> hash; publications counts the accepted documents of each study."""

    documents: dict[str, str] = field(default_factory=dict)
    publications: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator["RecordingDmp"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    def answer(self, question: dict[str, str]) -> dict[str, str]:
        unique_id = question["unique_id"]
        known = self.documents.get(unique_id)
        if question["ask"] == "find":
            return {} if known is None else {"hash": known}
        if known is not None:
            self.duplicates += 1
            return {"error": "XDSDuplicateUniqueIdInRegistry"}
        self.documents[unique_id] = question["hash"]
        self.publications[question["study"]] += 1
        return {}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A Source that is killed resets its connections: that is what this stand-in is for.
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            while line := await reader.readline():
                writer.write(json.dumps(self.answer(json.loads(line))).encode() + b"\n")
                await writer.drain()


class TcpDmpFeeding:
    """Implements ports.dmp.DmpFeeding towards a RecordingDmp."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def provide(
        self, submission: EncodedSubmission, *, replaced_entry_uuid: str | None = None
    ) -> None:
        del replaced_entry_uuid
        answer = await self._ask(
            {
                "ask": "provide",
                "unique_id": submission.document_unique_id,
                "hash": submission.document_hash,
                "study": parse_kos(submission.documents[0].content).study_instance_uid,
            }
        )
        if "error" in answer:
            raise Conflict(answer["error"])

    async def find_registered(self, unique_id: str, identity: DmpIdentity) -> DocumentEntry | None:
        del identity
        answer = await self._ask({"ask": "find", "unique_id": unique_id})
        if "hash" not in answer:
            return None
        return entry_of(unique_id, answer["hash"])

    async def withdraw(self, entry: DocumentEntry, identity: DmpIdentity) -> None:
        del entry, identity
        raise RejectedByPartner("DMP", "no withdrawal here")

    async def _ask(self, question: dict[str, str]) -> dict[str, str]:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(json.dumps(question).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        except OSError as error:
            raise Unavailable("DMP") from error
        if not line:
            raise Unavailable("DMP", "hung up")
        answer: dict[str, str] = json.loads(line)
        return answer
