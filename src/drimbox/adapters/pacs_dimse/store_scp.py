"""Our own Storage SCP: where the PACS sends what our C-MOVE asked for (PS3.4 B.2, C.4.2).

The head of a data set is read before anything is passed on; what no retrieval under way asked for
(expected_moves) is refused.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field

import structlog

from drimbox.adapters.pacs_dimse.association import Association, own_information
from drimbox.adapters.pacs_dimse.drip_watch import DripWatch
from drimbox.adapters.pacs_dimse.expected_moves import Expectation, ExpectedMoves
from drimbox.adapters.pacs_dimse.find_scu import PARTNER
from drimbox.adapters.pacs_dimse.get_scu import store_response
from drimbox.adapters.pacs_dimse.instance_funnel import arrival_of
from drimbox.errors import DrimboxError, InvalidValue, MalformedMessage, TimedOut, Unavailable
from drimbox.model.uids import SopClassUid, SopInstanceUid
from drimbox.settings.partners import DicomListenerSettings, PacsSettings
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import Attributes
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.element_stream import (
    MAX_HELD,
    ElementStream,
    Remainder,
    WholeElement,
)
from drimbox.standards.dicom.transfer_syntaxes import encoding_of
from drimbox.standards.dimse.messages import VERIFICATION, Command, CommandField
from drimbox.standards.dimse.pdu import (
    AssociateAccept,
    AssociateReject,
    AssociateRequest,
    ContextAnswer,
    ContextResult,
    ProposedContext,
    ReleaseRequest,
)
from drimbox.standards.dimse.status import (
    CANNOT_UNDERSTAND,
    IDENTIFIER_DOES_NOT_MATCH,
    INVALID_SOP_INSTANCE,
    NOT_AUTHORIZED,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
)
from drimbox.standards.dimse.upper_layer import CommandReceived, DataReceived, Event, State

_log = structlog.get_logger(__name__)
_LAST_TAG_NEEDED = tags.SERIES_INSTANCE_UID
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
_MAX_ASSOCIATIONS = 64


class StoreScp:
    """The listener; `moves` are the retrievals that wait for arrivals.

    Args:
        pacs: whose arrivals are awaited; their AE titles may call unless the listener lists others.
        listener: where we listen, and under which AE title.
    """

    def __init__(self, pacs: Sequence[PacsSettings], listener: DicomListenerSettings) -> None:
        self._callers = tuple(one.ae_title for one in pacs)
        self._idle_timeout_seconds = max(one.idle_timeout_seconds for one in pacs)
        self._maximum_pdu = max(one.maximum_pdu for one in pacs)
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._starting = asyncio.Lock()
        self._open: set[IncomingAssociation] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # We call the PACS by one title and listen under another; some PACS (and pynetdicom) give
        # their own title where PS3.7 9.3.1.1 wants that of who asked.
        self.moves = ExpectedMoves(
            frozenset({listener.ae_title, *(one.calling_ae_title for one in pacs), *self._callers})
        )

    @property
    def ae_title(self) -> str:
        return self._listener.ae_title

    @property
    def port(self) -> int:
        """The port in use, once started."""
        assert self._server is not None  # noqa: S101 - a caller's order of calls
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen; again is no error.

        Raises:
            Unavailable: the address is taken.
        """
        async with self._starting:
            if self._server is not None:
                return
            loop = asyncio.get_running_loop()
            try:
                self._server = await loop.create_server(
                    lambda: IncomingAssociation(self), self._listener.host, self._listener.port
                )
            except OSError as error:
                raise Unavailable("Storage SCP", "cannot listen on its port") from error

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for association in list(self._open):
            association.abort()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # For IncomingAssociation.

    @property
    def idle_timeout_seconds(self) -> float:
        return self._idle_timeout_seconds

    def answer(self, request: AssociateRequest) -> AssociateAccept | AssociateReject:
        """Judge an association request by its AE titles and contexts (PS3.8 table 9-21)."""
        allowed = self._listener.allowed_calling_ae_titles or self._callers
        if request.called_ae_title != self.ae_title:
            return AssociateReject(1, 1, 7)
        if request.calling_ae_title not in allowed:
            return AssociateReject(1, 1, 3)
        if len(self._open) > _MAX_ASSOCIATIONS:
            return AssociateReject(2, 3, 2)
        return AssociateAccept(
            request.called_ae_title,
            request.calling_ae_title,
            tuple(self._answer_context(context) for context in request.contexts),
            own_information(self._maximum_pdu),
        )

    def _answer_context(self, context: ProposedContext) -> ContextAnswer:
        abstract = context.abstract_syntax
        if abstract != VERIFICATION and not abstract.startswith(_STORAGE_ROOT):
            return ContextAnswer(context.context_id, ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED)
        takes = self.moves.transfer_syntaxes()
        syntax = next((one for one in context.transfer_syntaxes if one in takes), None)
        if syntax is None:
            return ContextAnswer(context.context_id, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED)
        return ContextAnswer(context.context_id, ContextResult.ACCEPTANCE, syntax)

    def opened(
        self, association: "IncomingAssociation", serve: Callable[[], Coroutine[object, None, None]]
    ) -> None:
        """Keep an association and run its reader."""
        self._open.add(association)
        task = asyncio.create_task(serve())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._open.discard(association))


class IncomingAssociation(Association):
    """One association that the PACS opened to us."""

    def __init__(self, scp: StoreScp) -> None:
        super().__init__(PARTNER, scp.idle_timeout_seconds, is_acceptor=True)
        self._scp = scp
        self._store: _ArrivingStore | None = None
        self._accepted: list[Expectation] = []
        self._drip = DripWatch(scp.idle_timeout_seconds, self._end_drip)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._scp.opened(self, self._serve)
        # ARTIM (PS3.8 9.1.5): who sends his request octet by octet is never silent for long.
        loop = asyncio.get_running_loop()
        loop.call_later(self._scp.idle_timeout_seconds, self._end_unrequested)

    def connection_lost(self, exc: Exception | None) -> None:
        self._drip.stop()
        super().connection_lost(exc)

    def buffer_updated(self, nbytes: int) -> None:
        self._drip.received(nbytes)
        super().buffer_updated(nbytes)
        if self._is_paused:
            self._drip.excuse()

    def deliver(self, event: Event) -> bytes:
        """Answer at once whatever needs no consumer; queue what has one."""
        if not isinstance(event, DataReceived) or event.is_last:
            self._drip.excuse()
        match event:
            case AssociateRequest():
                return self._answer_request(event)
            case ReleaseRequest():
                answer = self.layer.answer_release()
                super().deliver(event)
                return answer
            case CommandReceived():
                return self._command(event)
            case DataReceived():
                return self._data(event)
            case _:
                return super().deliver(event)

    def _end_unrequested(self) -> None:
        if self.layer.state is State.AWAITING_REQUEST:
            _log.warning("association_aborted", reason="not asked for in time")
            self.abort()

    def _end_drip(self) -> None:
        _log.warning("association_aborted", reason="sent hardly anything for long")
        self._fail(TimedOut(PARTNER, self._scp.idle_timeout_seconds))
        self.abort()

    def _answer_request(self, request: AssociateRequest) -> bytes:
        answer = self._scp.answer(request)
        if isinstance(answer, AssociateReject):
            _log.warning("association_refused", reason=answer.reason)
            octets = self.layer.reject(answer)
            super().deliver(answer)
            return octets
        return self.layer.accept(answer)

    def _command(self, event: CommandReceived) -> bytes:
        command = event.command
        if command.field is CommandField.C_STORE_RQ:
            syntax = self.layer.accepted[event.context_id]
            self._store = _ArrivingStore(
                event, ElementStream(encoding_of(syntax), last_tag=_LAST_TAG_NEEDED)
            )
            return b""
        status = SUCCESS if command.field is CommandField.C_ECHO_RQ else UNRECOGNIZED_OPERATION
        if command.is_response:
            return b""
        return self.layer.send_command(
            event.context_id,
            Command(
                CommandField(command.field | 0x8000),
                command.message_id,
                sop_class_uid=command.sop_class_uid,
                status=status,
            ),
        )

    def _data(self, event: DataReceived) -> bytes:
        store = self._store
        if store is None:
            return b""
        if store.status is None:
            self._route(store, event)
        elif store.status == SUCCESS:
            super().deliver(event)
        if not event.is_last:
            return b""
        self._store = None
        status = CANNOT_UNDERSTAND if store.status is None else store.status
        return self.layer.send_command(
            event.context_id, store_response(store.request.command, status)
        )

    def _route(self, store: "_ArrivingStore", event: DataReceived) -> None:
        """Look for the study's UID; once it is known, pass on what was held back, or refuse."""
        store.held.append(event)
        store.held_octets += len(event.octets)
        try:
            events = list(store.elements.feed(event.octets))
        except MalformedMessage:
            store.status = CANNOT_UNDERSTAND
            return
        store.header.update((e.tag, e.element) for e in events if isinstance(e, WholeElement))
        if not event.is_last and not any(isinstance(e, Remainder) for e in events):
            if store.held_octets > MAX_HELD:
                store.status = CANNOT_UNDERSTAND
                store.held.clear()
            return
        store.status = store.fault()
        if store.status is not None:
            _log.warning("instance_refused", status=f"{store.status:04X}")
            return
        expectation = self._scp.moves.match(store.request.command, store.header)
        if expectation is None:
            _log.warning("instance_not_asked_for")
            store.status = NOT_AUTHORIZED
            return
        store.status = SUCCESS
        expectation.begin()
        self._accepted.append(expectation)
        super().deliver(store.request)
        for held in store.held:
            super().deliver(held)

    async def _serve(self) -> None:
        """Hand over what was accepted, in order, until the association ends."""
        try:
            while True:
                event = await self.next_event()
                if not isinstance(event, CommandReceived):
                    break
                await self._hand_over(event, self._accepted.pop(0))
        except DrimboxError as error:
            for expectation in self._accepted:
                expectation.funnel.fail(error)
        self.close()

    async def _hand_over(self, event: CommandReceived, expectation: Expectation) -> None:
        try:
            await expectation.funnel.offer(arrival_of(self, event))
        finally:
            expectation.end()


@dataclass(eq=False, slots=True)
class _ArrivingStore:
    """One C-STORE-RQ; status is None until its study is known."""

    request: CommandReceived
    elements: ElementStream
    header: DataSet = field(default_factory=dict)
    held: list[DataReceived] = field(default_factory=list)
    held_octets: int = 0
    status: int | None = None

    def fault(self) -> int | None:
        """Return the status of an instance whose own names do not hold; call with its header."""
        command = self.request.command
        try:
            SopClassUid(command.sop_class_uid)
            SopInstanceUid(command.sop_instance_uid)
        except InvalidValue:
            return INVALID_SOP_INSTANCE
        named = Attributes(self.header).text(tags.SOP_INSTANCE_UID)
        return None if named == command.sop_instance_uid else IDENTIFIER_DOES_NOT_MATCH
