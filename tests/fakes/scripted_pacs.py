"""A DIMSE peer that does what a test tells it to, well or badly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field

from drimbox.standards.dimse.messages import Command, CommandField, SubOperations
from drimbox.standards.dimse.pdu import (
    Abort,
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ReleaseRequest,
    UserInformation,
)
from drimbox.standards.dimse.upper_layer import (
    CommandReceived,
    DataReceived,
    Event,
    UpperLayer,
)


@dataclass
class Peer:
    """The acceptor's side of one association."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    layer: UpperLayer = field(default_factory=lambda: UpperLayer(is_acceptor=True))
    events: list[Event] = field(default_factory=list)
    request: AssociateRequest | None = None

    async def event(self) -> Event:
        while not self.events:
            octets = await self.reader.read(65536)
            if not octets:
                raise EOFError
            self.events += self.layer.receive(octets)
        return self.events.pop(0)

    async def accept(
        self,
        *,
        refused: Collection[str] = (),
        refused_syntaxes: Collection[str] = (),
        extended: UserInformation | None = None,
    ) -> None:
        """Accept the first syntax of every context, but those refused."""
        request = await self.event()
        assert isinstance(request, AssociateRequest)
        self.request = request
        answers = tuple(
            ContextAnswer(c.context_id, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED)
            if c.abstract_syntax in refused or c.transfer_syntaxes[0] in refused_syntaxes
            else ContextAnswer(c.context_id, ContextResult.ACCEPTANCE, c.transfer_syntaxes[0])
            for c in request.contexts
        )
        information = extended or UserInformation(16384, "1.2.3")
        self.raw(
            self.layer.accept(
                AssociateAccept(
                    request.called_ae_title, request.calling_ae_title, answers, information
                )
            )
        )

    async def reject(self, reject: AssociateReject) -> None:
        await self.event()
        self.raw(self.layer.reject(reject))

    async def message(self) -> tuple[int, Command, bytes]:
        """Return the next message: context, command, data set."""
        event = await self.event()
        if isinstance(event, ReleaseRequest):
            self.raw(self.layer.answer_release())
            raise EOFError  # noqa: TRY004 - the end, not a wrong type
        if isinstance(event, Abort):
            raise EOFError  # noqa: TRY004
        assert isinstance(event, CommandReceived)
        octets = b""
        is_over = not event.command.has_data_set
        while not is_over:
            piece = await self.event()
            assert isinstance(piece, DataReceived)
            octets += piece.octets
            is_over = piece.is_last
        return event.context_id, event.command, octets

    async def finish(self) -> None:
        """Read on until the other side ends."""
        while True:
            await self.message()

    def send(self, context_id: int, command: Command, octets: bytes = b"") -> None:
        self.raw(self.layer.send_command(context_id, command, octets))

    def store(self, sop_class: str, sop_instance: str, octets: bytes) -> None:
        """Send a C-STORE-RQ in the first accepted context of that SOP class."""
        assert self.request is not None
        context_id = next(
            c.context_id for c in self.request.contexts if c.abstract_syntax == sop_class
        )
        command = Command(
            CommandField.C_STORE_RQ,
            1,
            sop_class_uid=sop_class,
            sop_instance_uid=sop_instance,
            has_data_set=True,
        )
        self.send(context_id, command)
        self.raw(self.layer.send_data(context_id, octets, is_last=True))

    def answer(
        self, context_id: int, request: Command, status: int, counts: SubOperations | None = None
    ) -> None:
        """Send the final response to a request."""
        response = Command(
            CommandField(request.field | 0x8000),
            request.message_id,
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            status=status,
            sub_operations=counts or SubOperations(),
        )
        self.send(context_id, response)

    def raw(self, octets: bytes) -> None:
        self.writer.write(octets)


@contextlib.asynccontextmanager
async def scripted_pacs(script: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[int]:
    """Run the script on each association; yields the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(EOFError, ConnectionError, asyncio.CancelledError):
                await script(Peer(reader, writer))
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
