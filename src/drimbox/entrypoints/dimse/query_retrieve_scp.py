"""Query/Retrieve for local systems on the white list, of exams kept here (CO.72, PS3.4 C).

    association    AE title and address on the list, called by our title
    C-ECHO         0000
    C-FIND         FF00 with an identifier for each match, then 0000; FF01 where keys came that
                   we do not support: they are neither matched nor returned
    C-MOVE         images to an AE of the list, FF00 with counts, then 0000, or B000 or A702 with
                   the UIDs of those that were not taken

One request at a time; C-CANCEL ends a C-MOVE with FE00, and so does whoever leaves.
"""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from drimbox.entrypoints.dimse.association import AcceptedAssociation, Request
from drimbox.errors import DrimboxError, InvalidValue, MalformedMessage, NotFound, Unavailable
from drimbox.flows.consumer.serve_kept_exams import KeptInstances, LocalCaller, ServeKeptExams
from drimbox.model.uids import SopInstanceUid
from drimbox.ports.pacs import MoveDestination
from drimbox.settings.partners import LocalQuerySettings
from drimbox.standards.dicom import tags
from drimbox.standards.dicom.attributes import ascii_element
from drimbox.standards.dicom.data_set import DataSet
from drimbox.standards.dicom.query_identifier import parse_query, parse_retrieval
from drimbox.standards.dicomweb.manifest_matches import tags_told
from drimbox.standards.dimse.messages import (
    PATIENT_ROOT_FIND,
    PATIENT_ROOT_MOVE,
    STUDY_ROOT_FIND,
    STUDY_ROOT_MOVE,
    VERIFICATION,
    Command,
    CommandField,
    SubOperations,
)
from drimbox.standards.dimse.pdu import AssociateReject, AssociateRequest
from drimbox.standards.dimse.status import (
    CANCEL,
    IDENTIFIER_DOES_NOT_MATCH,
    MOVE_DESTINATION_UNKNOWN,
    OUT_OF_RESOURCES,
    PROCESSING_FAILURE,
    SUB_OPERATIONS_INCOMPLETE,
    SUB_OPERATIONS_NOT_PERFORMED,
    SUCCESS,
    UNRECOGNIZED_OPERATION,
)

IDLE_SECONDS = 60.0
MAX_ASSOCIATIONS = 16
_PENDING = 0xFF00
_PENDING_WITHOUT_SOME_KEYS = 0xFF01
_ANSWERED = frozenset(
    {VERIFICATION, PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, STUDY_ROOT_FIND, STUDY_ROOT_MOVE}
)
_log = structlog.get_logger("local_query")

MakeDestination = Callable[[str, str, int], MoveDestination]
"""AE title of the list, AE title that asked, its Message ID -> where the images go."""


@dataclass(frozen=True, slots=True)
class LocalQueryDoor:
    """What the listener needs: who may ask, the flow, and the way to those on the list."""

    settings: LocalQuerySettings
    exams: ServeKeptExams
    destination_of: MakeDestination


class QueryRetrieveScp:
    """The listener; `start` returns once it listens, `stop` ends every association.

    is_shared lets the other workers of the host listen on the same port: any of them may answer,
    for exams and images are known to all.
    """

    def __init__(
        self,
        door: LocalQueryDoor,
        *,
        idle_seconds: float = IDLE_SECONDS,
        is_shared: bool = False,
    ) -> None:
        self._door = door
        self._idle_seconds = idle_seconds
        self._is_shared = is_shared
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port in use, once started."""
        assert self._server is not None  # noqa: S101 - a caller's order of calls
        return int(self._server.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Listen.

        Raises:
            Unavailable: the address is taken.
        """
        settings = self._door.settings
        try:
            self._server = await asyncio.start_server(
                self._serve, settings.host, settings.port, reuse_port=self._is_shared or None
            )
        except OSError as error:
            raise Unavailable("local query", "cannot listen on its port") from error

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in one
        self._tasks.add(task)
        association = AcceptedAssociation(reader, writer, self._idle_seconds)
        try:
            await self._answer(association)
        except DrimboxError as error:
            _log.warning("association_aborted", reason=str(error))
            association.abort()
        except EOFError:
            pass
        except asyncio.CancelledError:
            # stop() ends this task; asyncio would log its cancellation as an error (Python 3.11).
            association.abort()
        finally:
            self._tasks.discard(task)
            await association.close()

    async def _answer(self, association: AcceptedAssociation) -> None:
        request = await association.request_of_association()
        reject = self._judge(request, association.address)
        if reject is not None:
            _log.warning("association_refused", reason=reject.reason)
            association.reject(reject)
            return
        association.accept(request, _ANSWERED)
        caller = LocalCaller(request.calling_ae_title, association.address)
        await _Session(self._door, association, caller).run()

    def _judge(self, request: AssociateRequest, address: str) -> AssociateReject | None:
        """Return why not, by PS3.8 table 9-21: titles and address are on the list together."""
        settings = self._door.settings
        if request.called_ae_title != settings.ae_title:
            return AssociateReject(1, 1, 7)
        listed = {(peer.ae_title, peer.host) for peer in settings.peers}
        if (request.calling_ae_title, address) not in listed:
            return AssociateReject(1, 1, 3)
        if len(self._tasks) > MAX_ASSOCIATIONS:
            return AssociateReject(2, 3, 2)
        return None


class _Session:
    """The requests of one association."""

    def __init__(
        self, door: LocalQueryDoor, association: AcceptedAssociation, caller: LocalCaller
    ) -> None:
        self._door = door
        self._association = association
        self._caller = caller
        self._move: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            async for request in self._association.requests():
                await self._take(request)
        finally:
            await self._end_move(is_cancelled=True)

    async def _take(self, request: Request) -> None:
        field = request.command.field
        if field is CommandField.C_CANCEL_RQ:
            await self._end_move(is_cancelled=True)
            return
        await self._end_move(is_cancelled=False)
        if field is CommandField.C_ECHO_RQ:
            self._respond(request, SUCCESS)
        elif field is CommandField.C_FIND_RQ:
            await self._find(request)
        elif field is CommandField.C_MOVE_RQ:
            self._association.is_busy = True
            self._move = asyncio.create_task(self._do_move(request))
        elif not request.command.is_response:
            self._respond(request, UNRECOGNIZED_OPERATION)
        await self._association.drain()

    async def _end_move(self, *, is_cancelled: bool) -> None:
        """Let the C-MOVE under way end, or end it."""
        move, self._move = self._move, None
        if move is None:
            return
        if is_cancelled:
            move.cancel()
        await asyncio.gather(move, return_exceptions=True)
        self._association.is_busy = False

    async def _find(self, request: Request) -> None:
        try:
            has_patients = request.command.sop_class_uid == PATIENT_ROOT_FIND
            query = parse_query(request.identifier, has_patients=has_patients)
            rows = await self._door.exams.find(self._caller, query.query)
        except DrimboxError as error:
            self._respond(request, _status_of(error))
            return
        told = tags_told(query.query.level)
        status = _PENDING if query.has_only(told) else _PENDING_WITHOUT_SOME_KEYS
        for answer in query.answers(rows, self._door.settings.ae_title, told):
            self._respond(request, status, data_set=answer)
            await self._association.drain()
        self._respond(request, SUCCESS)

    async def _do_move(self, request: Request) -> None:
        """Do one C-MOVE; whatever happens, it has its final response."""
        title = request.command.move_destination
        if title not in {peer.ae_title for peer in self._door.settings.peers}:
            self._respond(request, MOVE_DESTINATION_UNKNOWN)
            return
        try:
            query = parse_retrieval(request.identifier)
            kept = await self._door.exams.retrieve(self._caller, query, title)
        except NotFound:
            self._respond(request, SUCCESS, counts=SubOperations(0, 0, 0, 0))
            return
        except DrimboxError as error:
            self._respond(request, _status_of(error))
            return
        with suppress(EOFError):
            await self._send(request, title, kept)

    async def _send(self, request: Request, title: str, kept: KeptInstances) -> None:
        progress = _Progress(kept.uids)

        def tell(uid: SopInstanceUid, outcomes: set[SopInstanceUid]) -> None:
            outcomes.add(uid)
            self._respond(request, _PENDING, counts=progress.counts())

        destination = self._door.destination_of(
            title, self._caller.ae_title, request.command.message_id
        )
        try:
            await destination.store_each(
                kept.instances,
                on_stored=lambda uid: tell(uid, progress.stored),
                on_refused=lambda uid: tell(uid, progress.failed),
            )
        except DrimboxError as error:
            _log.warning("local_move_failed", destination=title, reason=str(error))
        except asyncio.CancelledError:
            counts, failed = progress.counts(), _failed_list(progress.failed)
            self._respond(request, CANCEL, counts=counts, data_set=failed)
            raise
        progress.end()
        counts, failed = progress.final_counts(), _failed_list(progress.failed)
        self._respond(request, progress.status, counts=counts, data_set=failed)
        await self._association.drain()

    def _respond(
        self,
        request: Request,
        status: int,
        *,
        counts: SubOperations = SubOperations(),  # noqa: B008 - frozen
        data_set: DataSet | None = None,
    ) -> None:
        command = request.command
        response = Command(
            CommandField(command.field | 0x8000),
            command.message_id,
            sop_class_uid=command.sop_class_uid,
            status=status,
            has_data_set=data_set is not None,
            sub_operations=counts,
        )
        self._association.send(request.context_id, response, data_set)


@dataclass(slots=True)
class _Progress:
    """Which instances of a C-MOVE were stored, and which were not."""

    wanted: frozenset[SopInstanceUid]
    stored: set[SopInstanceUid] = field(default_factory=set)
    failed: set[SopInstanceUid] = field(default_factory=set)

    def end(self) -> None:
        """Count as failed what was never reached."""
        self.failed |= self.wanted - self.stored

    @property
    def status(self) -> int:
        """The final status (PS3.4 table C.4-2)."""
        if not self.failed:
            return SUCCESS
        return SUB_OPERATIONS_INCOMPLETE if self.stored else SUB_OPERATIONS_NOT_PERFORMED

    def counts(self) -> SubOperations:
        """What a response on the way, or to a cancel, tells."""
        remaining = len(self.wanted) - len(self.stored) - len(self.failed)
        return SubOperations(_us(remaining), _us(len(self.stored)), _us(len(self.failed)), 0)

    def final_counts(self) -> SubOperations:
        """What the last response tells: nothing remains (PS3.7 9.1.4.1.7)."""
        return SubOperations(None, _us(len(self.stored)), _us(len(self.failed)), 0)


def _us(count: int) -> int:
    """Return a count as its 16 bits can tell it."""
    return min(count, 0xFFFF)


def _failed_list(failed: AbstractSet[SopInstanceUid]) -> DataSet | None:
    """Return the identifier of a response where something failed (PS3.4 C.4.2.1.4.2)."""
    if not failed:
        return None
    return {tags.FAILED_SOP_INSTANCE_UID_LIST: ascii_element("UI", "\\".join(sorted(failed)))}


def _status_of(error: DrimboxError) -> int:
    """Return the status of what went wrong (PS3.4 tables C.4-1 and C.4-2)."""
    if isinstance(error, InvalidValue | MalformedMessage):
        return IDENTIFIER_DOES_NOT_MATCH
    return OUT_OF_RESOURCES if isinstance(error, Unavailable) else PROCESSING_FAILURE
